"""Data sets of four IDX files in a folder: how they are found, and what they are together."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.doubts import find_doubts
from mnist_core.data.idx import IdxError, read_images, read_labels

CLASS_NAMES_FILE = "classes.txt"
"""In a folder of the user's: the first line names label 0, the next label 1, and so on."""

_ENDINGS = {
    "images": ("idx3-ubyte",),
    "labels": ("idx1-ubyte", "idx1-byte", "idx1-short", "idx1-int", "idx2-int"),
}
_TRAIN, _TEST = ("train",), ("t10k", "test")
_MAX_CLASSES = 2**16
_RAW = "raw"
"""The folder that torchvision keeps the files of a data set in, as in MNIST/raw."""

_NEAR = re.compile(
    r"(train|t10k|test).*(image|label)|(image|label).*(train|t10k|test)", re.IGNORECASE
)
"""Names that somebody may have taken for those of the four files."""
_OTHER_FORMAT = re.compile(r"\.(zip|tar|tgz|tar\.gz|npz|npy|mat|csv|parquet)$", re.IGNORECASE)
_MOST_NAMED = 4


def read_folder(folder: Path) -> Dataset:
    """The data set in `folder`, named for it, with what is doubtful about it.

    The folder holds train-images-idx3-ubyte, train-labels-idx1-ubyte and the same with t10k- or
    test- instead of train-, each raw or with .gz; a dot may stand for the dash before idx. When a
    file is there more than once, t10k- goes before test- and raw before gzip. Without any of them,
    the folder may be one of torchvision's, which has them in MNIST/raw.

    Raises:
        IdxError: when files are missing, unusable, or do not belong together.
        OSError: when the folder or its class names cannot be read.
    """
    found = _Found.within(folder)
    if not (found.used or found.overlooked):
        found = _in_raw_folder(folder) or found
    if found.missing:
        raise IdxError(
            f"{found.folder} does not hold {'; '.join(found.missing)}. A data set is four "
            f"IDX files in one folder, as they are or with .gz.{_near_misses(found)}"
        )
    place = found.folder.resolve()
    name = place.parent.name if place.name == _RAW else place.name
    files = [found.folder / used for used in found.used]
    dataset = read_files(name, files, _class_names_in(found.folder))
    doubts = find_doubts(dataset)
    if found.overlooked:
        doubts = (
            f"{_listed(found.rivals)} are read, {_listed(found.overlooked)} beside them are not: "
            "move away those that are not meant.",
            *doubts,
        )
    return replace(dataset, doubts=doubts)


@dataclass(frozen=True, slots=True)
class _Found:
    """Which files of a folder are those of a data set, by name."""

    folder: Path
    present: frozenset[str]
    used: tuple[str, ...]
    """Images and labels to train on, images and labels to test with; those there are."""
    missing: tuple[str, ...]
    """What those are called that are not there."""
    rivals: tuple[str, ...]
    """Those of `used` that have a rival."""
    overlooked: tuple[str, ...]
    """Their rivals, which are in their place under another name."""

    @classmethod
    def within(cls, folder: Path) -> "_Found":
        """Raises OSError when it cannot be listed."""
        present = frozenset(path.name for path in folder.iterdir() if path.is_file())
        used, missing, rivals, overlooked = [], [], [], []
        for prefixes in (_TRAIN, _order(_TEST, present)):
            for content, types in _ENDINGS.items():
                names = [name for name in _possible_names(prefixes, content, types)
                         if name in present]  # fmt: skip
                if not names:
                    wanted = (f"{prefix}-{content}-{types[0]}" for prefix in sorted(prefixes))
                    missing.append(" or ".join(wanted))
                    continue
                used.append(names[0])
                # The same file packed and unpacked is no other file.
                others = [name for name in names if _unpacked(name) != _unpacked(names[0])]
                rivals += names[:1] if others else []
                overlooked += others
        return cls(folder, present, tuple(used), tuple(missing), tuple(rivals), tuple(overlooked))


def _order(prefixes: Sequence[str], present: frozenset[str]) -> list[str]:
    """`prefixes`, first those that have images and labels, which then belong together."""

    def lacks(prefix: str) -> bool:
        return not all(
            present.intersection(_possible_names([prefix], content, types))
            for content, types in _ENDINGS.items()
        )

    return sorted(prefixes, key=lacks)


def _possible_names(prefixes: Sequence[str], content: str, types: Sequence[str]) -> list[str]:
    """The names that a file may have, the preferred first."""
    return [
        f"{prefix}-{content}{mark}{kind}{ending}"
        for prefix in prefixes
        for kind in types
        for mark in "-."
        for ending in ("", ".gz")
    ]


def _unpacked(name: str) -> str:
    return name.removesuffix(".gz")


def _in_raw_folder(folder: Path) -> _Found | None:
    """What is in MNIST/raw or raw below `folder`; None: there is no such folder with files.

    Raises:
        IdxError: there are several data sets.
    """
    places = [place for place in (folder / _RAW, *sorted(folder.glob(f"*/{_RAW}")))
              if place.is_dir()]  # fmt: skip
    found = [each for each in map(_Found.within, places) if each.present]
    whole = [each for each in found if not each.missing]
    if len(whole) > 1:
        raise IdxError(
            f"{folder} holds several data sets: "
            f"{_listed([str(each.folder.relative_to(folder)) for each in whole])}. "
            "Name one of these folders."
        )
    return next(iter(whole or found), None)


def _near_misses(found: _Found) -> str:
    """What is there that may be meant, and what to do, in sentences after a space; or empty."""
    others = found.present.difference(found.used)
    packed = sorted(filter(_OTHER_FORMAT.search, others))
    near = sorted(filter(_NEAR.search, others.difference(packed)))
    told = ""
    if near:
        told += f" It holds {_listed(near)}: rename those that are meant."
    if packed:
        told += f" It holds {_listed(packed)}: unpack or convert to IDX what is meant."
    if any("emnist" in name.lower() for name in near):
        told += " The images of EMNIST lie on their side; --transpose sets them upright."
    return told


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:_MOST_NAMED])
    if len(names) > _MOST_NAMED:
        shown.append(f"{len(names) - _MOST_NAMED} more")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if shown[1:] else shown)


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
