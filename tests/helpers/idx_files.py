"""Small IDX files for tests."""

import gzip
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

_TYPES = {
    "uint8": (0x08, "u1"),
    "int8": (0x09, "i1"),
    "int16": (0x0B, ">i2"),
    "int32": (0x0C, ">i4"),
    "float32": (0x0D, ">f4"),
    "float64": (0x0E, ">f8"),
}

MNIST_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def idx_bytes(values: ArrayLike, kind: str = "uint8") -> bytes:
    """`values` as an uncompressed IDX file."""
    code, dtype = _TYPES[kind]
    array = np.asarray(values, dtype=dtype)
    return idx_header(array.shape, code) + array.tobytes()


def idx_header(shape: Iterable[int], code: int = 0x08) -> bytes:
    """The header alone, which may promise anything."""
    sizes = tuple(shape)
    return bytes([0, 0, code, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes)


def write_idx(path: Path, values: ArrayLike, kind: str = "uint8") -> Path:
    """Write `values` to `path`, compressed when its name ends in .gz."""
    content = idx_bytes(values, kind)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def write_dataset(
    folder: Path,
    train_labels: ArrayLike,
    test_labels: ArrayLike,
    image_shape: tuple[int, int] = (5, 4),
    names: tuple[str, str, str, str] = MNIST_FILES,
    label_kind: str = "uint8",
) -> Path:
    """Write random images with these labels as four IDX files into `folder`; returns `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for labels, images_name, labels_name in (
        (np.asarray(train_labels), names[0], names[1]),
        (np.asarray(test_labels), names[2], names[3]),
    ):
        write_idx(folder / images_name, random.integers(0, 256, (len(labels), *image_shape)))
        write_idx(folder / labels_name, labels, label_kind)
    return folder
