"""Single steps of training: the units that dropout keeps, and compiled steps as uncompiled ones."""

import math
import shutil
import sys
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.kernel_cache import install_kernel_cache
from mnist_core.backend.mlx import mx
from mnist_core.checks.check import (
    Check,
    CheckContext,
    Measurement,
    NotRun,
    largest_absolute,
    largest_relative,
    parameter_names,
)
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.network.learner import Learner
from mnist_core.network.models import forward
from mnist_core.network.parameters import initial_parameters, layer_sizes
from mnist_core.recipe.hyperparameters import Hyperparameters

_SHARES = (0.1, 0.5, 0.8)
_EXAMPLES, _UNITS = 400, 250
_DEVIATIONS = 5.0
"""A share that is kept to is this many standard deviations off once in two million times."""


def check_share(_: CheckContext) -> Measurement:
    """The units kept by a layer, by the same layer in two batches, and by two layers in turn."""
    worst, where = 0.0, "none of them"
    for share in _SHARES:
        first = _left(share, step=1) != 0
        later = _left(share, step=2) != 0
        both = (1 - share) ** 2
        counts = (
            (f"a layer that drops {share}", first, 1 - share),
            (f"two batches that drop {share}", first & later, both),
            (f"two layers that drop {share}", _left(share, step=1, layers=2) != 0, both),
        )
        for name, kept, expected in counts:
            deviation = math.sqrt(expected * (1 - expected) / kept.size)
            figure = abs(float(kept.mean()) - expected) / deviation
            if figure > worst:
                worst, where = figure, name
    return Measurement(worst, _DEVIATIONS, f"The largest is in {where}.")


def check_scale(_: CheckContext) -> Measurement:
    """The units that were kept, against 1 / (1 - share)."""
    left = [_left(share, step=1) for share in _SHARES]
    found = [values[values != 0].astype(np.float64) for values in left]
    scaled = [values * (1 - share) for values, share in zip(found, _SHARES, strict=True)]
    names = [f"a layer that drops {share}" for share in _SHARES]
    difference = largest_absolute(scaled, [np.ones_like(values) for values in found], names)
    return difference.within(1e-6)


def _left(share: float, step: int, layers: int = 1) -> NDArray[np.float32]:
    """What is left of units (examples, units) that are all 1 after dropout in each of `layers`."""
    identity, zeros = np.eye(_UNITS, dtype=np.float32), np.zeros(_UNITS, np.float32)
    # The first layer puts out its biases; the others hand on what they get.
    arrays = [np.zeros_like(identity), np.ones_like(zeros), *([identity, zeros] * layers)]
    key = mx.array(np.array([0, step], np.uint32))
    parameters = [mx.array(array) for array in arrays]
    inputs = mx.zeros((_EXAMPLES, _UNITS))
    return np.array(forward(parameters, inputs, "relu", (mx.array(share), key)))


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
        "noise", examples, examples, tuple(map(str, range(_CLASSES))), tuple(range(_CLASSES))
    )


CHECKS = (
    Check(
        "Dropout keeps its share",
        "A layer keeps one minus the share of its units, apart from what other batches and layers "
        "keep. The figure is the largest difference in standard deviations of that many coins.",
        check_share,
    ),
    Check(
        "Dropout scales what it keeps",
        "The units that are kept are divided by one minus the share. The figure is the largest "
        "relative difference.",
        check_scale,
    ),
    Check(
        "Compiled steps as uncompiled ones",
        f"{STEPS} compiled updates give the same weights and optimizer state as uncompiled ones: "
        "the same bits on a Linux CPU, where a run changes over. The figure is the difference "
        "relative to the largest value of an array.",
        check_compiled,
    ),
)
