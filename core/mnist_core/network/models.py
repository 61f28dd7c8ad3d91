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

from mnist_core.backend.mlx import mx
from mnist_core.network.halves import Arrays, Layer, stream_of
from mnist_core.recipe.hyperparameters import Activation

_CPU = mx.Device(mx.cpu)


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


class Dropout(NamedTuple):
    """Which hidden units are dropped."""

    share: mx.array
    """Of them, scalar."""
    key: mx.array
    """A random key, (2,) uint32."""
    within: Arrays = ()
    """Of examples that are a part of a batch: its (examples,) places, theirs first, int32."""

    def kept(self, examples: int, units: int, layer: int, layers: int) -> mx.array:
        """(examples, units) of hidden layer `layer` of `layers`: 0, or what scales a unit up.

        A part of a batch has what the whole batch would have had in its place.
        """
        (places,) = self.within or (None,)
        shape = examples if places is None else len(places), units
        drawn = mx.random.uniform(shape=shape, key=mx.random.split(self.key, layers)[layer])
        if places is not None:
            drawn = drawn[places[:examples]]
        return (drawn >= self.share) / (1 - self.share)


class ForwardPass(NamedTuple):
    """What a batch made of a network: enough to go back through it."""

    inputs: list[Arrays]
    """Of each layer: (examples, inputs), or two halves."""
    slopes: list[Arrays]
    """Of each hidden layer: (examples, outputs), the derivative of what it hands on by its sum; or
    two halves."""
    logits: mx.array
    """(examples, classes)."""


def forward_pass(
    layers: Sequence[Layer],
    inputs: mx.array,
    activation: Activation,
    dropout: Dropout | None = None,
) -> ForwardPass:
    """Go through the layers with `inputs` (examples, pixels), float32.

    Args:
        layers: of a network, whole or in halves.
        inputs: scaled pixels.
        activation: applied after every layer but the last.
        dropout: None keeps all hidden units. Kept units are scaled up by 1/(1 - share), so that
            evaluation needs no change (Srivastava et al., "Dropout", 2014, in the inverted form).
    """
    function = ACTIVATIONS[activation]
    *hidden, last = layers
    given: list[Arrays] = [(inputs,)]
    slopes: list[Arrays] = []
    for index, layer in enumerate(hidden):
        sums = _sums(layer, given[-1])
        kept = None
        if dropout is not None:
            units = sum(part.shape[1] for part in sums)
            factor = dropout.kept(len(inputs), units, index, len(hidden))
            kept = [factor] if len(sums) == 1 else mx.split(factor, [sums[0].shape[1]], axis=1)
        outputs, slopes_of_layer = [], []
        for half, part in enumerate(sums):
            with stream_of(half):
                output = function.value(part)
                slope = function.slope(part, output)
                if kept is not None:
                    output, slope = output * kept[half], slope * kept[half]
            outputs.append(output)
            slopes_of_layer.append(slope)
        given.append(tuple(outputs))
        slopes.append(tuple(slopes_of_layer))
    (logits,) = _sums(last, given[-1])
    return ForwardPass(given, slopes, logits)


def _sums(layer: Layer, given: Arrays) -> Arrays:
    """What a layer makes of its inputs, before the activation."""
    if len(layer.biases) == 2:
        return tuple(_in_half(half, mx.addmm, layer.biases[half], given[0], layer.weights[half])
                     for half in (0, 1))  # fmt: skip
    of_first = mx.addmm(layer.biases[0], given[0], layer.weights[0])
    if len(given) == 1:
        return (of_first,)
    return (of_first + _in_half(1, mx.matmul, given[1], layer.weights[1]),)


def _in_half(half: int, operation: Callable[..., mx.array], *arguments: mx.array) -> mx.array:
    with stream_of(half):
        return operation(*arguments)


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
    half: int = 0
    """Where it is computed, and the parameter with it."""

    def value(self) -> mx.array:
        """Of the shape of the parameter."""
        return self.factors @ self.delta

    def added_to(self, array: mx.array) -> mx.array:
        """The sum of both; where nobody else needs `array`, the product is added in its memory."""
        return mx.addmm(array, self.factors, self.delta)


class SummedGradient(NamedTuple):
    """A gradient as an array: the sum of those of several ranks, or over the places of a filter."""

    array: mx.array
    is_of_bias: bool
    half: int = 0

    def value(self) -> mx.array:
        """Of the shape of the parameter."""
        return self.array

    def added_to(self, array: mx.array) -> mx.array:
        """The sum of both."""
        return array + self.array


AnyGradient = Gradient | SummedGradient


def backward_pass(
    layers: Sequence[Layer], passed: ForwardPass, delta: mx.array, ones: mx.array
) -> list[Gradient]:
    """The gradients of the arrays of `layers` for one `delta` (examples, classes) by the logits.

    `ones` are (1, examples).
    """
    gradients: list[Gradient] = []
    deltas: Arrays = (delta,)
    for index in reversed(range(len(layers))):
        layer, given = layers[index], passed.inputs[index]
        # Of what is not halved, both halves take the same.
        weights = [
            Gradient(given[half % len(given)].T, deltas[half % len(deltas)], False, half)
            for half in range(len(layer.weights))
        ]
        biases = [Gradient(ones, deltas[half], True, half) for half in range(len(layer.biases))]
        gradients[:0] = weights + biases
        if index:
            deltas = _deltas_before(layer, deltas, passed.slopes[index - 1])
    return gradients


def _deltas_before(layer: Layer, deltas: Arrays, slopes: Arrays) -> Arrays:
    """The gradient by the sums of the layer before; `slopes` are of that."""
    if len(slopes) == 2:
        return tuple(
            _in_half(half, lambda delta, weight, slope: (delta @ weight.T) * slope,
                     deltas[0], layer.weights[half], slopes[half])
            for half in (0, 1)
        )  # fmt: skip
    change = deltas[0] @ layer.weights[0].T
    if len(deltas) == 2:
        change = change + _in_half(
            1, lambda delta, weight: delta @ weight.T, deltas[1], layer.weights[1]
        )
    return (change * slopes[0],)
