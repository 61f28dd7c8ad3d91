"""Loss and gradients: MLX's against NumPy in float64, by hand and by central differences."""

from collections.abc import Iterator
from dataclasses import dataclass
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
    largest_absolute,
    largest_relative,
    parameter_names,
)
from mnist_core.checks.reference_network import (
    Doubles,
    distance_to_kink,
    doubles,
    forward,
    losses,
)
from mnist_core.network.halves import layers_of, to_mlx, to_numpy
from mnist_core.network.models import (
    ACTIVATIONS,
    backward_pass,
    cross_entropy,
    forward_pass,
)
from mnist_core.network.parameters import initial_parameters
from mnist_core.recipe.hyperparameters import Activation

_STEP = 1e-5
"""How far a logit or weight is moved to either side; the quotient's error is about 1e-10."""
_SAMPLES = 12
"""Entries of each parameter array that are moved."""
_EXAMPLES, _CLASSES = 64, 10
_SMOOTHING = 0.1
_LARGE = 100.0
_ROUNDING = 1e-5
_SIZES = (100, 32, 32, 10)
"""So small that BLAS libraries use one thread: waking more for each product takes longer."""
_KINK_MARGIN = 1e-3
"""Far more than a central difference or rounding can move the sum of a unit."""


def check_loss(label_smoothing: float, _: CheckContext) -> Measurement:
    """The mean loss of random logits."""
    logits, labels = _random_logits()
    found, _gradient = _mlx_loss(logits, labels, label_smoothing)
    expected = losses(logits.astype(np.float64), labels, label_smoothing).mean()
    difference = largest_relative([found], [np.asarray(expected)], ["the mean loss"])
    return difference.within(_ROUNDING)


def check_gradient(label_smoothing: float, _: CheckContext) -> Measurement:
    """The gradient by every logit, against central differences."""
    logits, labels = _random_logits()
    _loss, found = _mlx_loss(logits, labels, label_smoothing)
    expected = _slopes_by_logits(logits.astype(np.float64), labels, label_smoothing)
    names = [f"the gradient by the logit of class {label}" for label in range(_CLASSES)]
    difference = largest_relative(list(found.T), list(expected.T), names)
    return difference.within(_ROUNDING)


def check_large_logits(_: CheckContext) -> Measurement:
    """Logits of -100 and 100, whose exponentials leave the range of float32."""
    random = np.random.default_rng(3)
    logits = random.choice(np.array([-_LARGE, _LARGE], np.float32), (_EXAMPLES, _CLASSES))
    labels = random.integers(0, _CLASSES, _EXAMPLES).astype(np.int32)
    loss, gradient = _mlx_loss(logits, labels, _SMOOTHING)
    exact = logits.astype(np.float64)
    expected_loss = losses(exact, labels, _SMOOTHING).mean()
    difference = largest_absolute(
        [loss / expected_loss, gradient * _EXAMPLES],
        [np.asarray(1.0), _slopes_by_logits(exact, labels, _SMOOTHING) * _EXAMPLES],
        ["the mean loss", "the gradient"],
    )
    return difference.within(_ROUNDING)


def _random_logits() -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    random = np.random.default_rng(2)
    logits = random.normal(0, 3, (_EXAMPLES, _CLASSES)).astype(np.float32)
    return logits, random.integers(0, _CLASSES, _EXAMPLES).astype(np.int32)


