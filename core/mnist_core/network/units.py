"""What the units of a layer have learned, and what excites them. NumPy only.

Layers are counted from 0; those of a network are its hidden ones, or where it has none the output,
whose units are the classes. The units of a convolution are its filters, and what a filter makes of
an example is the largest sum in its map: a filter is off where it is off at every place.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Examples
from mnist_core.network.evaluation import (
    ACTIVATIONS,
    PixelStatistics,
    layer_sums,
    scaled_inputs,
)
from mnist_core.network.shape import convolution_shapes
from mnist_core.recipe.hyperparameters import Activation, Hyperparameters

Parameters = Sequence[NDArray[np.float32]]
"""Weight (inputs, outputs) and bias (outputs,) of each layer in turn."""

MOST_EXAMPLES = 10_000
"""That units are asked about, as many as MNIST is tested on."""
_MOST_SUMS = 1 << 24
"""That are kept, 64 MiB; of a wider layer fewer examples are asked about."""
_PART = 200_000_000
"""Multiplications between two looks at what else is to be done: some 10 ms."""
_BRIEF = 2 * _PART
"""Those that a network is worth which will be another one in half a second."""
_BRIEF_EXAMPLES = 1000
_PIXEL, _ERF, _UNDER_FILTER = 50, 7500, 60
"""Multiplications that take as long as scaling a pixel, as one value of gelu, and as laying out one
pixel under a filter."""
_SAME = 1e-6
_SWITCHING: tuple[Activation, ...] = ("relu", "leaky_relu", "gelu", "silu")
"""Those that let a sum through where it is above 0, and little or nothing of it elsewhere."""


def shown_layers(parameters: Parameters) -> int:
    """How many layers there are to look into: the hidden ones, or the output where none is."""
    return max(1, len(parameters) // 2 - 1)


def has_hidden_units(parameters: Parameters) -> bool:
    """Whether there is a layer before the output."""
    return len(parameters) > 2


def unit_pictures(
    parameters: Parameters, units: NDArray[np.intp], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """(units, height, width): the weights from each pixel to units of the first layer.

    `shape` is that of the images, or of a filter where the first layer is a convolution.
    """
    return np.asarray(parameters[0][:, units].T.reshape(-1, *shape))


def weight_norms(parameters: Parameters, layer: int) -> NDArray[np.float32]:
    """(units,) the Euclidean norm of the weights into each unit of a layer."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(np.square(parameters[2 * layer]).sum(axis=0)), np.float32)


def class_weights(parameters: Parameters, layer: int) -> NDArray[np.float32]:
    """(units, classes) how much each class uses each unit of a hidden layer.

    Of the last hidden layer these are the weights to the output. Of one before, they are the sums
    over all paths of the products of the weights on each: what activations do on the way is left
    out. Of a filter, the weights from all places of its map are added.
    """
    last = len(parameters) // 2 - 1
    used = weights_onward(parameters, last - 1)
    with np.errstate(over="ignore", invalid="ignore"):
        for each in reversed(range(layer, last - 1)):
            used = weights_onward(parameters, each) @ used
    return used


def weights_onward(parameters: Parameters, layer: int) -> NDArray[np.float32]:
    """(units, units of the next layer): the weights from a hidden layer.

    Those from the places of a filter's map, or to the places of a filter, are added.
    """
    weight, units = parameters[2 * (layer + 1)], len(parameters[2 * layer + 1])
    if len(weight) == units:
        return weight
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(weight.reshape(units, -1, weight.shape[1]).sum(axis=1))


def feature_maps(
    parameters: Parameters,
    layer: int,
    unit: int,
    images: NDArray[np.uint8],
    hyperparameters: Hyperparameters,
    dataset: PixelStatistics,
) -> NDArray[np.float32]:
    """(examples, rows, columns): what a filter hands on of `images` (examples, height, width)."""
    height, width = images.shape[1:]
    shapes = convolution_shapes(hyperparameters, (height, width))
    inputs = scaled_inputs(images, hyperparameters, dataset)
    with np.errstate(all="ignore"):
        *_, sums = layer_sums(
            parameters[: 2 * (layer + 1)], inputs, hyperparameters.activation, shapes
        )
        return np.asarray(ACTIVATIONS[hyperparameters.activation](sums[:, unit]), np.float32)


