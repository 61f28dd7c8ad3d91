"""Small data sets that a network can learn in a blink."""

import pytest

from helpers.blobs import blobs
from mnist_core.data.dataset import Dataset


@pytest.fixture
def tiny() -> Dataset:
    """70 training and 30 test images of 6x5 pixels in 4 classes."""
    names = ("zero", "one", "two", "three")
    return Dataset("tiny", blobs(70, 4, (6, 5), 1), blobs(30, 4, (6, 5), 2), names, (0, 1, 2, 3))
