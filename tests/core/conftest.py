"""Small data sets that a network can learn in a blink."""

from collections.abc import Iterator

import pytest

from helpers.blobs import blobs
from mnist_core.data.dataset import Dataset


@pytest.fixture
def tiny() -> Dataset:
    """70 training and 30 test images of 6x5 pixels in 4 classes."""
    names = ("zero", "one", "two", "three")
    return Dataset("tiny", blobs(70, 4, (6, 5), 1), blobs(30, 4, (6, 5), 2), names, (0, 1, 2, 3))


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Train with uncompiled steps, which give the same figures: no g++ runs beside the test."""
    # Not before the folder of its kernels has been set, which is when MLX takes it up.
    from mnist_core.backend.mlx import mx

    kernels = "mnist_core.training.kernel_warmup.StepCompilation._kernels_to_make"
    monkeypatch.setattr(kernels, lambda _: None)
    mx.disable_compile()
    yield
    mx.enable_compile()
