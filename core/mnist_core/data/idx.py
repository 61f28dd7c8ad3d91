"""IDX files, the format that MNIST is published in, gzip or raw.

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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.foreign_files import START, what_it_is

_GZIP_MAGIC = b"\x1f\x8b"
_BLOCK = 1 << 20
_SHOWN_SIZES = 5

_TYPES: dict[int, np.dtype[Any]] = {
    0x08: np.dtype("u1"),
    0x09: np.dtype("i1"),
    0x0B: np.dtype(">i2"),
    0x0C: np.dtype(">i4"),
    0x0D: np.dtype(">f4"),
    0x0E: np.dtype(">f8"),
}
"""Of the values, by their number in IDX."""

_QMNIST_COLUMNS = 8
"""The labels of QMNIST, 32 bits wide: class, NIST series, writer, digit of this writer, NIST class,
index in NIST, duplicate, unused (https://github.com/facebookresearch/qmnist, section 2.2)."""


@dataclass(frozen=True, slots=True)
class _Content:
    name: str
    types: frozenset[int]
    """Those of `_TYPES` that are read."""
    expected: str
    """What the values should be, as words."""
    misfit: Callable[[tuple[int, ...]], str]
    """Why an array of this shape cannot be that, to go on after "which"; empty: it may be."""


def _images_misfit(shape: tuple[int, ...]) -> str:
    wanted = "images have three, images x height x width"
    match len(shape):
        case 3:
            return ""
        case 1:
            return f"is one dimension, as labels have; {wanted}. Are two names swapped?"
        case 2:
            return f"is a row for each image; {wanted}. Write it so."
        case 4:
            return f"is four dimensions, as images in colour have; {wanted}. Make them grey."
        case dimensions:
            return f"is {dimensions} dimensions; {wanted}."


def _labels_misfit(shape: tuple[int, ...]) -> str:
    match len(shape):
        case 1 | 2:
            return ""
        case 3:
            return "is three dimensions, as images have; labels have one. Are two names swapped?"
        case dimensions:
            return f"is {dimensions} dimensions; labels have one."


_IMAGES = _Content(
    "images", frozenset({0x08}), "pixels are uint8, whole numbers from 0 to 255", _images_misfit
)
_LABELS = _Content(
    "labels", frozenset({0x08, 0x09, 0x0B, 0x0C}), "labels are whole numbers", _labels_misfit
)


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

    Two dimensions are read where they are plainly labels: one row or one column, rows of a single
    1 among zeros, or those of QMNIST.

    Raises:
        IdxError: when the file cannot be read, is no IDX file of integer labels, or holds other
            than its header promises.
    """
    values = _read(path, _LABELS)
    if values.ndim == 1:
        return values
    if 1 in values.shape:
        return values.reshape(-1)
    if values.min() == 0 and values.max() == 1 and (values.sum(axis=1) == 1).all():
        classes: NDArray[np.intp] = values.argmax(axis=1)
        return classes
    is_wide = values.shape[1] == _QMNIST_COLUMNS and values.dtype.itemsize == 4
    if is_wide and not values[:, -1].any() and set(np.unique(values[:, 0])) <= set(range(10)):
        return np.ascontiguousarray(values[:, 0])
    raise IdxError(
        f"{path} holds {_product(values.shape)} values, several for each example. Give one label "
        "for each, or rows of a single 1 among zeros."
    )


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
    start = file.read(4)
    if len(start) < 4 or start[:2] != bytes(2) or start[2] not in _TYPES:
        raise IdxError(f"{path} {what_it_is(start + file.read(START - len(start)))}")
    value, dimensions = _TYPES[start[2]], start[3]
    if start[2] not in content.types:
        raise IdxError(f"{path} holds {value.name} values; {content.expected}. Convert them.")
    header_size = 4 + 4 * dimensions
    header = file.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise IdxError(f"{path} ends within its header. Get this file again.")
    shape = struct.unpack(f">{dimensions}I", header)
    if misfit := content.misfit(shape):
        raise IdxError(f"{path} holds {_product(shape)} values, which {misfit}")
    promised = math.prod(shape) * value.itemsize
    if promised == 0:
        raise IdxError(f"{path} holds no {content.name}: its header says {_product(shape)}.")
    if stated % 2**32 != (header_size + promised) % 2**32:
        # A gzip file of several members comes here too and may be in order, so the bytes are
        # counted, without being kept.
        held = sum(map(len, _blocks(file, promised + 1)))
        _require(path, held, promised, shape)
        file.seek(header_size)
    if promised > _memory():
        # The system would end the process rather than say so.
        raise MemoryError
    data = bytearray()
    for block in _blocks(file, promised):
        data += block
    _require(path, len(data) + len(file.read(1)), promised, shape)
    values: NDArray[np.integer[Any]] = np.frombuffer(data, dtype=value).reshape(shape)
    return values


def _memory() -> int:
    """Bytes of memory that this machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _require(path: Path, held: int, promised: int, shape: tuple[int, ...]) -> None:
    if held == promised:
        return
    found = f"only {held} follow" if held < promised else "more follow"
    raise IdxError(
        f"{path} does not hold what its header says: {_product(shape)} values are {promised} "
        f"bytes, but {found}. Get this file again."
    )


def _product(shape: tuple[int, ...]) -> str:
    """Such as "2 x 3"; few of the sizes, since a header may promise 255 of them."""
    shown = [str(size) for size in shape[:_SHOWN_SIZES]] + ["..."] * (len(shape) > _SHOWN_SIZES)
    return " x ".join(shown) or "no"


def _blocks(file: BinaryIO, limit: int) -> Iterator[bytes]:
    """What is left in `file`, at most `limit` bytes."""
    while limit > 0 and (block := file.read(min(_BLOCK, limit))):
        limit -= len(block)
        yield block
