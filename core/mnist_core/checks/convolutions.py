"""LeNet's answers and gradients: MLX's against a NumPy convolution in float64, pixel by pixel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.mlx import mx
from mnist_core.checks.check import (
    Check,
    CheckContext,
    Measurement,
    largest_relative,
    parameter_names,
)
from mnist_core.checks.reference_network import Doubles, doubles, losses
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.network.learner import Batch, Learner, make_gradients
from mnist_core.network.parameters import initial_parameters
from mnist_core.network.shape import ConvolutionShape, NetworkShape
from mnist_core.recipe.hyperparameters import Hyperparameters

_SIDES = (13, 12)
"""Of the images: small, and one row has no partner in its pool."""
_CLASSES = 10
_EXAMPLES, _DRAWN = 16, 200
_BLANK_ROWS = 3
"""Of each image: there the places of a pool are equal, as in the margins of digits."""
_STEP = 1e-5
_SAMPLES = 12
"""Entries of each parameter array that are moved."""
_KINK_MARGIN = 1e-4
"""Far more than a central difference or rounding can move the sum of a unit."""
_EQUAL = 1e-12
_ROUNDING = 1e-5
_RECIPE = Hyperparameters(model="lenet", hidden_sizes=(12,))


@dataclass(frozen=True, slots=True)
class _Network:
    """LeNet on small images, and a batch for it."""

    convolutions: Sequence[ConvolutionShape]
    parameters: tuple[NDArray[np.float32], ...]
    images: NDArray[np.uint8]
    """(examples, height, width)."""
    labels: NDArray[np.uint16]
    """(examples,)."""

    def logits(self, parameters: Sequence[Doubles], images: NDArray[np.uint8]) -> Doubles:
        """(examples, classes), one pixel of a filter after the other."""
        return self._pass(parameters, images)[0]

    def distances(self, images: NDArray[np.uint8]) -> Doubles:
        """(examples,) how close any relu comes to 0, or the two largest of a pool to each other.

        There, the last digit of a sum decides on the gradient. Those that are equal, as on blank
        paper, move together.
        """
        return self._pass(doubles(self.parameters), images)[1]

    def _pass(
        self, parameters: Sequence[Doubles], images: NDArray[np.uint8]
    ) -> tuple[Doubles, Doubles]:
        values: Doubles = images[:, None] / 255.0
        nearest: Doubles = np.full(len(images), np.inf)
        layers = list(zip(parameters[::2], parameters[1::2], strict=True))
        for shape, (weight, bias) in zip(self.convolutions, layers, strict=False):
            sums = convolution(values, weight, bias, shape.convolution.padding)
            rows, columns = sums.shape[2] // 2, sums.shape[3] // 2
            four = np.stack(
                [sums[:, :, y : 2 * rows : 2, x : 2 * columns : 2] for y in (0, 1) for x in (0, 1)]
            )
            largest = four.max(axis=0)
            behind = largest - four
            behind[behind < _EQUAL] = np.inf
            for each in (behind.min(axis=0), np.abs(largest)):
                nearest = np.minimum(nearest, each.reshape(len(images), -1).min(axis=1))
            values = np.maximum(largest, 0)
        values = values.reshape(len(images), -1)
        *hidden, (weight, bias) = layers[len(self.convolutions) :]
        for hidden_weight, hidden_bias in hidden:
            sums = values @ hidden_weight + hidden_bias
            nearest = np.minimum(nearest, np.abs(sums).min(axis=1))
            values = np.maximum(sums, 0)
        return values @ weight + bias, nearest


def convolution(maps: Doubles, weight: Doubles, bias: Doubles, padding: int) -> Doubles:
    """(examples, channels, height, width) of `maps` (examples, inputs, height, width).

    `weight` is (inputs * kernel * kernel, channels), `bias` (channels,).
    """
    inputs, channels = maps.shape[1], len(bias)
    filters = weight.reshape(inputs, -1, channels)
    kernel = round(filters.shape[1] ** 0.5)
    around = (padding, padding)
    padded = np.pad(maps, ((0, 0), (0, 0), around, around))
    height, width = padded.shape[2] - kernel + 1, padded.shape[3] - kernel + 1
    sums = np.zeros((len(maps), channels, height, width)) + bias[:, None, None]
    for y in range(kernel):
        for x in range(kernel):
            seen = padded[:, :, y : y + height, x : x + width]
            sums += np.einsum("nihw,ic->nchw", seen, filters[:, y * kernel + x])
    return sums


def _network() -> _Network:
    random = np.random.default_rng(5)
    shape = NetworkShape.of(_RECIPE, _SIDES, _CLASSES)
    images = random.integers(0, 256, (_DRAWN, *_SIDES), np.uint8)
    images[:, :_BLANK_ROWS] = 0
    labels = random.integers(0, _CLASSES, _DRAWN).astype(np.uint16)
    network = _Network(shape.convolutions, initial_parameters(shape, 0), images, labels)
    rows = np.flatnonzero(network.distances(images) > _KINK_MARGIN)[:_EXAMPLES]
    return _Network(shape.convolutions, network.parameters, images[rows], labels[rows])


def _learner(network: _Network) -> Learner:
    names = tuple(map(str, range(_CLASSES)))
    examples = Examples(network.images, network.labels)
    dataset = Dataset("noise", examples, examples, names, tuple(range(_CLASSES)))
    learner = Learner(_RECIPE, dataset, examples)
    learner.load(network.parameters, None)
    return learner


def check_logits(_: CheckContext) -> Measurement:
    """The answers to a batch."""
    network = _network()
    found = _learner(network).logits(network.images)
    expected = network.logits(doubles(network.parameters), network.images)
    return largest_relative([found], [expected], ["the logits"]).within(_ROUNDING)


def check_central_differences(_: CheckContext) -> Measurement:
    """A random sample of the gradients against (f(w + h) - f(w - h)) / 2h."""
    network = _network()
    gradients = _gradients(network)
    parameters = doubles(network.parameters)
    random = np.random.default_rng(2)
    found, expected = [], []
    for array, gradient in zip(parameters, gradients, strict=True):
        flat = array.reshape(-1)
        entries = random.choice(flat.size, min(_SAMPLES, flat.size), replace=False)
        slopes = []
        for entry in entries:
            before, sides = flat[entry], []
            for side in (before + _STEP, before - _STEP):
                flat[entry] = side
                logits = network.logits(parameters, network.images)
                sides.append(float(losses(logits, network.labels).mean()))
            flat[entry] = before
            slopes.append((sides[0] - sides[1]) / (2 * _STEP))
        found.append(gradient.reshape(-1)[entries])
        expected.append(np.array(slopes))
    return largest_relative(found, expected, parameter_names(len(found))).within(_ROUNDING)


def _gradients(network: _Network) -> list[NDArray[np.float32]]:
    """Those of our network and loss in MLX, one array a parameter."""
    count = len(network.labels)
    batch = Batch(
        pixels=mx.array(network.images.reshape(count, -1)),
        labels=mx.array(network.labels.astype(np.int32)[:, None]),
        weight=mx.array(1 / count),
        pixel_shift=mx.array(0.0),
        pixel_factor=mx.array(1 / 255),
        dropout=mx.array(0.0),
        ones=mx.ones((1, count)),
        classes=mx.array(np.arange(_CLASSES, dtype=np.int32)[None]),
        key=mx.array(np.zeros(2, np.uint32)),
    )
    learn = make_gradients(_RECIPE, tuple(network.convolutions), drops=False)
    arrays = [array if array.ndim > 1 else array[None] for array in network.parameters]
    _, _, gradients = learn(tuple(map(mx.array, arrays)), batch, None)
    return [np.array(gradient.value()) for gradient in gradients]


CHECKS = (
    Check(
        "Answers of lenet",
        "The logits equal those of a convolution in float64 NumPy, one pixel of a filter after the "
        "other. The figure is the largest difference, relative to the largest logit.",
        check_logits,
    ),
    Check(
        "Gradients of lenet, differences",
        f"MLX's gradients equal central differences, {_SAMPLES} of each array, step {_STEP:g}, in "
        "float64 NumPy. The figure is the difference relative to the largest of them in the layer.",
        check_central_differences,
    ),
)
