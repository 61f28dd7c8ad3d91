"""How fast matrix products are, in GFLOP/s: billions of additions and multiplications a second.

The product is the largest of a training step: a batch of 256 images of 784 pixels times the
weights of 256 units, in float32.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from mnist_core.blas_in_use import find_openblas, numpy_library, serving_library
from mnist_core.mlx import mx

_BATCH, _PIXELS, _UNITS = 256, 784, 256
_WARM_UP = 32
_GIGAFLOP = 2 * _BATCH * _PIXELS * _UNITS / 1e9
"""Of one product; a multiplication and an addition count as two."""

_GLANCE = 0.008
"""Seconds for a figure to show at the start, which nobody should wait for."""

_ROUNDS = 3
_ROUND = 0.045
"""Seconds for one side of a comparison. The threads of an OpenBLAS go on spinning for some 25 ms
after a product, which slows the other side; the rest of the round is free of that."""


@dataclass(frozen=True, slots=True)
class ProductSpeed:
    """GFLOP/s of MLX beside NumPy on the same number of CPU threads, and of MLX on one."""

    mlx: float
    numpy: float
    mlx_on_one_thread: float
    """The same as `mlx` where that uses one thread, or its BLAS cannot be told."""


def glance_gflops() -> float:
    """GFLOP/s of MLX on its default device at this moment.

    It takes about 10 ms, or one product where that takes longer.
    """
    return _fastest(_mlx_product(), _GLANCE)


def compare_gflops(threads: int) -> ProductSpeed:
    """Measure MLX on its default device, and NumPy on `threads` CPU threads as MLX has now.

    Both take turns; each figure is the median over the rounds of the fastest product. It takes a
    third of a second.
    """
    mlx, numpy = _mlx_product(), _numpy_product()
    with _threads(numpy_library(), threads):
        rounds = [(_fastest(mlx, _ROUND), _fastest(numpy, _ROUND)) for _ in range(_ROUNDS)]
    of_mlx, of_numpy = map(median, zip(*rounds, strict=True))
    on_one_thread = of_mlx
    if threads > 1:
        with _threads(serving_library(), 1) as told:
            on_one_thread = _fastest(mlx, _ROUND) if told else of_mlx
    return ProductSpeed(of_mlx, of_numpy, on_one_thread)


def _fastest(product: Callable[[], object], seconds: float) -> float:
    """GFLOP/s of the fastest product in this time, since whatever disturbs one only slows it."""
    best = float("inf")
    now = time.perf_counter()
    end = now + seconds
    while now < end:
        started = now
        product()
        now = time.perf_counter()
        best = min(best, now - started)
    return _GIGAFLOP / best


def _mlx_product() -> Callable[[], object]:
    inputs, weights = mx.full((_BATCH, _PIXELS), 0.5), mx.full((_PIXELS, _UNITS), 0.5)
    # The first product starts threads and meets cold memory; a small one does it in little time.
    mx.eval(inputs, inputs[:_WARM_UP] @ weights)
    return lambda: mx.eval(inputs @ weights)


def _numpy_product() -> Callable[[], object]:
    inputs = np.full((_BATCH, _PIXELS), 0.5, np.float32)
    weights = np.full((_PIXELS, _UNITS), 0.5, np.float32)
    return lambda: inputs @ weights


@contextmanager
def _threads(library: Path | None, count: int) -> Iterator[bool]:
    """Let an OpenBLAS use so many threads meanwhile; yields False where that cannot be told."""
    openblas = find_openblas(library) if library is not None else None
    if openblas is None:
        yield False
        return
    before = openblas.threads
    openblas.threads = count
    try:
        yield True
    finally:
        openblas.threads = before
