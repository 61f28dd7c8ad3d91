"""The network and its loss in MLX, as functions of their parameters.

Weights are stored (inputs, outputs): the gradient of a matrix product then has the layout of its
weight, so the compiled update stays contiguous. The gradients of the sigmoid and of the loss are
written out: they reuse the exponentials of the forward pass, which take most of its time.
"""

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from mnist_core.backend.mlx import mx
from mnist_core.recipe.hyperparameters import Activation

_CPU = mx.Device(mx.cpu)

Arrays = tuple[mx.array, ...]


def _exp(x: mx.array, sign: int = 1) -> mx.array:
    """e to the power of x, or of -x."""
    if sys.platform == "linux" and mx.default_device() == _CPU:
        # MLX's exp takes twice the time of its power here: 12 ns a value against 5.
        return mx.power(math.exp(sign), x)
    return mx.exp(sign * x)


def _with_gradient(
    function: Callable[..., Any], gradient: Callable[..., Any]
) -> Callable[..., Any]:
    """`function` with its vector-Jacobian product: (inputs, cotangents, outputs) -> gradients."""
    custom = mx.custom_function(function)
    custom.vjp(gradient)
    return cast(Callable[..., Any], custom)


_sigmoid: Callable[[mx.array], mx.array] = _with_gradient(
    lambda x: 1 / (1 + _exp(x, -1)),
    # Differentiating the quotient would give inf * 0, NaN, where e to the -x overflows.
    lambda x, cotangent, s: cotangent * (s * (1 - s)),
)

ACTIVATIONS: Mapping[Activation, Callable[[mx.array], mx.array]] = {
    "relu": lambda x: mx.maximum(x, 0.0),
    "sigmoid": _sigmoid,
    "tanh": mx.tanh,
    "gelu": lambda x: x * (1 + mx.erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x * _sigmoid(x),
    "leaky_relu": lambda x: mx.maximum(x, 0.01 * x),
}


def forward(
    parameters: Sequence[mx.array],
    inputs: mx.array,
    activation: Activation,
    dropout: tuple[mx.array, mx.array] | None = None,
) -> mx.array:
    """Logits (examples, classes) of `inputs` (examples, pixels), float32.

    Args:
        parameters: weight and bias of each layer in turn.
        inputs: scaled pixels.
        activation: applied after every layer but the last.
        dropout: the share of hidden units to drop, with a random key; None keeps all. Kept units
            are scaled up by 1/(1 - share), so that evaluation needs no change (Srivastava et al.,
            "Dropout", 2014, in the inverted form).
    """
    activate = ACTIVATIONS[activation]
    *hidden, (last_weight, last_bias) = zip(parameters[::2], parameters[1::2], strict=True)
    for index, (weight, bias) in enumerate(hidden):
        inputs = activate(inputs @ weight + bias)
        if dropout is not None:
            share, key = dropout
            keys = mx.random.split(key, len(hidden))
            kept = mx.random.uniform(shape=inputs.shape, key=keys[index]) >= share
            inputs = mx.where(kept, inputs / (1 - share), 0.0)
    return inputs @ last_weight + last_bias


@dataclass(frozen=True)
class CrossEntropy:
    """Cross-entropy of a batch in nats, with its gradient written out.

    The target of a class is (1 - s) if it is the label, plus s / classes, for label smoothing s
    (Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7). The gradient,
    softmax - target, needs no exponential of its own.
    """

    label_smoothing: float

    def __call__(self, logits: mx.array, labels: mx.array, weight: mx.array) -> mx.array:
        """The sum over the examples times `weight`, a scalar; 1/examples gives the mean.

        Args:
            logits: (examples, classes).
            labels: (examples, 1), integers.
            weight: an array, so that batches of every size share their compiled kernels.
        """
        loss, _ = self._function(logits, labels, weight)
        return loss

    @cached_property
    def _function(self) -> Callable[..., tuple[mx.array, mx.array]]:
        return _with_gradient(self._loss_and_softmax, self._gradient)

    def _loss_and_softmax(
        self, logits: mx.array, labels: mx.array, weight: mx.array
    ) -> tuple[mx.array, mx.array]:
        smoothing = self.label_smoothing
        shifted = logits - mx.max(logits, axis=1, keepdims=True)
        exponentials = _exp(shifted)
        total = mx.sum(exponentials, axis=1, keepdims=True)
        losses = mx.log(total) - (1 - smoothing) * mx.take_along_axis(shifted, labels, axis=1)
        if smoothing > 0:
            losses = losses - smoothing * mx.mean(shifted, axis=1, keepdims=True)
        return mx.sum(losses * weight), exponentials / total

    def _gradient(self, inputs: Arrays, cotangents: Arrays, outputs: Arrays) -> Arrays:
        logits, labels, weight = inputs
        smoothing, classes = self.label_smoothing, logits.shape[1]
        is_label = labels == mx.arange(classes, dtype=labels.dtype)[None, :]
        target = (1 - smoothing) * is_label + smoothing / classes
        change = (outputs[1] - target) * cotangents[0] * weight
        return change, mx.zeros_like(labels), mx.zeros_like(weight)
