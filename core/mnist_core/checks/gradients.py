"""Gradients: MLX's against backpropagation by hand, and against central differences."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.mlx import mx
from mnist_core.benchmark.engines.numpy_engine import NumpyNetwork
from mnist_core.checks.check import (
    Check,
    CheckContext,
    Measurement,
    largest_relative,
    parameter_names,
)
from mnist_core.checks.references import (
    Doubles,
    RandomBatch,
    doubles,
    forward,
    losses,
    random_batch,
)
from mnist_core.network.models import ACTIVATIONS, Arrays, CrossEntropy
from mnist_core.network.models import forward as mlx_forward
from mnist_core.recipe.hyperparameters import Activation

STEP = 1e-5
"""How far a weight is moved to either side; the error of the quotient is of the order of 1e-10."""
SAMPLES = 12
"""Entries of each parameter array that are moved."""
_ROUNDING = 1e-5


def mlx_gradients(batch: RandomBatch, activation: Activation) -> list[NDArray[np.float32]]:
    """Those that MLX finds for our network and loss, one array a parameter."""
    inputs, labels = mx.array(batch.inputs), mx.array(batch.labels[:, None])
    weight = mx.array(1 / len(batch.labels))
    cross_entropy = CrossEntropy(0.0)

    def loss(parameters: Arrays) -> mx.array:
        return cross_entropy(mlx_forward(parameters, inputs, activation), labels, weight)

    gradients = mx.grad(loss)(tuple(mx.array(array) for array in batch.parameters))
    return [np.array(gradient) for gradient in gradients]


def check_backpropagation(activation: Literal["relu", "sigmoid"], _: CheckContext) -> Measurement:
    """Every gradient of a batch against backpropagation written by hand."""
    batch = random_batch()
    network = NumpyNetwork(doubles(batch.parameters), activation, len(batch.labels))
    network.loss_and_gradients(batch.inputs.astype(np.float64), batch.labels)
    found = mlx_gradients(batch, activation)
    difference = largest_relative(found, network.gradients, parameter_names(len(found)))
    return difference.within(_ROUNDING)


def check_central_differences(activation: Activation, _: CheckContext) -> Measurement:
    """A random sample of the gradients against (f(w + h) - f(w - h)) / 2h."""
    batch = random_batch()
    gradients = mlx_gradients(batch, activation)
    parameters = doubles(batch.parameters)
    random = np.random.default_rng(2)
    found: list[NDArray[Any]] = []
    expected: list[Doubles] = []
    for array, gradient in zip(parameters, gradients, strict=True):
        entries = random.choice(array.size, min(SAMPLES, array.size), replace=False)
        found.append(gradient.reshape(-1)[entries])
        slopes = _slopes(parameters, array.reshape(-1), entries, batch, activation)
        expected.append(np.fromiter(slopes, np.float64))
    difference = largest_relative(found, expected, parameter_names(len(found)))
    return difference.within(_ROUNDING)


def _slopes(
    parameters: list[Doubles],
    flat: Doubles,
    entries: NDArray[np.intp],
    batch: RandomBatch,
    activation: Activation,
) -> Iterator[float]:
    """Central differences by `entries` of `flat`, a view of one of `parameters`."""
    inputs = batch.inputs.astype(np.float64)
    for entry in entries:
        weight = flat[entry]
        sides = []
        for side in (weight + STEP, weight - STEP):
            flat[entry] = side
            logits = forward(parameters, inputs, activation)
            sides.append(float(losses(logits, batch.labels).mean()))
        flat[entry] = weight
        yield (sides[0] - sides[1]) / (2 * STEP)


_BY_HAND: tuple[Literal["relu", "sigmoid"], ...] = ("relu", "sigmoid")

CHECKS = (
    *(
        Check(
            f"Gradients with {activation}, by hand",
            "MLX's gradients equal those of backpropagation in float64 NumPy. The figure is the "
            "difference relative to the layer's largest gradient.",
            partial(check_backpropagation, activation),
        )
        for activation in _BY_HAND
    ),
    *(
        Check(
            f"Gradients with {activation}, differences",
            f"MLX's gradients equal central differences, {SAMPLES} of each array, step {STEP:g}, "
            "in float64 NumPy. The figure is the difference relative to the largest of them in "
            "the layer.",
            partial(check_central_differences, activation),
        )
        for activation in ACTIVATIONS
    ),
)
