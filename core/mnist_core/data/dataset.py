"""A data set in memory, how it is split for training, and which of its samples are shown."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

PUBLISHED_TEST_SIZE = 10
"""The "MLX 03" post validates on all test images but these last ones, and shows them."""
_COUNTED = 1 << 16
"""Pixels counted at a time, few enough to stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Examples:
    """Images with their labels, in the order of their files."""

    images: NDArray[np.uint8]
    """(examples, height, width), dark background = 0."""
    labels: NDArray[np.uint16]
    """(examples,), indices into `Dataset.class_names`."""

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise ValueError(f"{len(self.images)} images do not match {len(self.labels)} labels.")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> "Examples":
        return Examples(self.images[rows], self.labels[rows])


@dataclass(frozen=True)
class Dataset:
    """Training and test examples with the names of their classes; images stay uint8."""

    name: str
    train: Examples
    test: Examples
    class_names: tuple[str, ...]
    """One name a class, text from outside: draw it as plain text."""
    class_labels: tuple[int, ...]
    """The label that the files use for each class; labels in files may have gaps."""
    source: str = ""
    """Where it came from, for people: a folder, an address, or how it was made."""
    synthetic: bool = field(default=False, kw_only=True)
    data: str = field(default="", kw_only=True)
    """What --data takes to load it again: a name, or the absolute path of a folder."""
    transposed: bool = field(default=False, kw_only=True)
    """Whether rows and columns of its images were swapped after they were read."""
    doubts: tuple[str, ...] = field(default=(), kw_only=True)
    """Why figures on it may say little, one sentence each; text from outside is in them."""

    @property
    def image_shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        height, width = self.train.images.shape[1:]
        return height, width

    @property
    def input_size(self) -> int:
        """Pixels in an image."""
        height, width = self.image_shape
        return height * width

    @property
    def class_count(self) -> int:
        return len(self.class_names)

    @cached_property
    def dark_on_light(self) -> bool:
        """Whether the mean training pixel is above half, as on scanned paper."""
        return bool(self.pixel_mean > 127.5)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of every image and label, whatever their name and place: 32 hexadecimal digits.

        It takes some 60 ms for MNIST, and lets other threads work meanwhile.
        """
        digest = hashlib.blake2b(digest_size=16)
        for examples in (self.train, self.test):
            digest.update(repr(examples.images.shape).encode())
            digest.update(np.ascontiguousarray(examples.images).data)
            digest.update(examples.labels.astype("<u2").data)
        return digest.hexdigest()

    @cached_property
    def _pixel_counts(self) -> NDArray[np.int64]:
        pixels = self.train.images.reshape(-1)
        # A part at a time: NumPy counts in a copy that takes eight bytes a pixel.
        parts = (pixels[start : start + _COUNTED] for start in range(0, len(pixels), _COUNTED))
        counts = np.zeros(256, np.int64)
        for part in parts:
            counts += np.bincount(part, minlength=256)
        return counts

    @cached_property
    def pixel_mean(self) -> float:
        """Mean of all training pixels, 0 to 255."""
        return float(np.average(np.arange(256), weights=self._pixel_counts))

    @cached_property
    def pixel_deviation(self) -> float:
        """Standard deviation of all training pixels, 0 to 127.5."""
        spread = (np.arange(256) - self.pixel_mean) ** 2
        return float(np.sqrt(np.average(spread, weights=self._pixel_counts)))


def transpose(dataset: Dataset) -> Dataset:
    """The same data with rows and columns of each image swapped, which their name says.

    The images of EMNIST lie on their side, as MATLAB has them, and stand upright after it.
    """

    def turned(examples: Examples) -> Examples:
        return Examples(np.ascontiguousarray(examples.images.swapaxes(1, 2)), examples.labels)

    return replace(
        dataset,
        name=f"{dataset.name} transposed",
        train=turned(dataset.train),
        test=turned(dataset.test),
        transposed=not dataset.transposed,
    )


@dataclass(frozen=True, slots=True)
class Split:
    """What a run trains on, ranks by, and is tested on."""

    train: Examples
    validation: Examples | None
    test: Examples


def split(dataset: Dataset, validation: Literal["none", "published"] | int) -> Split:
    """Hold out validation examples as the hyperparameter `validation` says.

    Raises:
        ValueError: when the data set is too small for it, as a sentence for the user.
    """
    train, test = dataset.train, dataset.test
    if validation == "none":
        return Split(train, None, test)
    if validation == "published":
        kept = PUBLISHED_TEST_SIZE
        if len(test) <= kept:
            raise ValueError(
                f"Validation “published” needs more than {kept} test images; "
                f"{dataset.name} has {len(test)}. Choose none or a number."
            )
        return Split(train, test[:-kept], test[tested(validation)])
    if validation >= len(train):
        raise ValueError(
            f"Validation asks for {validation} of the training examples, but {dataset.name} has "
            f"{len(train)}. Choose a smaller number, so that some are left to train on."
        )
    return Split(train[:-validation], train[-validation:], test)


def tested(validation: Literal["none", "published"] | int) -> slice:
    """Which of a data set's test examples a run is tested on, as `split` takes them."""
    return slice(-PUBLISHED_TEST_SIZE, None) if validation == "published" else slice(None)


def shown_samples(labels: NDArray[np.uint16], class_count: int, count: int) -> NDArray[np.intp]:
    """Indices of up to `count` examples to show, the classes in turn, each in file order."""
    rank = np.empty(len(labels), dtype=np.int64)
    for label in range(class_count):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    order = np.lexsort((labels, rank))
    return np.sort(order[:count]) if len(order) <= count else order[:count]
