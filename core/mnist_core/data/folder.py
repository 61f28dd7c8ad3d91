"""A data set in a folder: four IDX files, found by name, checked against each other."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.idx import IdxError, read_images, read_labels

CLASS_NAMES_FILE = "classes.txt"
"""In a folder of the user's: the first line names label 0, the next label 1, and so on."""

_IMAGE_TYPES = ("idx3-ubyte",)
_LABEL_TYPES = ("idx1-ubyte", "idx1-byte", "idx1-short", "idx1-int")
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
        for content, types in (("images", _IMAGE_TYPES), ("labels", _LABEL_TYPES)):
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
