"""How fast matrix products are, in GFLOP/s: billions of additions and multiplications a second.

The product is the largest of a training step: a batch of 256 images of 784 pixels times the
weights of 256 units, in float32.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

import numpy as np

from mnist_core.blas_in_use import find_openblas, numpy_library
from mnist_core.mlx import mx

_BATCH, _PIXELS, _UNITS = 256, 784, 256
_GIGAFLOP = 2 * _BATCH * _PIXELS * _UNITS / 1e9
"""Of one product; a multiplication and an addition count as two."""

_GLANCE = 0.008
"""Seconds for a figure to show at the start, which nobody should wait for."""

_ROUNDS = 3
_ROUND = 0.05
"""Seconds for one side of a comparison. The threads of an OpenBLAS go on spinning for some 25 ms
after a product, which slows the other side; the rest of the round is free of that."""


def glance_gflops() -> float:
    """GFLOP/s of MLX on its default device, from about 10 ms; one product if that takes longer."""
    return _fastest(_mlx_product(), _GLANCE)


def compare_gflops(threads: int) -> tuple[float, float]:
    """GFLOP/s of MLX on its default device, and of NumPy with so many threads.

    Both take turns; each figure is the median over the rounds of the fastest product. It takes a
    third of a second.
    """
    mlx, numpy = _mlx_product(), _numpy_product()
    rounds = []
    with _numpy_threads(threads):
        for _ in range(_ROUNDS):
            rounds.append((_fastest(mlx, _ROUND), _fastest(numpy, _ROUND)))
    return median(figures[0] for figures in rounds), median(figures[1] for figures in rounds)


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
    mx.eval(inputs, weights)
    return lambda: mx.eval(inputs @ weights)


def _numpy_product() -> Callable[[], object]:
    inputs = np.full((_BATCH, _PIXELS), 0.5, np.float32)
    weights = np.full((_PIXELS, _UNITS), 0.5, np.float32)
    return lambda: inputs @ weights


@contextmanager
def _numpy_threads(threads: int) -> Iterator[None]:
    """Let NumPy share its products between so many threads, where its BLAS can be told."""
    library = numpy_library()
    openblas = find_openblas(library) if library is not None else None
    if openblas is None:
        yield
        return
    before = openblas.threads
    openblas.threads = threads
    try:
        yield
    finally:
        openblas.threads = before
