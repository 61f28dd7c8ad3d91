"""Small data sets that a network can learn in a blink."""

import numpy as np
import pytest

from mnist_core.dataset import Dataset, Examples


def blobs(examples: int, classes: int, shape: tuple[int, int], seed: int) -> Examples:
    """Noisy images of `shape` with one bright row for each class: easy to learn."""
    random = np.random.default_rng(seed)
    labels = (np.arange(examples) % classes).astype(np.uint16)
    images = random.integers(0, 90, (examples, *shape), dtype=np.uint8)
    images[np.arange(examples), labels % shape[0]] += 120
    return Examples(images, labels)


@pytest.fixture
def tiny() -> Dataset:
    """70 training and 30 test images of 6x5 pixels in 4 classes."""
    names = ("zero", "one", "two", "three")
    return Dataset("tiny", blobs(70, 4, (6, 5), 1), blobs(30, 4, (6, 5), 2), names, (0, 1, 2, 3))
