"""Data sets in files that others wrote: IDX raw and packed, whole folders, names of classes."""

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from helpers.fuzzing import Fuzz
from helpers.idx_files import MNIST_FILES, idx_bytes, idx_header
from helpers.mutations import ODD_TEXTS, damaged_bytes, damaged_text
from mnist_core.data.dataset import Dataset
from mnist_core.data.folder import CLASS_NAMES_FILE, read_folder
from mnist_core.data.idx import IdxError, read_images, read_labels
from mnist_core.data.registry import DatasetUnavailable, load_dataset

IMAGES = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
LABELS = np.array([0, 1, 2, 1], np.uint8)
ORIGINALS = (
    idx_bytes(IMAGES),
    idx_bytes(LABELS),
    idx_bytes(LABELS, "int32"),
    idx_bytes(np.eye(4, 3), "int16"),
    idx_bytes(np.zeros((3, 8)), "int32"),
    idx_bytes(IMAGES, "float64"),
)
SIZES = st.sampled_from([0, 1, 2, 3, 4, 2**16, 2**31 - 1, 2**31, 2**32 - 1])
INVENTED = st.builds(
    lambda shape, code, values: idx_header(shape, code) + values,
    st.lists(SIZES, max_size=6),
    st.sampled_from([0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E, 0x00, 0xFF]),
    st.binary(max_size=64),
)
"""Headers that promise anything, and a little of it."""
CONTENTS = st.one_of(damaged_bytes(ORIGINALS), INVENTED)


@st.composite
def packed(draw: st.DrawFn) -> bytes:
    """Members of gzip, whole or damaged, of which the last may state any size."""
    members = [
        gzip.compress(content, draw(st.sampled_from([0, 1])))
        for content in draw(st.lists(CONTENTS, min_size=1, max_size=2))
    ]
    file = b"".join(members)
    if draw(st.booleans()):
        file = draw(damaged_bytes((file,), 2))
    if draw(st.booleans()):
        file = file[:-4] + draw(SIZES).to_bytes(4, "little")
    return file


def read_or_refuse(
    read: Callable[[Path], NDArray[np.integer[Any]]], path: Path
) -> NDArray[np.integer[Any]] | None:
    """What is read; None where that is refused by a sentence that names the file."""
    try:
        return read(path)
    except IdxError as error:
        sentence = str(error)
    assert sentence.startswith(f"{path} ")
    assert len(sentence) < 500
    return None


def test_idx_files(fuzz: Fuzz, tmp_path: Path) -> None:
    path = tmp_path / "file"

    def take(content: bytes) -> None:
        path.write_bytes(content)
        for read, dimensions in ((read_images, 3), (read_labels, 1)):
            found = read_or_refuse(read, path)
            if found is not None:
                assert found.ndim == dimensions
                assert 0 < found.nbytes <= max(len(content) * 8, 1024)

    fuzz("IDX files", CONTENTS, (), take)


def test_packed_idx_files(fuzz: Fuzz, tmp_path: Path) -> None:
    path = tmp_path / "file.gz"

    def take(content: bytes) -> None:
        path.write_bytes(content)
        for read in (read_images, read_labels):
            found = read_or_refuse(read, path)
            assert found is None or found.size > 0

    fuzz("IDX files in gzip", packed(), (), take)


@st.composite
def folders(draw: st.DrawFn) -> dict[str, bytes]:
    """The files of a folder by name: mostly a data set, with what may lie beside it."""
    files: dict[str, bytes] = {}
    for name, content in zip(MNIST_FILES, (IMAGES, LABELS) * 2, strict=True):
        name = name.removesuffix(draw(st.sampled_from(["", ".gz"])))
        files[name] = idx_bytes(content, draw(st.sampled_from(["uint8", "uint8", "int32"])))
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(sorted(files)))
        match draw(st.sampled_from(("rename", "copy", "remove", "damage", "other"))):
            case "rename":
                files[draw(NAMES)] = files.pop(name)
            case "copy":
                files[draw(NAMES)] = files[name]
            case "remove" if len(files) > 1:
                del files[name]
            case "damage":
                files[name] = draw(CONTENTS)
            case _:
                files[draw(NAMES)] = draw(st.binary(max_size=40))
    return files


NAMES = st.one_of(
    st.sampled_from(
        ["train-images.idx3-ubyte", "test-images-idx3-ubyte", "train-labels-idx2-int",
         "t10k-labels-idx1-ubyte.gz", "emnist-train-images", "data.zip", "train.csv", "\x1b[31m",
         "-", "train-images-idx3-ubyte.gz.gz", "TRAIN-IMAGES-IDX3-UBYTE", "é", "\udc80"]
    ),
    st.just(CLASS_NAMES_FILE),
)  # fmt: skip


def check_dataset(found: Dataset) -> None:
    assert len(found.class_names) == len(found.class_labels)
    for examples in (found.train, found.test):
        assert len(examples.images) == len(examples.labels) > 0
        assert examples.labels.max() < len(found.class_names)
    assert all(doubt for doubt in found.doubts)


def test_folders(fuzz: Fuzz, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()

    def take(files: dict[str, bytes]) -> None:
        for old in folder.iterdir():
            old.unlink()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        found = load_dataset(str(folder), tmp_path)
        check_dataset(found)
        assert len(found.fingerprint) > 8

    fuzz("Folders of data", folders(), DatasetUnavailable, take)


def test_names_of_classes(fuzz: Fuzz, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name, values in zip(MNIST_FILES, (IMAGES, LABELS) * 2, strict=True):
        (folder / name).write_bytes(idx_bytes(values))

    def take(content: bytes) -> None:
        (folder / CLASS_NAMES_FILE).write_bytes(content)
        found = read_folder(folder)
        check_dataset(found)
        assert all(name.strip() for name in found.class_names)

    texts = damaged_text(("zero\none\ntwo\n", "\ufeffT-shirt/top\r\nCoat\r\n"), ("\n", "\r", ""))
    contents = st.one_of(
        texts.map(lambda text: text.encode(errors="surrogatepass")),
        st.binary(max_size=30),
        st.sampled_from(ODD_TEXTS).map(lambda text: text.encode("utf-16", "surrogatepass")),
        st.just(zlib.compress(b"zero\n")),
    )
    fuzz("classes.txt", contents, IdxError, take)
