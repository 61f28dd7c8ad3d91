"""The arrays of a network as shapes, from its recipe and its data."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod

from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.recipe.models.model import Convolution
from mnist_core.recipe.models.table import MODELS


@dataclass(frozen=True, slots=True)
class ConvolutionShape:
    """A convolution with what it is given: maps of one size."""

    inputs: int
    """Maps that it is given; 1 for a grey image."""
    height: int
    width: int
    """Of each of these, in pixels."""
    convolution: Convolution

    @property
    def weight(self) -> tuple[int, int]:
        """(inputs * kernel * kernel, channels): a filter is a column, its maps one after another.

        So a gradient is a product of matrices, as that of a dense layer is.
        """
        return self.inputs * self.convolution.kernel**2, self.convolution.channels

    @property
    def padded(self) -> tuple[int, int]:
        """(height, width) with the padding."""
        around = 2 * self.convolution.padding
        return self.height + around, self.width + around

    @property
    def pooled(self) -> tuple[int, int]:
        """(height, width) of each map that it makes; a row or column without partner is dropped."""
        height, width = (side - self.convolution.kernel + 1 for side in self.padded)
        return height // 2, width // 2

    @property
    def products(self) -> int:
        """Multiplications for one example."""
        return prod(self.weight) * 4 * prod(self.pooled)


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """The layers of a network: its convolutions, then its dense layers."""

    convolutions: tuple[ConvolutionShape, ...]
    sizes: tuple[int, ...]
    """Units of each dense layer, with what the first is given before and the classes at the end."""

    @classmethod
    def of(
        cls, hyperparameters: Hyperparameters, image_shape: tuple[int, int], class_count: int
    ) -> "NetworkShape":
        """That of a recipe on images (height, width).

        Raises:
            ValueError: the images are too small for the model, as a sentence.
        """
        model = MODELS[hyperparameters.model]
        least = model.smallest_side
        if min(image_shape) < least:
            height, width = image_shape
            raise ValueError(
                f"The model {hyperparameters.model} needs images of {least}x{least} pixels or "
                f"more, but these have {height}x{width}. Choose the model mlp, or other data."
            )
        convolutions = convolution_shapes(hyperparameters, image_shape)
        features = prod(image_shape)
        if convolutions:
            last = convolutions[-1]
            features = last.convolution.channels * prod(last.pooled)
        return cls(convolutions, (features, *hyperparameters.hidden_sizes, class_count))

    @property
    def weights(self) -> tuple[tuple[int, int], ...]:
        """(inputs, outputs) of the weight of each layer; a bias has (outputs,)."""
        return (*(each.weight for each in self.convolutions), *pairwise(self.sizes))

    def __str__(self) -> str:
        """Such as 784-32-32-10, or 6@5x5-16@5x5-400-120-84-10."""
        filters = [each.convolution for each in self.convolutions]
        parts = [f"{each.channels}@{each.kernel}x{each.kernel}" for each in filters]
        return "-".join([*parts, *map(str, self.sizes)])


def dense_shape(sizes: Sequence[int]) -> NetworkShape:
    """A network of dense layers alone, with so many units, input and output included."""
    return NetworkShape((), tuple(sizes))


def convolution_shapes(
    hyperparameters: Hyperparameters, image_shape: tuple[int, int]
) -> tuple[ConvolutionShape, ...]:
    """The convolutions of a recipe on images (height, width) that are large enough."""
    shapes: list[ConvolutionShape] = []
    maps, size = 1, image_shape
    for convolution in MODELS[hyperparameters.model].convolutions:
        shapes.append(ConvolutionShape(maps, *size, convolution))
        maps, size = convolution.channels, shapes[-1].pooled
    return tuple(shapes)
