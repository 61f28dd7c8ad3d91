"""A wide network in two halves, which a CPU computes at the same time.

Layers go in pairs: the first of a pair has its outputs halved, the second its inputs, so that half
of the units between them is computed from its inputs to its outputs without the other half (Shoeybi
et al., "Megatron-LM", 2019, section 3). What the second layer makes of the halves is added. A layer
without a partner stays whole.

Each half has an MLX stream, so its products are those of one thread: none spins for another, as
threads of a BLAS do. On two cores a step of 784-256-256-10 is 1.5 times as fast, beside one busy
process 0.9 times (docs/results.md).
"""

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.backend import Backend, available_cores
from mnist_core.backend.mlx import mx
from mnist_core.network.parameters import Sizes, is_wide, parameter_count
from mnist_core.network.shape import NetworkShape
from mnist_core.recipe.hyperparameters import Hyperparameters

Arrays = tuple[mx.array, ...]


def stream_count(
    hyperparameters: Hyperparameters, sizes: Sizes, examples: int, backend: Backend
) -> int:
    """In how many MLX streams a run is to be computed, from its recipe and the machine alone.

    `sizes` are those of the layers, `examples` those trained on. Muon makes each matrix orthogonal,
    which cannot be done by halves; neither can convolutions.
    """
    if isinstance(sizes, NetworkShape):
        if sizes.convolutions:
            return 1
        sizes = sizes.sizes
    if backend.device != "cpu" or len(sizes) <= 2 or hyperparameters.optimizer == "muon":
        return 1
    if backend.streams is not None:
        return backend.streams
    pays = backend.blas.startswith("OpenBLAS") and backend.threads == 1 and available_cores() > 1
    return 2 if pays and is_wide(hyperparameters, parameter_count(sizes), examples) else 1


class _ThreadStreams(threading.local):
    """Of one thread; made once, since MLX keeps each for as long as the thread lives."""

    second: mx.Stream | None = None


_STREAMS = _ThreadStreams()


def stream_of(half: int) -> AbstractContextManager[object]:
    """What a half, 0 or 1, is computed in."""
    if half == 0:
        return nullcontext()
    if _STREAMS.second is None:
        _STREAMS.second = mx.new_stream(mx.Device(mx.cpu))
    return mx.stream(_STREAMS.second)


class Layer(NamedTuple):
    """The arrays of a layer, whole or by halves."""

    weights: Arrays
    """(inputs, outputs), or two of them with half of the outputs or of the inputs."""
    biases: Arrays
    """(1, outputs), or two of them with half of the outputs."""


class _Part(NamedTuple):
    """A part of one array of a whole network."""

    array: int
    """Which, of weight, bias, weight ..."""
    axis: int | None
    """Along which it is halved; None: it is all of it."""
    half: int


def _parts(arrays: int, *, halved: bool) -> list[_Part]:
    """Of a network of so many weights and biases, in the order in which a learner has them."""
    parts = []
    for array in range(arrays):
        layer, is_bias = divmod(array, 2)
        has_partner = (layer ^ 1) < arrays // 2
        if not halved or not has_partner or (layer % 2 and is_bias):
            parts.append(_Part(array, None, 0))
        else:
            # Of numpy's arrays, where a bias has one axis.
            axis = 0 if layer % 2 or is_bias else 1
            parts += [_Part(array, axis, 0), _Part(array, axis, 1)]
    return parts


def _array_count(parts: int, *, halved: bool) -> int:
    """Weights and biases of a network that has so many parts."""
    if not halved:
        return parts
    # A pair of layers has seven parts, a layer without a partner two.
    pairs, rest = divmod(parts, 7)
    return 4 * pairs + rest


def places_of(parameters: Sequence[mx.array], *, halved: bool = False) -> list[tuple[bool, int]]:
    """Of each of these arrays, in the order of `to_mlx`: is it of a bias, and in which half."""
    arrays = _array_count(len(parameters), halved=halved)
    return [(part.array % 2 == 1, part.half) for part in _parts(arrays, halved=halved)]


def layers_of(parameters: Sequence[mx.array], *, halved: bool = False) -> list[Layer]:
    """The layers of a network whose arrays, in the order of `to_mlx`, these are."""
    arrays = _array_count(len(parameters), halved=halved)
    by_array: list[list[mx.array]] = [[] for _ in range(arrays)]
    for part, values in zip(_parts(arrays, halved=halved), parameters, strict=True):
        by_array[part.array].append(values)
    whole = iter(map(tuple, by_array))
    return [Layer(weights, biases) for weights, biases in zip(whole, whole, strict=True)]


def to_mlx(
    arrays: Sequence[NDArray[np.float32]], slots: int = 1, *, halved: bool = False
) -> Arrays:
    """Parameters, or `slots` arrays for each, with biases as rows, perhaps by halves."""
    made = []
    for part in _parts(len(arrays) // slots, halved=halved):
        for whole in arrays[part.array * slots : (part.array + 1) * slots]:
            values = whole
            if part.axis is not None:
                middle = whole.shape[part.axis] // 2
                both = np.split(whole, [middle], axis=part.axis)
                values = np.ascontiguousarray(both[part.half])
            made.append(mx.array(values[None] if part.array % 2 else values))
    return tuple(made)


def to_numpy(
    arrays: Arrays, slots: int = 1, *, halved: bool = False
) -> tuple[NDArray[np.float32], ...]:
    """Copies of the same, whole, with biases (outputs,)."""
    count = _array_count(len(arrays) // slots, halved=halved)
    whole: list[list[NDArray[np.float32]]] = [[] for _ in range(count * slots)]
    axes = [0] * (count * slots)
    for place, part in enumerate(_parts(count, halved=halved)):
        for slot in range(slots):
            values = np.array(arrays[place * slots + slot])
            at = part.array * slots + slot
            whole[at].append(values[0] if part.array % 2 else values)
            axes[at] = part.axis or 0
    return tuple(
        parts[0] if len(parts) == 1 else np.concatenate(parts, axis=axis)
        for parts, axis in zip(whole, axes, strict=True)
    )
