"""Reading IDX files, the format that MNIST is published in, gzip or raw.

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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

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
            f"{path} is a damaged gzip file ({_without_dot(error)}). Get this file again."
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
        _require(path, file, _count(file, promised + 1), promised, shape)
        file.seek(header_size)
    data = _read_up_to(file, promised)
    _require(path, file, len(data) + len(file.read(1)), promised, shape)
    return np.frombuffer(data, dtype=value).reshape(shape)


def _require(path: Path, file: BinaryIO, held: int, promised: int, shape: tuple[int, ...]) -> None:
    if held == promised:
        return
    found = f"only {held} follow" if held < promised else "more follow"
    raise IdxError(
        f"{path} does not hold what its header says: {_product(shape)} values are {promised} "
        f"bytes, but {found}. Get this file again."
    )


def _product(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape)


def _count(file: BinaryIO, limit: int) -> int:
    """How many bytes are left in `file`, at most `limit`."""
    count = 0
    while count < limit and (block := file.read(min(_BLOCK, limit - count))):
        count += len(block)
    return count


def _read_up_to(file: BinaryIO, limit: int) -> bytearray:
    data = bytearray()
    while len(data) < limit and (block := file.read(min(_BLOCK, limit - len(data)))):
        data += block
    return data


def _without_dot(error: Exception) -> str:
    return str(error).rstrip(".")
