"""What a network answers, in NumPy: its formulas, in the precision of what they are given."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_core.dataset import Dataset
from mnist_core.hyperparameters import Activation, Hyperparameters

Floats = NDArray[np.floating[Any]]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x: Floats) -> Floats:
    # 1 / (1 + exp(-x)) in a form that cannot overflow.
    return np.asarray((1 + np.tanh(x / 2)) / 2)


ACTIVATIONS: Mapping[Activation, Callable[[Floats], Floats]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "gelu": lambda x: x * (1 + _erf(x / math.sqrt(2)).astype(x.dtype)) / 2,
    "silu": lambda x: x * _sigmoid(x),
    "leaky_relu": lambda x: np.maximum(x, 0.01 * x),
}


def layer_sums(
    parameters: Sequence[Floats], inputs: Floats, activation: Activation
) -> list[Floats]:
    """(examples, outputs) of each layer before its activation; the last are the logits.

    Args:
        parameters: weight (inputs, outputs) and bias (outputs,) of each layer in turn.
        inputs: (examples, pixels), scaled, in the dtype of the parameters.
        activation: applied after every layer but the last.
    """
    sums: list[Floats] = []
    values = inputs
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        sums.append(values @ weight + bias)
        values = ACTIVATIONS[activation](sums[-1])
    return sums


def logits(
    parameters: Sequence[NDArray[np.float32]],
    images: NDArray[np.uint8],
    hyperparameters: Hyperparameters,
    dataset: Dataset,
) -> NDArray[np.float32]:
    """Logits (examples, classes) that `Learner.logits` gives of `images` (examples, height, width).

    `hyperparameters` and `dataset` are those that the parameters were trained with. Weights that
    are not finite give logits that are not, and no warning.
    """
    shift, divisor = pixel_scaling(hyperparameters, dataset)
    pixels = images.reshape(len(images), -1).astype(np.float32)
    inputs = (pixels - np.float32(shift)) * np.float32(1 / divisor)
    with np.errstate(all="ignore"):
        sums = layer_sums(parameters, inputs, hyperparameters.activation)
    return sums[-1].astype(np.float32, copy=False)


def pixel_scaling(hyperparameters: Hyperparameters, dataset: Dataset) -> tuple[float, float]:
    """What to subtract from a pixel, and what to divide it by then."""
    match hyperparameters.pixel_scaling:
        case "unit":
            return 0.0, 255.0
        case "standard":
            # A set of blank images has no deviation; 1 keeps them blank instead of dividing by 0.
            return dataset.pixel_mean, dataset.pixel_deviation or 1.0
        case "none":
            return 0.0, 1.0
