"""Compiled steps against uncompiled ones."""

import shutil
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.kernel_cache import install_kernel_cache
from mnist_core.checks.check import (
    Check,
    CheckContext,
    Measurement,
    NotRun,
    largest_relative,
    parameter_names,
)
from mnist_core.data.dataset import Dataset, Examples, class_names_for
from mnist_core.network.learner import Learner
from mnist_core.network.parameters import initial_parameters, layer_sizes
from mnist_core.recipe.hyperparameters import Hyperparameters

STEPS = 5
_RECIPE = Hyperparameters(
    hidden_sizes=(32,),
    dropout=0.3,
    momentum=0.9,
    weight_decay=0.01,
    label_smoothing=0.1,
    batch_size=32,
)
_CLASSES = 10


def check_compiled(context: CheckContext) -> Measurement | NotRun:
    """Some updates by a compiled step and by an uncompiled one."""
    # Only there a run changes over in its midst, when its kernels are ready.
    to_the_bit = sys.platform == "linux" and context.backend.device == "cpu"
    if to_the_bit:
        reason = install_kernel_cache().reason
        if not reason and shutil.which("g++") is None:
            reason = "MLX compiles with g++, which is not installed."
        if reason:
            return NotRun(f"Nothing was compiled, so this was not compared. {reason}")
    dataset = _dataset()
    eager, _ = _learn(dataset, compiled=False)
    compiled, failure = _learn(dataset, compiled=True)
    if failure is not None:
        return NotRun(f"Nothing was compiled, so this was not compared. {failure}")
    names = parameter_names(len(eager) // 2)
    names += [f"the optimizer's memory of {name}" for name in names]
    difference = largest_relative(compiled, eager, names)
    tolerance = 0.0 if to_the_bit else 1e-5
    return difference.within(tolerance)


def _learn(dataset: Dataset, *, compiled: bool) -> tuple[Sequence[NDArray[np.float32]], str | None]:
    """Parameters and optimizer state after `STEPS` updates; why they could not be compiled."""
    learner = Learner(_RECIPE, dataset, dataset.train, compiled=compiled)
    sizes = layer_sizes(dataset.input_size, _RECIPE.hidden_sizes, dataset.class_count)
    learner.load(initial_parameters(sizes, _RECIPE.seed), None)
    for step in range(STEPS):
        rows = np.arange(_RECIPE.batch_size, dtype=np.int32) + step
        learner.update(rows, step, _RECIPE.learning_rate)
    parameters, state = learner.arrays()
    return (*parameters, *state), learner.take_compile_failure()


def _dataset() -> Dataset:
    random = np.random.default_rng(4)
    count = _RECIPE.batch_size + STEPS
    labels = random.integers(0, _CLASSES, count).astype(np.uint16)
    examples = Examples(random.integers(0, 256, (count, 28, 28), np.uint8), labels)
    return Dataset(
        "noise", examples, examples, class_names_for(range(_CLASSES)), tuple(range(_CLASSES))
    )


CHECKS = (
    Check(
        "Compiled steps as uncompiled ones",
        f"{STEPS} compiled updates give the same weights and optimizer state as uncompiled ones: "
        "the same bits on a Linux CPU, where a run changes over. The figure is the difference "
        "relative to the largest value of an array.",
        check_compiled,
    ),
)
