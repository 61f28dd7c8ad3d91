"""The network and its loss in float64 NumPy, independent of MLX."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_core.network.evaluation import layer_sums
from mnist_core.recipe.hyperparameters import Activation

Doubles = NDArray[np.float64]
Labels = NDArray[np.integer]


def doubles(arrays: Sequence[NDArray[np.float32]]) -> list[Doubles]:
    """The same values in float64."""
    return [array.astype(np.float64) for array in arrays]


def forward(parameters: Sequence[Doubles], inputs: Doubles, activation: Activation) -> Doubles:
    """Logits (examples, classes) of `inputs` (examples, pixels).

    `parameters` are weight (inputs, outputs) and bias (outputs,) of each layer in turn.
    """
    return np.asarray(layer_sums(parameters, inputs, activation)[-1], np.float64)


def distance_to_kink(
    parameters: Sequence[Doubles], inputs: Doubles, activation: Activation
) -> Doubles:
    """(examples,) how close any hidden unit comes to 0, where relu has two slopes.

    There, the last digit of a sum decides on the gradient.
    """
    hidden = layer_sums(parameters, inputs, activation)[:-1]
    distances: Doubles = np.array([np.abs(sums).min(axis=1) for sums in hidden])
    return np.asarray(distances.min(axis=0))


def losses(logits: Doubles, labels: Labels, label_smoothing: float = 0.0) -> Doubles:
    """(examples,) cross-entropy in nats: log-softmax, then the negative log-likelihood.

    With smoothing s the target of a class is (1 - s) if it is the label, plus s / classes.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    of_label: Doubles = -log_softmax[np.arange(len(labels)), labels]
    of_all: Doubles = -log_softmax.mean(axis=1)
    return (1 - label_smoothing) * of_label + label_smoothing * of_all
