"""A fast BLAS for MLX on a Linux CPU.

MLX's Linux wheel for CPUs links the reference BLAS, which does a product in 13 to 34 times the time
that OpenBLAS takes. The dynamic linker looks at libraries that were loaded for everyone before
MLX's own ones, so an OpenBLAS loaded that way before `mlx.core` is imported takes over its calls.
"""

import ctypes
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from threading import Lock

import platformdirs

from mnist_core.backend.openblas import OpenBlasError, copy_for_mlx, find_wheel
from mnist_core.backend.private_folder import FolderNotPrivateError


@dataclass(frozen=True, slots=True)
class BlasInstall:
    """What `install_blas` did."""

    library: Path | None
    """The library that MLX's calls now go to; None: MLX keeps its own BLAS."""
    reason: str
    """Why, as a sentence; where something failed, also what to do."""


_one_at_a_time = Lock()


def install_blas() -> BlasInstall:
    """Load OpenBLAS for MLX where that helps. Call it before `mlx.core` is imported.

    It never raises for a machine on which that fails: MLX then works with its own, slow BLAS, and
    `reason` says why. Later calls return the result of the first.
    """
    with _one_at_a_time:
        return _install()


@cache
def _install() -> BlasInstall:
    keep = reason_to_keep(sys.platform, "mlx.core" in sys.modules, bundled_libraries())
    if keep:
        return BlasInstall(None, keep)
    return load_openblas(platformdirs.user_cache_path("mnist-tui") / "blas")


def load_openblas(cache: Path) -> BlasInstall:
    """Load OpenBLAS for everyone in this process, from a copy in the folder `cache`."""
    try:
        wheel = find_wheel()
        library = copy_for_mlx(wheel, cache)
        for dependency in wheel.dependencies():
            ctypes.CDLL(str(dependency))  # found by name when the copy, elsewhere, asks for it
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    except (OpenBlasError, FolderNotPrivateError) as error:
        return BlasInstall(None, f"MLX keeps its slow reference BLAS. {error}")
    except OSError as error:  # a full disk, a read-only cache, a folder that may not be executed
        return BlasInstall(
            None,
            "MLX keeps its slow reference BLAS. OpenBLAS could not be loaded from the cache: "
            f"{error}. Make room or give access there, or set XDG_CACHE_HOME to another folder.",
        )
    return BlasInstall(library, f"OpenBLAS {wheel.version} replaces MLX's slow reference BLAS.")


def bundled_libraries() -> tuple[str, ...] | None:
    """File names of the libraries that MLX's CPU wheel brings; None without that wheel."""
    try:
        wheel = metadata.distribution("mlx-cpu")
    except metadata.PackageNotFoundError:
        return None
    folder = Path(str(wheel.locate_file("mlx_cpu.libs")))
    return tuple(sorted(file.name for file in folder.glob("*.so*")))


def reason_to_keep(platform: str, imported: bool, bundled: tuple[str, ...] | None) -> str:
    """Why MLX should keep its own BLAS, as a sentence; empty: it should not.

    Args:
        platform: as in `sys.platform`.
        imported: whether `mlx.core` was imported already.
        bundled: as from :func:`bundled_libraries`.
    """
    if platform != "linux":
        return "MLX uses the BLAS of the operating system."
    if imported:
        return (
            "MLX was imported before its BLAS could be replaced, and keeps the one it found. "
            "Import it through mnist_core.backend.mlx."
        )
    if bundled is None:
        return "MLX's CPU wheel, mlx-cpu, is not installed; another back end brings its own BLAS."
    if not any(name.startswith("libblas-") for name in bundled):
        return "MLX's CPU wheel no longer brings the slow reference BLAS."
    return ""
