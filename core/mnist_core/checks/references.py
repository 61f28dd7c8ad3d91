"""The network and its loss in float64 NumPy, independent of MLX, and a random batch for it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_core.network.evaluation import layer_sums
from mnist_core.network.parameters import initial_parameters
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


SIZES = (100, 32, 32, 10)
"""So small that BLAS libraries use one thread: waking more for each product takes longer."""
_KINK_MARGIN = 1e-3
"""Far more than a central difference or rounding can move the sum of a unit."""


@dataclass(frozen=True, slots=True)
class RandomBatch:
    """A network and a batch for it."""

    parameters: tuple[NDArray[np.float32], ...]
    inputs: NDArray[np.float32]
    """(examples, pixels) from 0 to 1."""
    labels: NDArray[np.int32]
    """(examples,)."""


def random_batch() -> RandomBatch:
    """64 examples whose gradients do not hang on a last digit."""
    random = np.random.default_rng(0)
    parameters = initial_parameters(SIZES, seed=0)
    inputs = random.uniform(0, 1, (128, SIZES[0])).astype(np.float32)
    labels = random.integers(0, SIZES[-1], len(inputs)).astype(np.int32)
    distances = distance_to_kink(doubles(parameters), inputs.astype(np.float64), "relu")
    rows = np.flatnonzero(distances > _KINK_MARGIN)[:64]
    return RandomBatch(parameters, inputs[rows], labels[rows])
