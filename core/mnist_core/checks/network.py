"""A network and a batch that hang on no data set: the same on every machine."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_core.checks.reference_network import distance_to_kink, doubles
from mnist_core.parameters import initial_parameters

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
