"""The network and its loss in MLX, as functions of their parameters.

Weights are stored (inputs, outputs): the gradient of a matrix product then has the layout of its
weight, so the compiled update stays contiguous.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from mnist_core.hyperparameters import Activation
from mnist_core.mlx import mx

ACTIVATIONS: Mapping[Activation, Callable[[mx.array], mx.array]] = {
    "relu": lambda x: mx.maximum(x, 0.0),
    "sigmoid": mx.sigmoid,
    "tanh": mx.tanh,
    "gelu": lambda x: x * (1 + mx.erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x * mx.sigmoid(x),
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
    apply = ACTIVATIONS[activation]
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))
    for index, (weight, bias) in enumerate(layers[:-1]):
        inputs = apply(inputs @ weight + bias)
        if dropout is not None:
            share, key = dropout
            keys = mx.random.split(key, len(layers))
            kept = mx.random.uniform(shape=inputs.shape, key=keys[index]) >= share
            inputs = mx.where(kept, inputs / (1 - share), 0.0)
    weight, bias = layers[-1]
    return inputs @ weight + bias


def loss_and_correct(
    logits: mx.array, labels: mx.array, label_smoothing: float
) -> tuple[mx.array, mx.array]:
    """Mean cross-entropy in nats and the number of right predictions, both scalars.

    The target of a class is (1 - s) if it is the label, plus s / classes, for label smoothing s
    (Szegedy et al., "Rethinking the Inception Architecture", 2016, section 7).
    """
    chosen = mx.take_along_axis(logits, labels[:, None], axis=1).squeeze(1)
    losses = mx.logsumexp(logits, axis=1) - (1 - label_smoothing) * chosen
    if label_smoothing > 0:
        losses = losses - label_smoothing * mx.mean(logits, axis=1)
    return mx.mean(losses), mx.sum(mx.argmax(logits, axis=1) == labels)
