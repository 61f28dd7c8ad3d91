"""Convolutions with pooling in MLX, and their gradients, written out as those of dense layers are.

Maps are channel-major, (channels, examples, height, width). The pixels under a filter are laid out
as columns (im2col; Chellapilla et al., "High Performance Convolutional Neural Networks for Document
Processing", 2006), so that a convolution is one matrix product. The four places of a pool come
before the examples in those columns: what is pooled lies side by side, and the largest of four is a
maximum along one axis.

On a CPU, `mx.conv2d` took 20 to 25 ms for a step of LeNet with 64 examples on one thread, where
columns took 10 to 15. On a GPU neither was measured, so this is used there too.
"""

from collections.abc import Sequence
from typing import NamedTuple

from mnist_core.backend.mlx import mx
from mnist_core.network.halves import Arrays
from mnist_core.network.models import ACTIVATIONS, Gradient, SummedGradient
from mnist_core.network.shape import ConvolutionShape
from mnist_core.recipe.hyperparameters import Activation


class _Passed(NamedTuple):
    """What a batch made of one convolution."""

    columns: mx.array
    """(inputs * kernel * kernel, 4 * places); places are examples * pooled height * width."""
    shares: mx.array
    """(channels, 4, places): what of a gradient each of four gets; those that are equally large
    share it, as on blank paper, where all are."""
    slope: mx.array
    """(channels, 1, places): of the activation."""


class Convolved(NamedTuple):
    """What a batch made of all convolutions: enough to go back through them."""

    passed: list[_Passed]
    maps: list[mx.array]
    """(channels, examples, height, width) that each hands on."""
    features: mx.array
    """(examples, features): maps of an example one after the other, each row by row."""


def convolve(
    shapes: Sequence[ConvolutionShape], arrays: Arrays, pixels: mx.array, activation: Activation
) -> Convolved:
    """Go through the convolutions with `pixels` (examples, pixels), scaled, float32.

    `arrays` are the weight (inputs * kernel * kernel, channels) and bias (1, channels) of each.
    """
    function = ACTIVATIONS[activation]
    examples = len(pixels)
    maps = pixels.reshape(1, examples, shapes[0].height, shapes[0].width)
    passed: list[_Passed] = []
    handed_on: list[mx.array] = []
    for shape, weight, bias in zip(shapes, arrays[::2], arrays[1::2], strict=True):
        columns = _columns(maps, shape)
        channels = shape.convolution.channels
        sums = (weight.T @ columns).reshape(channels, 4, -1)
        largest = mx.max(sums, axis=1, keepdims=True)
        is_largest = (sums == largest).astype(mx.float32)
        shares = is_largest / mx.sum(is_largest, axis=1, keepdims=True)
        # The bias is the same in all places, so it is added to fewer after the pooling.
        pooled = largest + bias.reshape(channels, 1, 1)
        value = function.value(pooled)
        slope = function.slope(pooled, value)
        passed.append(_Passed(columns, shares, slope))
        maps = value.reshape(channels, examples, *shape.pooled)
        handed_on.append(maps)
    return Convolved(passed, handed_on, maps.swapaxes(0, 1).reshape(examples, -1))


def gradients_of_convolutions(
    shapes: Sequence[ConvolutionShape], arrays: Arrays, convolved: Convolved, delta: mx.array
) -> list[Gradient | SummedGradient]:
    """The gradients of `arrays` for one `delta` (examples, features) by the features."""
    gradients: list[Gradient | SummedGradient] = []
    examples = len(delta)
    last = shapes[-1]
    by_maps = delta.reshape(examples, last.convolution.channels, -1).swapaxes(0, 1)
    for index in reversed(range(len(shapes))):
        shape, passed = shapes[index], convolved.passed[index]
        channels = shape.convolution.channels
        by_pooled = by_maps.reshape(channels, 1, -1) * passed.slope
        by_sums = (by_pooled * passed.shares).reshape(channels, -1)
        of_bias = mx.sum(by_pooled.reshape(channels, -1), axis=1)[None]
        gradients[:0] = [
            Gradient(passed.columns, by_sums.T, False),
            SummedGradient(of_bias, True),
        ]
        if index:
            by_maps = _by_inputs(shape, arrays[2 * index], by_sums, examples)
    return gradients


def _columns(maps: mx.array, shape: ConvolutionShape) -> mx.array:
    """(inputs * kernel * kernel, 4 * places) of maps (inputs, examples, height, width)."""
    kernel, padding = shape.convolution.kernel, shape.convolution.padding
    inputs, examples = maps.shape[:2]
    if padding:
        maps = mx.pad(maps, [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    height, width = shape.padded
    rows, columns = shape.pooled
    one = height * width
    view = mx.as_strided(
        mx.contiguous(maps),
        (inputs, kernel, kernel, 2, 2, examples, rows, columns),
        (examples * one, width, 1, width, 1, one, 2 * width, 2),
    )
    return view.reshape(inputs * kernel * kernel, -1)


def _by_inputs(
    shape: ConvolutionShape, weight: mx.array, by_sums: mx.array, examples: int
) -> mx.array:
    """(inputs, examples, height, width) from the gradient by the sums (channels, 4 * places)."""
    kernel, padding = shape.convolution.kernel, shape.convolution.padding
    rows, columns = shape.pooled
    height, width = shape.padded
    by_place = by_sums.reshape(-1, 2, 2, examples, rows, columns)
    by_place = by_place.transpose(0, 3, 4, 1, 5, 2).reshape(len(by_sums), -1)
    # What each pixel of a filter hands back is moved to its place, along the rows first.
    back = (weight @ by_place).reshape(
        shape.inputs, kernel, kernel, examples, 2 * rows, 2 * columns
    )
    beside, below = width - 2 * columns, height - 2 * rows
    in_rows = sum(
        (mx.pad(back[:, :, x], [(0, 0)] * 4 + [(x, beside - x)]) for x in range(kernel)),
        start=mx.array(0.0),
    )
    whole = sum(
        (mx.pad(in_rows[:, y], [(0, 0)] * 2 + [(y, below - y), (0, 0)]) for y in range(kernel)),
        start=mx.array(0.0),
    )
    return whole[:, :, padding : height - padding, padding : width - padding]
