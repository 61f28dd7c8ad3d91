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
    place_sums,
    scaled_inputs,
)
from mnist_core.network.shape import ConvolutionShape, convolution_shapes
from mnist_core.recipe.hyperparameters import Activation, Hyperparameters
from mnist_core.recipe.models.table import MODELS

Images = NDArray[np.uint8] | NDArray[np.float32]
"""(examples, height, width), pixels from 0 to 255, whole numbers or not."""

_PART = 1 << 21
"""Pixels, or copies of them for filters, that go through a network at once: few enough for the
cache, and a few ms."""


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
    """The logits of a network as a function of the pixels."""

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
        return len(self._parameters[-2]) if self.has_hidden_layer else self.classes

    def together(self, pixels: int) -> int:
        """How many images of so many pixels are best asked about at once."""
        filters = MODELS[self._hyperparameters.model].convolutions
        copies = filters[0].kernel ** 2 if filters else 1
        return max(1, _PART // (copies * max(1, pixels)))

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
        slopes: Floats = weights
        convolutions = self._convolutions(image)
        inputs = scaled_inputs(image[None], self._hyperparameters, self._dataset)
        with np.errstate(all="ignore"):
            sums = layer_sums(doubles, inputs.astype(np.float64), activation, convolutions)
            for layer in reversed(range(len(sums))):
                if layer < len(convolutions):
                    given = ACTIVATIONS[activation](sums[layer - 1]) if layer else inputs
                    slopes = _slopes_of_inputs(
                        convolutions[layer], doubles[2 * layer], given, slopes
                    )
                else:
                    slopes = doubles[2 * layer] @ slopes
                if layer:
                    before = sums[layer - 1][0]
                    slopes = slopes.reshape(before.shape) * SLOPES[activation](before)
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
        return values.reshape(len(values), -1).astype(np.float32, copy=False)

    def _convolutions(self, images: Images) -> tuple[ConvolutionShape, ...]:
        height, width = images.shape[-2:]
        return convolution_shapes(self._hyperparameters, (height, width))

    def _sums(self, parameters: Sequence[Floats], images: Images) -> list[Floats]:
        inputs = scaled_inputs(images, self._hyperparameters, self._dataset)
        with np.errstate(all="ignore"):
            return layer_sums(
                parameters, inputs, self._hyperparameters.activation, self._convolutions(images)
            )


def _slopes_of_inputs(
    shape: ConvolutionShape, weight: Floats, inputs: Floats, slopes: Floats
) -> Floats:
    """(maps, height, width) by what a convolution is given, of one example, from those by what its
    pools make (channels, rows, columns). Places of a pool that are equally large share its slope.
    """
    sums = place_sums(shape, weight, inputs)[:, 0]
    channels, height, width = sums.shape
    fours = sums.reshape(channels, height // 2, 2, width // 2, 2)
    is_largest = fours == fours.max(axis=(2, 4), keepdims=True)
    shares = is_largest / is_largest.sum(axis=(2, 4), keepdims=True)
    by_sums = (shares * slopes[:, :, None, :, None]).reshape(sums.shape)
    kernel, padding = shape.convolution.kernel, shape.convolution.padding
    filters = weight.reshape(shape.inputs, kernel, kernel, channels)
    padded = np.zeros((shape.inputs, *shape.padded))
    for down in range(kernel):
        for right in range(kernel):
            place = padded[:, down : down + height, right : right + width]
            place += np.tensordot(filters[:, down, right], by_sums, 1)
    return padded[:, padding : padding + shape.height, padding : padding + shape.width]
