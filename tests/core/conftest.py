"""Small data sets that a network can learn in a blink."""

import pytest

from helpers.blobs import blobs
from mnist_core.data.dataset import Dataset


@pytest.fixture(autouse=True)
def _unmeasured(unmeasured: None) -> None:
    """Hundreds of tests train for less time than that takes."""


@pytest.fixture(scope="session")
def tiny() -> Dataset:
    """70 training and 30 test images of 6x5 pixels in 4 classes."""
    names = ("zero", "one", "two", "three")
    train, test = blobs(70, 4, (6, 5), 1), blobs(30, 4, (6, 5), 2)
    for shared in (train.images, train.labels, test.images, test.labels):
        shared.flags.writeable = False
    return Dataset("tiny", train, test, names, (0, 1, 2, 3))
