"""Data sets of four IDX files, the format that MNIST is published in, gzip or raw.

A file is four bytes (two zeros, the type of the values, the number of dimensions), the dimensions
as big-endian uint32, then the values in C order, big-endian; see "The IDX file format" on
http://yann.lecun.com/exdb/mnist/. Whether a file is gzip is told by its content, not its name.

Files are not trusted. What the header promises must be exactly what follows: both fewer bytes and
more bytes are refused, since either way the header and the values do not belong together. Memory
is taken for bytes that are there, never for bytes that are only promised.
"""

import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset, Examples

_GZIP_MAGIC = b"\x1f\x8b"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class _Content:
    name: str
    dimensions: int
    types: Mapping[int, str]
    """The NumPy types of the values that are read, by their number in IDX."""


_IMAGES = _Content("images", 3, {0x08: "u1"})
_LABELS = _Content("labels", 1, {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4"})


class IdxError(ValueError):
    """Files that cannot be used, as a sentence that names them."""


def read_images(path: Path) -> NDArray[np.uint8]:
    """The images in `path`: (images, height, width), uint8.

    Raises:
        IdxError: when the file cannot be read, is no IDX file of uint8 images, or holds other
            than its header promises.
    """
    return cast(NDArray[np.uint8], _read(path, _IMAGES))


def read_labels(path: Path) -> NDArray[np.integer[Any]]:
    """The labels in `path`: (labels,), any integer type of IDX; uint8 in all published files.

    Raises:
        IdxError: when the file cannot be read, is no IDX file of integer labels, or holds other
            than its header promises.
    """
    return _read(path, _LABELS)


def _read(path: Path, content: _Content) -> NDArray[np.integer[Any]]:
    try:
        with path.open("rb") as file:
            if file.read(2) != _GZIP_MAGIC:
                size = os.fstat(file.fileno()).st_size
                file.seek(0)
                return _decode(path, file, size, content)
            size = _gzip_size(file)
            file.seek(0)
            with gzip.GzipFile(fileobj=file) as unpacked:
                return _decode(path, cast(BinaryIO, unpacked), size, content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise IdxError(
            f"{path} is a damaged gzip file ({str(error).rstrip('.')}). Get this file again."
        ) from error
    except OSError as error:
        raise IdxError(f"{path} cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise IdxError(
            f"{path} holds more {content.name} than there is free memory for."
        ) from error


def _gzip_size(file: BinaryIO) -> int:
    """The size that the trailer of a gzip file states: modulo 2**32, of its last member only."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(0, size - 4))
    return int.from_bytes(file.read(4), "little")


def _decode(path: Path, file: BinaryIO, stated: int, content: _Content) -> NDArray[np.integer[Any]]:
    """Read the values of `file`, whose size is said to be `stated` (modulo 2**32)."""
    dimensions = content.dimensions
    header_size = 4 + 4 * dimensions
    header = file.read(header_size)
    types = {bytes([0, 0, kind, dimensions]): code for kind, code in content.types.items()}
    if header[:4] not in types:
        raise IdxError(
            f"{path} is not an IDX file of {content.name}: it starts with "
            f"{header[:4].hex(' ') or 'no bytes at all'}, not {next(iter(types)).hex(' ')}."
        )
    if len(header) < header_size:
        raise IdxError(f"{path} ends within its header. Get this file again.")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    value = np.dtype(types[header[:4]])
    promised = math.prod(shape) * value.itemsize
    if promised == 0:
        raise IdxError(f"{path} holds no {content.name}: its header says {_product(shape)}.")
    if stated % 2**32 != (header_size + promised) % 2**32:
        # A gzip file of several members comes here too and may be in order, so the bytes are
        # counted, without being kept.
        held = sum(map(len, _blocks(file, promised + 1)))
        _require(path, held, promised, shape)
        file.seek(header_size)
    data = bytearray()
    for block in _blocks(file, promised):
        data += block
    _require(path, len(data) + len(file.read(1)), promised, shape)
    return np.frombuffer(data, dtype=value).reshape(shape)


def _require(path: Path, held: int, promised: int, shape: tuple[int, ...]) -> None:
    if held == promised:
        return
    found = f"only {held} follow" if held < promised else "more follow"
    raise IdxError(
        f"{path} does not hold what its header says: {_product(shape)} values are {promised} "
        f"bytes, but {found}. Get this file again."
    )


def _product(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape)


def _blocks(file: BinaryIO, limit: int) -> Iterator[bytes]:
    """What is left in `file`, at most `limit` bytes."""
    while limit > 0 and (block := file.read(min(_BLOCK, limit))):
        limit -= len(block)
        yield block


CLASS_NAMES_FILE = "classes.txt"
"""In a folder of the user's: the first line names label 0, the next label 1, and so on."""

_ENDINGS = {
    "images": ("idx3-ubyte",),
    "labels": ("idx1-ubyte", "idx1-byte", "idx1-short", "idx1-int"),
}
_MAX_CLASSES = 2**16


def read_folder(folder: Path) -> Dataset:
    """The data set in `folder`, named for it.

    The folder holds train-images-idx3-ubyte, train-labels-idx1-ubyte and the same with t10k- or
    test- instead of train-, each raw or with .gz; a dot may stand for the dash before idx. When a
    file is there more than once, t10k- goes before test- and raw before gzip.

    Raises:
        IdxError: when files are missing, unusable, or do not belong together.
        OSError: when the folder or its class names cannot be read.
    """
    present = {path.name for path in folder.iterdir() if path.is_file()}
    found: list[Path] = []
    missing: list[str] = []
    for prefixes in (("train",), ("t10k", "test")):
        for content, types in _ENDINGS.items():
            names = _possible_names(prefixes, content, types)
            if name := next((name for name in names if name in present), None):
                found.append(folder / name)
            else:
                missing.append(" or ".join(f"{prefix}-{content}-{types[0]}" for prefix in prefixes))
    if missing:
        raise IdxError(
            f"{folder} does not hold {', '.join(missing)}, as they are or with .gz. "
            "A data set is four IDX files in one folder."
        )
    return read_files(folder.resolve().name, found, _class_names_in(folder))


def read_files(name: str, files: Sequence[Path], class_names: Sequence[str]) -> Dataset:
    """The data set in `files`: images and labels to train on, images and labels to test with.

    Every label that occurs in either set is a class, in ascending order. `class_names` has the
    name of label 0, 1, ...; a label without one is named by its number.

    Raises:
        IdxError: when a file is unusable or the files do not belong together.
    """
    train_images, train_labels = _read_examples(files[0], files[1])
    test_images, test_labels = _read_examples(files[2], files[3])
    if train_images.shape[1:] != test_images.shape[1:]:
        raise IdxError(
            f"The images of {files[0]} and {files[2]} differ in size: {_size(train_images)} and "
            f"{_size(test_images)} pixels (height x width). Give both sets the same size."
        )
    labels = np.union1d(train_labels, test_labels)
    if len(labels) > _MAX_CLASSES:
        raise IdxError(
            f"{files[1]} and {files[3]} hold {len(labels)} different labels; "
            f"at most {_MAX_CLASSES} are supported."
        )
    return Dataset(
        name=name,
        train=Examples(train_images, _class_indices(labels, train_labels)),
        test=Examples(test_images, _class_indices(labels, test_labels)),
        class_names=tuple(_name(int(label), class_names) for label in labels),
        class_labels=tuple(int(label) for label in labels),
        source=str(files[0].parent),
    )


def _read_examples(
    images_file: Path, labels_file: Path
) -> tuple[NDArray[np.uint8], NDArray[np.integer[Any]]]:
    labels = read_labels(labels_file)
    if labels.min() < 0:
        raise IdxError(f"{labels_file} holds the label {labels.min()}; labels start at 0.")
    images = read_images(images_file)
    if len(images) != len(labels):
        raise IdxError(
            f"{images_file} holds {len(images)} images, but {labels_file} {len(labels)} labels. "
            "They do not belong together."
        )
    return images, labels


def _class_indices(
    classes: NDArray[np.integer[Any]], labels: NDArray[np.integer[Any]]
) -> NDArray[np.uint16]:
    return np.searchsorted(classes, labels).astype(np.uint16)


def _name(label: int, names: Sequence[str]) -> str:
    given = names[label] if label < len(names) else ""
    return given if given.strip() else str(label)


def _size(images: NDArray[np.uint8]) -> str:
    return f"{images.shape[1]} x {images.shape[2]}"


def _possible_names(prefixes: Sequence[str], content: str, types: Sequence[str]) -> list[str]:
    """The names that a file may have, the preferred first."""
    return [
        f"{prefix}-{content}{mark}{kind}{ending}"
        for prefix in prefixes
        for kind in types
        for mark in "-."
        for ending in ("", ".gz")
    ]


def _class_names_in(folder: Path) -> list[str]:
    path = folder / CLASS_NAMES_FILE
    if not path.exists():
        return []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise IdxError(f"{path} is not UTF-8 text. Save it as UTF-8.") from error
    # splitlines would also cut at control characters that a name may hold.
    return text.split("\n")
