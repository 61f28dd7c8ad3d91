"""Which library MLX's matrix products really go to, and the controls of it."""

import ctypes
from pathlib import Path

from mnist_core.mlx import mx


class _SymbolInfo(ctypes.Structure):
    """`Dl_info` of dladdr(3)."""

    _fields_ = (
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    )


def serving_library(symbol: str = "cblas_sgemm") -> Path | None:
    """The library that MLX's calls of `symbol` go to; None: nothing in its reach defines it.

    It asks the dynamic linker, in the order in which that resolves MLX's references: first what is
    loaded for everyone, then what MLX brings.
    """
    process = ctypes.CDLL(None)
    for scope in (process, ctypes.CDLL(mx.__file__)):
        if hasattr(scope, symbol):
            info = _SymbolInfo()
            address = ctypes.cast(getattr(scope, symbol), ctypes.c_void_p)
            if process.dladdr(address, ctypes.byref(info)) and info.file:
                return Path(info.file.decode(errors="surrogateescape")).resolve()
    return None


class OpenBlas:
    """The controls of an OpenBLAS that is loaded in this process."""

    def __init__(self, library: ctypes.CDLL, prefix: str) -> None:
        self._config = library[f"{prefix}openblas_get_config"]
        self._config.restype = ctypes.c_char_p
        self._get_threads = library[f"{prefix}openblas_get_num_threads"]
        self._set_threads = library[f"{prefix}openblas_set_num_threads"]

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
    for prefix in ("", "scipy_"):
        if hasattr(loaded, f"{prefix}openblas_set_num_threads"):
            return OpenBlas(loaded, prefix)
    return None