class UnitActivity:
    """What the units of one layer make of examples, which are taken in one part after the other."""

    def __init__(
        self,
        parameters: Parameters,
        layer: int,
        examples: Examples,
        hyperparameters: Hyperparameters,
        dataset: PixelStatistics,
        *,
        brief: bool = False,
    ) -> None:
        """Of the first `examples`: 10 000 of them, or with `brief` 1000 of a small network.

        Of a large one there are fewer, so that they fit in memory, or with `brief` take some 20 ms.
        """
        self._parameters = parameters[: 2 * (layer + 1)]
        self._hyperparameters, self._dataset = hyperparameters, dataset
        self._squashes = layer + 1 < len(parameters) // 2
        """Whether an activation follows, as after every layer but the output."""
        units = len(self._parameters[-1])
        height, width = examples.images.shape[1:]
        self._convolutions = convolution_shapes(hyperparameters, (height, width))[: layer + 1]
        cost = sum(weight.size for weight in self._parameters[2 * len(self._convolutions) :: 2])
        cost += _PIXEL * height * width
        for shape in self._convolutions:
            cost += shape.products + _UNDER_FILTER * shape.products // shape.convolution.channels
        if hyperparameters.activation == "gelu":
            cost += _ERF * sum(len(bias) for bias in self._parameters[1::2])
        self._part = max(1, _PART // cost)
        most = min(MOST_EXAMPLES, max(1, _MOST_SUMS // units))
        if brief:
            most = min(most, _BRIEF_EXAMPLES, max(1, _BRIEF // cost))
        self._examples = examples[:most]
        classes = int(self._examples.labels.max(initial=0)) + 1
        self.sums = np.empty((len(self._examples), units), np.float32)
        """(examples, units) before the activation, of the examples taken so far."""
        self._taken = 0
        self._class_sums = np.zeros((classes, units))
        self._off = np.zeros(units, np.int64)
        self._lowest = np.full(units, np.inf, np.float32)
        self._highest = np.full(units, -np.inf, np.float32)

    @property
    def is_whole(self) -> bool:
        """Whether all examples have been taken; the others here are to be asked only then."""
        return self._taken == len(self._examples)

    def __len__(self) -> int:
        """Examples."""
        return len(self._examples)

    def take_part(self) -> None:
        """Take the next examples, which takes some 10 ms."""
        part = self._examples[self._taken : self._taken + self._part]
        inputs = scaled_inputs(part.images, self._hyperparameters, self._dataset)
        with np.errstate(all="ignore"):
            sums = layer_sums(
                self._parameters, inputs, self._hyperparameters.activation, self._convolutions
            )[-1]
            lows = sums
            if sums.ndim > 2:
                lows, sums = sums.min(axis=(2, 3)), sums.max(axis=(2, 3))
            values, low_values = sums, lows
            if self._squashes:
                function = ACTIVATIONS[self._hyperparameters.activation]
                values = function(sums)
                low_values = values if lows is sums else function(lows)
            is_class = np.arange(len(self._class_sums))[:, None] == part.labels
            self._class_sums += is_class.astype(np.float32) @ values
        self.sums[self._taken : self._taken + len(part)] = sums
        self._off += (sums <= 0).sum(axis=0)
        self._lowest = np.minimum(self._lowest, low_values.min(axis=0, initial=np.inf))
        self._highest = np.maximum(self._highest, values.max(axis=0, initial=-np.inf))
        self._taken += len(part)

    @property
    def off_shares(self) -> NDArray[np.float64] | None:
        """(units,) the share of examples whose sum is not above 0, so that a relu gives 0.

        None where units are never off: with sigmoid and tanh, and at the output.
        """
        if not self._squashes or self._hyperparameters.activation not in _SWITCHING:
            return None
        return self._off / max(1, len(self))

    @property
    def dead(self) -> NDArray[np.bool_]:
        """(units,) whether a hidden unit says the same of every example, to within 1e-6.

        A relu that is off for all, or a sigmoid at one end for all: no gradient comes through it.
        Of a filter this holds for every place of its map.
        """
        if not self._squashes or not len(self):
            return np.zeros(self.sums.shape[1], np.bool_)
        with np.errstate(invalid="ignore"):
            return np.asarray(self._highest - self._lowest <= _SAME)

    def class_means(self, classes: int) -> NDArray[np.float32]:
        """(units, classes) the mean activation over the examples of each class; NaN: it has none.

        At the output, of the logits.
        """
        counts = np.bincount(self._examples.labels, minlength=classes)
        means = np.full((self.sums.shape[1], classes), np.nan, np.float32)
        present = np.flatnonzero(counts)
        means[:, present] = (self._class_sums[present] / counts[present, None]).T
        return means

    def most_excited(self, unit: int, count: int) -> NDArray[np.intp]:
        """Up to `count` rows of examples with the largest sums at a unit, the largest first."""
        return self._ranked(-self.sums[:, unit], count)

    def least_excited(self, unit: int, count: int) -> NDArray[np.intp]:
        """Up to `count` rows of examples with the smallest sums at a unit, the smallest first."""
        return self._ranked(self.sums[:, unit], count)

    def _ranked(self, values: NDArray[np.float32], count: int) -> NDArray[np.intp]:
        # A stable order: examples that excite a unit equally stay where they are.
        return np.argsort(values, kind="stable")[:count]
