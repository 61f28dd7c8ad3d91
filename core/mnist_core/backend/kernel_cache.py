"""A private folder for the kernels that MLX compiles on Linux.

To run a compiled function on the CPU, MLX writes C++, calls g++, and loads the shared object, which
it keeps in a folder "mlx" of the temporary folder for the next process. There, any user can put a
file for this one to execute. MLX looks the temporary folder up for each new kernel, so the
variable that names it has to stay. MLX's CUDA back end keeps its kernels there too.
"""

import contextlib
import os
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from threading import Lock

import platformdirs

from mnist_core.backend.installation import libc_version
from mnist_core.backend.leftovers import DAY, UNUSED, mark_used, remove_older
from mnist_core.backend.private_folder import FolderNotPrivateError, private_folder

_COMPILE_ERRORS = (
    "[Compile::eval_cpu]",  # g++ failed
    "Could not load C++ shared library",  # what it made is gone, damaged, or may not be executed
    "filesystem error",  # the folder is gone or cannot be written
)


@dataclass(frozen=True, slots=True)
class KernelCache:
    """Where MLX keeps compiled kernels."""

    folder: Path | None
    """Holds mlx/<MLX version>/cpu; None: MLX keeps its own place, or must not compile."""
    reason: str
    """Why MLX must not compile and what to do, in sentences; empty: it may."""


_one_at_a_time = Lock()


def install_kernel_cache() -> KernelCache:
    """Give MLX a private folder for its kernels. Call it before anything is compiled.

    Where there is a `reason`, the caller has to keep MLX from compiling. Later calls return the
    result of the first.
    """
    with _one_at_a_time:
        return _install()


@cache
def _install() -> KernelCache:
    if sys.platform != "linux":  # on macOS the temporary folder is the user's own
        return KernelCache(None, "")
    # A home folder may serve machines on which the same shared object does not load.
    machine = f"{os.uname().machine}-{libc_version()}".replace(" ", "-")
    return use_folder(platformdirs.user_cache_path("mnist-tui") / "kernels" / machine)


def use_folder(path: Path) -> KernelCache:
    """Make the folder `path` if it is missing, and the temporary folder of C libraries.

    Python code keeps its own, and so do child processes that get `os.environ`.
    """
    why = "MLX works without compiled kernels, a little slower: there is no safe folder for them."
    try:
        folder = private_folder(path)
    except FolderNotPrivateError as error:
        return KernelCache(None, f"{why} {error}")
    except OSError as error:
        advice = "Give access there, or set XDG_CACHE_HOME to another folder."
        return KernelCache(None, f"{why} {error}. {advice}")
    os.putenv("TMPDIR", str(folder))
    _remove_unused(folder)
    return KernelCache(folder, "")


def _remove_unused(folder: Path) -> None:
    """Remove what compilers left, and the kernels of other machines and of other versions of MLX.

    A compiler is done within a day. A process that has loaded a kernel keeps it until its end.
    """
    remove_older(folder.glob("cc*"), DAY)
    with contextlib.suppress(metadata.PackageNotFoundError):
        mark_used(folder / "mlx" / metadata.version("mlx"))
        remove_older(folder.glob("mlx/*"), UNUSED)
    mark_used(folder)
    remove_older(folder.parent.glob(f"{os.uname().machine}-*"), UNUSED)


def compile_failure(error: RuntimeError) -> str | None:
    """What to tell about an error that MLX raised because it could not compile; None: another.

    MLX raises it when the result of a compiled function is evaluated, not when it is called. Its
    arguments stay good, and so does everything that is not compiled.
    """
    message = str(error)
    if not message.startswith(_COMPILE_ERRORS):
        return None
    lines = message.rpartition("the output is: ")[2].strip().splitlines()
    # The compiler tells of an error first, and ends with what it gave up.
    detail = next((line for line in lines if "error:" in line), lines[-1] if lines else message)
    folder = install_kernel_cache().folder
    room = f" and that {folder} has room" if folder else ""
    return (
        "MLX could not compile its kernels, so it works without, a little slower "
        f"({' '.join(detail.split())}). Check that g++ works{room}."
    )
