"""A network's weights as NumPy arrays, their shapes and their start; and the order of batches."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_core.network.shape import NetworkShape, dense_shape
from mnist_core.recipe.hyperparameters import Hyperparameters

INITIAL_WEIGHTS, BATCH_ORDER = range(2)
"""Streams of random numbers under one seed, so that drawing from one never shifts the other."""


Sizes = NetworkShape | Sequence[int]
"""A network; of dense layers alone, the units of each are enough, input and output included."""


def layer_sizes(input_size: int, hidden_sizes: Sequence[int], class_count: int) -> tuple[int, ...]:
    """Units of each layer of a network of dense layers alone, input and output included."""
    return (input_size, *hidden_sizes, class_count)


def _shape(sizes: Sizes) -> NetworkShape:
    return sizes if isinstance(sizes, NetworkShape) else dense_shape(sizes)


def parameter_count(sizes: Sizes) -> int:
    """Number of weights and biases."""
    return sum((fan_in + 1) * out for fan_in, out in _shape(sizes).weights)


WIDE = 40_000_000
"""Multiplications in the products of a batch that goes forward, from which on a network in two
halves is faster. With 17 million, as in `torch-sigmoid`, they gain little; with 69 million, as in
`mlx-wide`, 1.5x (docs/results.md)."""


def is_wide(hyperparameters: Hyperparameters, parameters: int, examples: int) -> bool:
    """Whether the step of a network with so many `parameters` has that many multiplications.

    `examples` are those trained on.
    """
    return min(hyperparameters.batch_size, examples) * parameters >= WIDE


def initial_parameters(sizes: Sizes, seed: int) -> tuple[NDArray[np.float32], ...]:
    """Weight (inputs, outputs) and bias (outputs,) of each layer, uniform in ±1/sqrt(inputs).

    This is the default of `mlx.nn.Linear` and `torch.nn.Linear`, which the presets start from; the
    inputs of a filter are the pixels under it, as in `torch.nn.Conv2d`.
    """
    random = np.random.default_rng((seed, INITIAL_WEIGHTS))
    parameters: list[NDArray[np.float32]] = []
    for fan_in, out in _shape(sizes).weights:
        bound = 1 / math.sqrt(fan_in)
        parameters += [
            random.uniform(-bound, bound, shape).astype(np.float32)
            for shape in ((fan_in, out), (out,))
        ]
    return tuple(parameters)


def check_parameters(parameters: Sequence[NDArray[np.float32]], sizes: Sizes) -> None:
    """Raise ValueError, as a sentence, where `parameters` are not those of a network of `sizes`."""
    layers = [(weight.shape, bias.shape) for weight, bias in _pairs(parameters)]
    shape = _shape(sizes)
    expected = [((fan_in, out), (out,)) for fan_in, out in shape.weights]
    if layers != expected:
        found = [*(weight[0] for weight, _ in layers), *layers[-1][1]] if layers else []
        raise ValueError(
            f"The saved weights are of a network {dense_shape(found)}, but the hyperparameters and "
            f"the data set ask for {shape}. Start a new run, or use the same data set."
        )


def _pairs(
    parameters: Sequence[NDArray[np.float32]],
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    return zip(parameters[::2], parameters[1::2], strict=True)


def batch_order(examples: int, seed: int, epoch: int, *, shuffle: bool) -> NDArray[np.int32]:
    """The order (examples,) in which epoch `epoch`, from 1, visits the training examples."""
    order = np.arange(examples, dtype=np.int32)
    if shuffle:
        np.random.default_rng((seed, BATCH_ORDER, epoch)).shuffle(order)
    return order
