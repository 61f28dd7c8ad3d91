"""What MLX trains is what hand-written NumPy trains."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from mnist_core.backend.backend import configure
from mnist_core.benchmark.engines.numpy_engine import NumpyEngine
from mnist_core.benchmark.problem import Problem
from mnist_core.data.dataset import Dataset
from mnist_core.data.registry import SYNTHETIC, load_dataset
from mnist_core.events import BatchCompleted
from mnist_core.recipe.presets import presets
from mnist_core.training.train import train

BATCHES = 100


@pytest.fixture(scope="module")
def digits(real_mnist: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset(real_mnist or SYNTHETIC, tmp_path_factory.mktemp("cache"))


@pytest.mark.parametrize("preset", ["mlx-docs", "torch-sigmoid"])
def test_the_first_losses_are_those_of_the_numpy_engine(preset: str, digits: Dataset) -> None:
    recipe = presets()[preset].hyperparameters
    # Batches of all training images, but a short evaluation before them.
    digits = replace(digits, test=digits.test[:500])
    events = train(recipe, digits, backend=configure(threads=1))
    ours = [
        event.loss
        for event in islice((e for e in events if isinstance(e, BatchCompleted)), BATCHES)
    ]
    events.close()

    engine = NumpyEngine(Problem(recipe, digits), threads=1)

    np.testing.assert_allclose(ours, list(islice(engine.batch_losses(), BATCHES)), atol=1e-5)
    # They fell, or agreeing would say little.
    assert np.mean(ours[-20:]) < np.mean(ours[:20]) - 0.005
