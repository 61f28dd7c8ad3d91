"""A model as a function of its pixels: all that an explanation asks of it. NumPy only.

What depends on the kind of model stands here and nowhere else: its logits, their gradient with
respect to the pixels, and its last hidden layer.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_core.network.evaluation import (
    ACTIVATIONS,
    Floats,
    PixelStatistics,
    layer_sums,
    pixel_scaling,
    scaled_inputs,
)
from mnist_core.recipe.hyperparameters import Activation, Hyperparameters

Images = NDArray[np.uint8] | NDArray[np.float32]
"""(examples, height, width), pixels from 0 to 255, whole numbers or not."""

NOT_FOR_THIS_MODEL = (
    "Why a model answers as it does can be asked of dense layers only, and this one has others."
)


def _sigmoid_slope(x: Floats) -> Floats:
    share = ACTIVATIONS["sigmoid"](x)
    return np.asarray(share * (1 - share))


def _gelu_slope(x: Floats) -> Floats:
    # gelu(x) is x times the share of a normal distribution that lies below x.
    share = np.divide(ACTIVATIONS["gelu"](x), x, out=np.full_like(x, 0.5), where=x != 0)
    return np.asarray(share + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi))


def _silu_slope(x: Floats) -> Floats:
    share = ACTIVATIONS["sigmoid"](x)
    return np.asarray(share * (1 + x * (1 - share)))


SLOPES: Mapping[Activation, Callable[[Floats], Floats]] = {
    "relu": lambda x: np.where(x > 0, 1.0, 0.0),
    "sigmoid": _sigmoid_slope,
    "tanh": lambda x: 1 - np.tanh(x) ** 2,
    "gelu": _gelu_slope,
    "silu": _silu_slope,
    "leaky_relu": lambda x: np.where(x > 0, 1.0, 0.01),
}
"""The derivatives of `ACTIVATIONS`; where relu and leaky relu have two, that from below."""


class PixelFunction:
    """The logits of a multilayer perceptron as a function of the pixels."""

    def __init__(
        self,
        parameters: Sequence[NDArray[np.float32]],
        hyperparameters: Hyperparameters,
        dataset: PixelStatistics,
    ) -> None:
        """`parameters`: weight (inputs, outputs) and bias (outputs,) of each layer in turn, which
        were trained with the other two.
        """
        self._parameters = tuple(parameters)
        self._hyperparameters, self._dataset = hyperparameters, dataset

    @property
    def classes(self) -> int:
        return len(self._parameters[-1])

    @property
    def has_hidden_layer(self) -> bool:
        """Whether there is a layer before the output."""
        return len(self._parameters) > 2

    @property
    def last_units(self) -> int:
        """Units of the last hidden layer, or where there is none, of the output."""
        return len(self._parameters[-3 if self.has_hidden_layer else -1])

    def logits(self, images: Images) -> NDArray[np.float32]:
        """(examples, classes)."""
        return self._sums(self._parameters, images)[-1].astype(np.float32, copy=False)

    def gradient(self, image: Images, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """(height, width) of the logits' sum weighted by `weights` (classes,), a grey level each.

        `image` is (height, width). Backpropagation, in float64 (Rumelhart et al., "Learning
        representations by back-propagating errors", 1986).
        """
        doubles = [array.astype(np.float64) for array in self._parameters]
        activation = self._hyperparameters.activation
        slopes = weights
        with np.errstate(all="ignore"):
            sums = self._sums(doubles, image[None])
            for layer in reversed(range(len(sums))):
                slopes = doubles[2 * layer] @ slopes
                if layer:
                    slopes = slopes * SLOPES[activation](sums[layer - 1][0])
            _, divisor = pixel_scaling(self._hyperparameters, self._dataset)
            return np.asarray(slopes.reshape(image.shape) / divisor)

    def last_hidden(self, images: Images) -> NDArray[np.float32]:
        """(examples, `last_units`) the activations of the last hidden layer.

        Without hidden layers these are the logits: what the model sees in pixels alone is the
        same before any training.
        """
        if not self.has_hidden_layer:
            return self.logits(images)
        sums = self._sums(self._parameters[:-2], images)[-1]
        with np.errstate(all="ignore"):
            values = ACTIVATIONS[self._hyperparameters.activation](sums)
        return values.astype(np.float32, copy=False)

    def _sums(self, parameters: Sequence[Floats], images: Images) -> list[Floats]:
        inputs = scaled_inputs(images, self._hyperparameters, self._dataset)
        with np.errstate(all="ignore"):
            return layer_sums(parameters, inputs, self._hyperparameters.activation)


def pixel_function(
    parameters: Sequence[NDArray[np.float32]],
    hyperparameters: Hyperparameters,
    dataset: PixelStatistics,
) -> PixelFunction | str:
    """The model of these parameters; or why it cannot be asked, as a sentence."""
    if any(weight.ndim != 2 for weight in parameters[::2]):
        return NOT_FOR_THIS_MODEL
    return PixelFunction(parameters, hyperparameters, dataset)
