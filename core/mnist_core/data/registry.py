"""Data sets by name or folder: what there is, where it comes from, and how it is loaded.

What is downloaded is checked by checksum; a folder of the user's is checked for structure only.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from types import MappingProxyType
from typing import TYPE_CHECKING

from mnist_core.data.dataset import Dataset
from mnist_core.data.folder import read_files, read_folder
from mnist_core.data.idx import IdxError
from mnist_core.user_folders import user_folder

if TYPE_CHECKING:
    from mnist_core.data.downloads import Progress

SYNTHETIC = "synthetic"
"""The name of the digits that are drawn here; it needs no download."""

_IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


class DatasetUnavailable(Exception):  # noqa: N818 - a past-tense fact, like the events
    """A data set cannot be had: sentences that say why and what to do."""


class LoadingCancelled(Exception):  # noqa: N818 - a request was obeyed, not an error
    """The caller's event was set."""


@dataclass(frozen=True, slots=True)
class PublishedDataset:
    """A data set to download: four IDX files, labels 0 to 9."""

    title: str
    mirrors: tuple[str, ...]
    """Addresses of folders, in the order they are tried."""
    md5: tuple[str, str, str, str]
    """Of the gzip files: training images, training labels, test images, test labels."""
    class_names: tuple[str, ...]

    @property
    def files(self) -> dict[str, str]:
        """The MD5 of each file, in hex, by file name."""
        return dict(zip(_IDX_FILES, self.md5, strict=True))


PUBLISHED: Mapping[str, PublishedDataset] = MappingProxyType(
    {
        "mnist": PublishedDataset(
            title="MNIST",
            mirrors=(
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                "https://storage.googleapis.com/cvdf-datasets/mnist/",
                "https://raw.githubusercontent.com/fgnt/mnist/master/",
            ),
            md5=(
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "9fb629c4189551a2d022fa330f9573f3",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
            class_names=tuple("0123456789"),
        ),
        "fashion_mnist": PublishedDataset(
            title="Fashion-MNIST",
            mirrors=(
                "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            ),
            md5=(
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bef4ecab320f06d8554ea6380940ec79",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
            class_names=(
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
        ),
        "kmnist": PublishedDataset(
            title="Kuzushiji-MNIST",
            mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
            md5=(
                "bdb82020997e1d708af4cf47b453dcf7",
                "e144d726b3acfaa3e44228e80efcd344",
                "5c965bf0a639b31b8f53240b1b52f4d7",
                "7320c461ea6c1c855c0b718fb2a4b134",
            ),
            class_names=("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        ),
    }
)
"""The data sets that can be downloaded, by name."""


def dataset_names() -> tuple[str, ...]:
    """Every name that `load_dataset` knows."""
    return (*PUBLISHED, SYNTHETIC)


def default_cache_folder() -> Path:
    """Where downloads belong on this system; it may not exist yet.

    Raises:
        NoHomeError: this user has no place for them.
    """
    return user_folder("cache") / "datasets"


def is_cached(name: str, cache: Path) -> bool:
    """Whether `load_dataset` would need no download for the published data set `name`.

    False also when the files cannot be read; loading then says why.
    """
    files = PUBLISHED[name].files
    return all(_has_checksum(cache / name / file, md5) for file, md5 in files.items())


def _has_checksum(path: Path, md5: str) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "md5").hexdigest() == md5
    except OSError:
        return False


def load_dataset(
    source: str | Path,
    cache: Path,
    progress: "Progress | None" = None,
    cancel: Event | None = None,
) -> Dataset:
    """Load a data set by name, downloading it where needed, or from a folder of IDX files.

    A text that is one of `dataset_names` is the name; any other, and every `Path`, is a folder, as
    `mnist_core.data.folder.read_folder` says. It blocks for as long as a download takes, of which
    `progress` is told and which `cancel` ends. Images are uint8, labels contiguous class indices.

    Raises:
        DatasetUnavailable: when it cannot be had or is no usable data set.
        LoadingCancelled: when `cancel` was set during a download.
    """
    try:
        if source == SYNTHETIC:
            # Only those who ask for drawn digits wait for what it takes to draw them.
            from mnist_core.data.synthetic import synthetic_dataset

            return replace(synthetic_dataset(cache_folder=cache), data=SYNTHETIC)
        if isinstance(source, str) and source in PUBLISHED:
            return replace(_load_published(source, cache, progress, cancel), data=source)
        dataset = _load_folder(source)
        return replace(dataset, data=str(Path(dataset.source).resolve()))
    except IdxError as error:
        raise DatasetUnavailable(str(error)) from error
    except OSError as error:
        raise DatasetUnavailable(
            f"{source} could not be loaded: {error.strerror or error}."
        ) from error


def _load_published(
    name: str, cache: Path, progress: "Progress | None", cancel: Event | None
) -> Dataset:
    published = PUBLISHED[name]
    folder = cache / name
    if not is_cached(name, cache):
        # Importing requests takes longer than reading a data set that is here already.
        from mnist_core.data.downloads import DownloadCancelled, DownloadFailed, download

        try:
            download(published.files, published.mirrors, folder, progress, cancel)
        except DownloadCancelled as error:
            raise LoadingCancelled from error
        except DownloadFailed as error:
            raise DatasetUnavailable(
                f"{published.title} is not available: {error} "
                "Or name a folder of IDX files with --data DIR."
            ) from error
    return read_files(name, [folder / file for file in _IDX_FILES], published.class_names)


def _load_folder(source: str | Path) -> Dataset:
    try:
        folder = Path(source).expanduser()
    except RuntimeError as error:
        raise DatasetUnavailable(f"{source} begins with a user that is not known here.") from error
    if not folder.is_dir():
        kind = "is a file" if folder.exists() else "is neither the name of a data set nor a folder"
        raise DatasetUnavailable(
            f"{folder} {kind}. Name a folder of IDX files, or one of {', '.join(dataset_names())}."
        )
    return read_folder(folder)
