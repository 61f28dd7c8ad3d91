"""The network and its loss in MLX, as functions of their parameters, with their gradients.

Weights are stored (inputs, outputs): the gradient of a matrix product then has the layout of its
weight, so the compiled update stays contiguous. Biases are rows, (1, outputs), so that their
gradient is a product too. Gradients are written out, by the chain rule from the last layer down: a
rule can then add a product to the weights instead of making it first, and the derivatives reuse
what the forward pass has computed.

A step of small arrays takes as long as it has operations, about 4 us each on a CPU, however little
each does: that is why some sums keep their dimensions here, and constants are given.
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.mlx import mx
from mnist_core.recipe.hyperparameters import Activation

_CPU = mx.Device(mx.cpu)

Arrays = tuple[mx.array, ...]


def _on_linux_cpu() -> bool:
    return sys.platform == "linux" and bool(mx.default_device() == _CPU)


def _exp(x: mx.array) -> mx.array:
    if _on_linux_cpu():
        # MLX's exp takes twice the time of its power here: 12 ns a value against 5.
        return mx.power(math.e, x)
    return mx.exp(x)


_TANH_BOUND = 7.90531110763549805
_TANH_ABOVE = (-2.76076847742355e-16, 2.00018790482477e-13, -8.60467152213735e-11,
               5.12229709037114e-08, 1.48572235717979e-05, 6.37261928875436e-04,
               4.89352455891786e-03)  # fmt: skip
_TANH_BELOW = (1.19825839466702e-06, 1.18534705686654e-04, 2.26843463243900e-03,
               4.89352518554385e-03)  # fmt: skip
"""A rational approximation of tanh: x times the first polynomial of x squared over the second, each
from its highest power down; beyond the bound, tanh is 1 in float32. From Eigen's `ptanh_float`."""


def _tanh(x: mx.array) -> mx.array:
    if not _on_linux_cpu():
        return mx.tanh(x)
    # MLX calls the C library for each value here: 14 ns against 2.
    x = mx.clip(x, -_TANH_BOUND, _TANH_BOUND)
    square = x * x

    def polynomial(factors: tuple[float, ...]) -> mx.array:
        highest, *others = factors
        return reduce(lambda value, factor: value * square + factor, others, mx.array(highest))

    return x * polynomial(_TANH_ABOVE) / polynomial(_TANH_BELOW)


def _sigmoid(x: mx.array) -> mx.array:
    return 0.5 + 0.5 * _tanh(0.5 * x) if _on_linux_cpu() else mx.sigmoid(x)