def _mlx_loss(
    logits: NDArray[np.float32], labels: NDArray[np.int32], label_smoothing: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Our mean loss () and its gradient (examples, classes)."""
    weight = mx.array(1 / len(labels))
    classes = mx.array(np.arange(logits.shape[1], dtype=np.int32)[None])
    loss, change = cross_entropy(
        mx.array(logits), mx.array(labels[:, None]), classes, weight, label_smoothing
    )
    return np.array(loss)[0, 0], np.array(change * weight)


def _slopes_by_logits(
    logits: Doubles, labels: NDArray[np.int32], label_smoothing: float
) -> Doubles:
    """(examples, classes) central differences of the mean loss."""
    slopes = np.empty_like(logits)
    for label in range(logits.shape[1]):
        # The loss of an example depends on its own logits alone: a column is moved at once.
        step = np.zeros(logits.shape[1])
        step[label] = _STEP
        above = losses(logits + step, labels, label_smoothing)
        below = losses(logits - step, labels, label_smoothing)
        slopes[:, label] = (above - below) / (2 * _STEP * len(labels))
    return slopes


@dataclass(frozen=True, slots=True)
class _RandomBatch:
    """A network and a batch for it."""

    parameters: tuple[NDArray[np.float32], ...]
    inputs: NDArray[np.float32]
    """(examples, pixels) from 0 to 1."""
    labels: NDArray[np.int32]
    """(examples,)."""


def _random_batch() -> _RandomBatch:
    """64 examples whose gradients do not hang on a last digit."""
    random = np.random.default_rng(0)
    parameters = initial_parameters(_SIZES, seed=0)
    inputs = random.uniform(0, 1, (128, _SIZES[0])).astype(np.float32)
    labels = random.integers(0, _SIZES[-1], len(inputs)).astype(np.int32)
    distances = distance_to_kink(doubles(parameters), inputs.astype(np.float64), "relu")
    rows = np.flatnonzero(distances > _KINK_MARGIN)[:64]
    return _RandomBatch(parameters, inputs[rows], labels[rows])


def _mlx_gradients(batch: _RandomBatch, activation: Activation) -> list[NDArray[np.float32]]:
    """Those of our network and loss in MLX, one array a parameter."""
    weight = mx.array(1 / len(batch.labels))
    layers = layers_of(to_mlx(batch.parameters))
    passed = forward_pass(layers, mx.array(batch.inputs), activation)
    labels, classes = mx.array(batch.labels[:, None]), mx.array(np.arange(_SIZES[-1])[None])
    _, change = cross_entropy(passed.logits, labels, classes, weight, 0.0)
    ones = mx.ones((1, len(batch.labels)))
    gradients = backward_pass(layers, passed, change * weight, ones)
    return list(to_numpy(tuple(gradient.value() for gradient in gradients)))


def check_backpropagation(activation: Literal["relu", "sigmoid"], _: CheckContext) -> Measurement:
    """Every gradient of a batch against backpropagation written by hand."""
    batch = _random_batch()
    network = NumpyNetwork(doubles(batch.parameters), activation, len(batch.labels))
    network.loss_and_gradients(batch.inputs.astype(np.float64), batch.labels)
    found = _mlx_gradients(batch, activation)
    difference = largest_relative(found, network.gradients, parameter_names(len(found)))
    return difference.within(_ROUNDING)


def check_central_differences(activation: Activation, _: CheckContext) -> Measurement:
    """A random sample of the gradients against (f(w + h) - f(w - h)) / 2h."""
    batch = _random_batch()
    gradients = _mlx_gradients(batch, activation)
    parameters = doubles(batch.parameters)
    random = np.random.default_rng(2)
    found: list[NDArray[Any]] = []
    expected: list[Doubles] = []
    for array, gradient in zip(parameters, gradients, strict=True):
        entries = random.choice(array.size, min(_SAMPLES, array.size), replace=False)
        found.append(gradient.reshape(-1)[entries])
        slopes = _slopes_by_weights(parameters, array.reshape(-1), entries, batch, activation)
        expected.append(np.fromiter(slopes, np.float64))
    difference = largest_relative(found, expected, parameter_names(len(found)))
    return difference.within(_ROUNDING)


def _slopes_by_weights(
    parameters: list[Doubles],
    flat: Doubles,
    entries: NDArray[np.intp],
    batch: _RandomBatch,
    activation: Activation,
) -> Iterator[float]:
    """Central differences by `entries` of `flat`, a view of one of `parameters`."""
    inputs = batch.inputs.astype(np.float64)
    for entry in entries:
        weight = flat[entry]
        sides = []
        for side in (weight + _STEP, weight - _STEP):
            flat[entry] = side
            logits = forward(parameters, inputs, activation)
            sides.append(float(losses(logits, batch.labels).mean()))
        flat[entry] = weight
        yield (sides[0] - sides[1]) / (2 * _STEP)


_BY_HAND: tuple[Literal["relu", "sigmoid"], ...] = ("relu", "sigmoid")

_SMOOTHINGS = ((0.0, ""), (_SMOOTHING, f", label smoothing {_SMOOTHING}"))

CHECKS = (
    *(
        Check(
            f"Cross-entropy{words}",
            "The mean loss equals log-softmax and then the negative log-likelihood, in float64 "
            "NumPy. The figure is the relative difference.",
            partial(check_loss, smoothing),
        )
        for smoothing, words in _SMOOTHINGS
    ),
    *(
        Check(
            f"Gradient of it{words}",
            "The gradient of the loss by each logit equals a central difference in float64 NumPy. "
            "The figure is the difference relative to the largest of a class.",
            partial(check_gradient, smoothing),
        )
        for smoothing, words in _SMOOTHINGS
    ),
    Check(
        f"Cross-entropy, logits of -{_LARGE:g} and {_LARGE:g}",
        "Loss and gradient stay finite and equal those in float64 NumPy. The figure is the "
        "largest difference, relative for the loss and absolute for an example's gradient.",
        check_large_logits,
    ),
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
            f"MLX's gradients equal central differences, {_SAMPLES} of each array, step {_STEP:g}, "
            "in float64 NumPy. The figure is the difference relative to the largest of them in "
            "the layer.",
            partial(check_central_differences, activation),
        )
        for activation in ACTIVATIONS
    ),
)
