"""Which library computes matrix products, with how many threads, and how fast.

The product is the largest of a training step: a batch of 256 images of 784 pixels times the
weights of 256 units, in float32.
"""

import ctypes
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from statistics import median

import numpy as np

from mnist_core.backend.mlx import mx

_NUMPY_SYMBOLS = ("scipy_cblas_sgemm64_", "cblas_sgemm64_", "cblas_sgemm")
"""What NumPy's own wheels call, and what builds against other libraries call."""

_BATCH, _PIXELS, _UNITS = 256, 784, 256
_WARM_UP = 32
_GIGAFLOP = 2 * _BATCH * _PIXELS * _UNITS / 1e9
"""Of one product; a multiplication and an addition count as two."""

_GLANCE = 0.008
"""Seconds for a number to show at the start, which nobody should wait for."""

_ROUNDS = 3
_ROUND = 0.045
"""Seconds for one side of a comparison. The threads of an OpenBLAS go on spinning for some 25 ms
after a product, which slows the other side; the rest of the round is free of that."""


class _SymbolInfo(ctypes.Structure):
    """`Dl_info` of dladdr(3)."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def serving_library(symbol: str = "cblas_sgemm", caller: str | None = None) -> Path | None:
    """The library that calls of `symbol` go to; None: nothing in the caller's reach defines it.

    It asks the dynamic linker, in the order in which that resolves the caller's references: first
    what is loaded for everyone, then what the caller brings.

    Args:
        symbol: the name of a function.
        caller: file of the extension module that calls it; None for MLX's.
    """
    process = ctypes.CDLL(None)
    for scope in (process, ctypes.CDLL(caller or mx.__file__)):
        if hasattr(scope, symbol):
            info = _SymbolInfo()
            address = ctypes.cast(getattr(scope, symbol), ctypes.c_void_p)
            if process.dladdr(address, ctypes.byref(info)) and info.file:
                return Path(info.file.decode(errors="surrogateescape")).resolve()
    return None


def numpy_library() -> Path | None:
    """The library that NumPy's matrix products go to; None where it cannot be told."""
    caller = import_module("numpy._core._multiarray_umath").__file__
    found = (serving_library(symbol, caller) for symbol in _NUMPY_SYMBOLS)
    return next((library for library in found if library is not None), None)


class OpenBlas:
    """The controls of an OpenBLAS that is loaded in this process."""

    def __init__(self, library: ctypes.CDLL, prefix: str, suffix: str) -> None:
        self._config = library[f"{prefix}openblas_get_config{suffix}"]
        self._config.restype = ctypes.c_char_p
        self._get_threads = library[f"{prefix}openblas_get_num_threads{suffix}"]
        self._set_threads = library[f"{prefix}openblas_set_num_threads{suffix}"]

    @property
    def version(self) -> str:
        """Such as 0.3.34, without the parts that a packager added."""
        configuration: str = self._config().decode()
        return ".".join(configuration.split()[1].split(".")[:3])

    @property
    def threads(self) -> int:
        """How many threads share a product; a number above its limit sets the limit."""
        return int(self._get_threads())

    @threads.setter
    def threads(self, count: int) -> None:
        self._set_threads(count)


def find_openblas(library: Path) -> OpenBlas | None:
    """The controls of `library`, which is loaded; None when it is no OpenBLAS."""
    loaded = ctypes.CDLL(str(library))
    for prefix, suffix in (("", ""), ("scipy_", ""), ("scipy_", "64_"), ("", "64_")):
        if hasattr(loaded, f"{prefix}openblas_set_num_threads{suffix}"):
            return OpenBlas(loaded, prefix, suffix)
    return None


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

    Both take turns; each number is the median over the rounds of the fastest product. It takes a
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