def to_mlx(arrays: Sequence[NDArray[np.float32]], slots: int = 1) -> Arrays:
    """Parameters, or `slots` arrays for each, with biases as rows."""
    return tuple(
        mx.array(array[None] if index // slots % 2 else array) for index, array in enumerate(arrays)
    )


def to_numpy(arrays: Arrays, slots: int = 1) -> tuple[NDArray[np.float32], ...]:
    """Copies of the same, with biases (outputs,)."""
    return tuple(
        np.array(array)[0] if index // slots % 2 else np.array(array)
        for index, array in enumerate(arrays)
    )


class ActivationFunction(NamedTuple):
    """An activation and its derivative, elementwise."""

    value: Callable[[mx.array], mx.array]
    slope: Callable[[mx.array, mx.array], mx.array]
    """(x, value(x)) -> the derivative at x."""


def _gelu(x: mx.array) -> mx.array:
    return x * (1 + mx.erf(x / math.sqrt(2))) / 2


def _gelu_slope(x: mx.array, _: mx.array) -> mx.array:
    density = _exp(x * x * -0.5) / math.sqrt(2 * math.pi)
    return (1 + mx.erf(x / math.sqrt(2))) / 2 + x * density


def _silu_slope(x: mx.array, y: mx.array) -> mx.array:
    share = _sigmoid(x)
    return share + y * (1 - share)


ACTIVATIONS: Mapping[Activation, ActivationFunction] = {
    "relu": ActivationFunction(lambda x: mx.maximum(x, 0.0), lambda _, y: y > 0),
    "sigmoid": ActivationFunction(_sigmoid, lambda _, y: y * (1 - y)),
    "tanh": ActivationFunction(_tanh, lambda _, y: 1 - y * y),
    "gelu": ActivationFunction(_gelu, _gelu_slope),
    "silu": ActivationFunction(lambda x: x * _sigmoid(x), _silu_slope),
    "leaky_relu": ActivationFunction(
        lambda x: mx.maximum(x, 0.01 * x), lambda x, _: mx.where(x > 0, 1.0, 0.01)
    ),
}


class ForwardPass(NamedTuple):
    """What a batch made of a network: enough to go back through it."""

    inputs: list[mx.array]
    """Of each layer: (examples, inputs)."""
    slopes: list[mx.array]
    """Of each hidden layer: (examples, outputs), the derivative of what it hands on by its sum."""
    logits: mx.array
    """(examples, classes)."""


def forward_pass(
    parameters: Sequence[mx.array],
    inputs: mx.array,
    activation: Activation,
    dropout: tuple[mx.array, mx.array] | None = None,
) -> ForwardPass:
    """Go through the layers with `inputs` (examples, pixels), float32.

    Args:
        parameters: weight (inputs, outputs) and bias (1, outputs) of each layer in turn.
        inputs: scaled pixels.
        activation: applied after every layer but the last.
        dropout: the share of hidden units to drop, with a random key; None keeps all. Kept units
            are scaled up by 1/(1 - share), so that evaluation needs no change (Srivastava et al.,
            "Dropout", 2014, in the inverted form).
    """
    function = ACTIVATIONS[activation]
    *hidden, (last_weight, last_bias) = zip(parameters[::2], parameters[1::2], strict=True)
    given, slopes = [inputs], []
    for index, (weight, bias) in enumerate(hidden):
        sums = mx.addmm(bias, given[-1], weight)
        output = function.value(sums)
        slope = function.slope(sums, output)
        if dropout is not None:
            share, key = dropout
            keys = mx.random.split(key, len(hidden))
            kept = mx.random.uniform(shape=output.shape, key=keys[index]) >= share
            factor = kept / (1 - share)
            output, slope = output * factor, slope * factor
        given.append(output)
        slopes.append(slope)
    return ForwardPass(given, slopes, mx.addmm(last_bias, given[-1], last_weight))


def cross_entropy(
    logits: mx.array,
    labels: mx.array,
    classes: mx.array,
    weight: mx.array,
    label_smoothing: float,
) -> tuple[mx.array, mx.array]:
    """The loss of a batch in nats, (1, 1), and what it changes by: (examples, classes).

    The loss is the sum over the examples times `weight`, so 1/examples gives the mean. Times
    `weight`, the second is its gradient by each logit: softmax - target.

    The target of a class is (1 - s) if it is the label, plus s / classes, for label smoothing s
    (Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7).

    Args:
        logits: (examples, classes).
        labels: (examples, 1), integers.
        classes: (1, classes), all of them in their order, of the same type.
        weight: an array, so that batches of every size share their compiled kernels.
        label_smoothing: s, from 0 to 1.
    """
    highest = mx.max(logits, axis=1, keepdims=True)
    exponentials = _exp(logits - highest)
    total = mx.sum(exponentials, axis=1, keepdims=True)
    of_label = mx.take_along_axis(logits, labels, axis=1) - highest
    losses = mx.log(total) - (1 - label_smoothing) * of_label
    if label_smoothing > 0:
        losses = losses - label_smoothing * mx.mean(logits - highest, axis=1, keepdims=True)
    target = (1 - label_smoothing) * (labels == classes) + label_smoothing / logits.shape[1]
    return mx.sum(losses * weight, keepdims=True), exponentials / total - target


class Gradient(NamedTuple):
    """The gradient of the loss by one parameter array, as the product that it is."""

    factors: mx.array
    """What the layer's sums are multiplied from: (inputs, examples) for a weight, (1, examples) of
    ones for a bias."""
    delta: mx.array
    """(examples, outputs), the gradient by the sums of the layer."""
    is_of_bias: bool

    def value(self) -> mx.array:
        """Of the shape of the parameter."""
        return self.factors @ self.delta

    def added_to(self, array: mx.array) -> mx.array:
        """The sum of both; where nobody else needs `array`, the product is added in its memory."""
        return mx.addmm(array, self.factors, self.delta)


def backward_pass(
    parameters: Sequence[mx.array], passed: ForwardPass, delta: mx.array, ones: mx.array
) -> list[Gradient]:
    """The gradients of `parameters` for a gradient `delta` (examples, classes) by the logits.

    `ones` are (1, examples).
    """
    gradients: list[Gradient] = []
    for layer in reversed(range(len(passed.inputs))):
        of_weight = Gradient(passed.inputs[layer].T, delta, is_of_bias=False)
        gradients[:0] = [of_weight, Gradient(ones, delta, is_of_bias=True)]
        if layer:
            delta = (delta @ parameters[2 * layer].T) * passed.slopes[layer - 1]
    return gradients
