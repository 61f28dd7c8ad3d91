"""Which library matrix products really go to, and the controls of it."""

import ctypes
from importlib import import_module
from pathlib import Path

from mnist_core.mlx import mx

_NUMPY_SYMBOLS = ("scipy_cblas_sgemm64_", "cblas_sgemm64_", "cblas_sgemm")
"""What NumPy's own wheels call, and what builds against other libraries call."""


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
