"""A private folder for the kernels that MLX compiles on Linux.

To run a compiled function on the CPU, MLX writes C++, calls g++, and loads the shared object, which
it keeps in a folder "mlx" of the temporary folder for the next process. There, any user can put a
file for this one to execute. MLX looks the temporary folder up for each new kernel, so the
variable that names it has to stay. MLX's CUDA back end keeps its kernels there too.
"""

import contextlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from threading import Lock
from typing import TypeVar

from mnist_core.backend.installation import libc_version
from mnist_core.backend.kernel_files import discard_damaged
from mnist_core.backend.leftovers import DAY, UNUSED, mark_used, remove_older
from mnist_core.backend.private_folder import FolderNotPrivateError, private_folder
from mnist_core.user_folders import NoHomeError, user_folder

_NO_KERNELS = (
    "MLX works without compiled kernels, a little slower: there is no safe folder for them."
)
_LOAD_ERROR = "Could not load C++ shared library "
"""Then follow the path and why: what g++ made is gone, damaged, or may not be executed."""
_COMPILE_ERRORS = (
    "[Compile::eval_cpu]",  # g++ failed
    _LOAD_ERROR,
    "filesystem error",  # the folder is gone or cannot be written
)

_Result = TypeVar("_Result")


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
    try:
        cache = user_folder("cache")
    except NoHomeError as error:
        return KernelCache(None, f"{_NO_KERNELS} {error}")
    return use_folder(cache / "kernels" / machine)


def use_folder(path: Path) -> KernelCache:
    """Make the folder `path` if it is missing, and the temporary folder of C libraries.

    Python code keeps its own, and so do child processes that get `os.environ`. Kernels in it that
    are cut short are removed, so that MLX makes them again.
    """
    try:
        folder = private_folder(path)
        discard_damaged(folder)
    except FolderNotPrivateError as error:
        return KernelCache(None, f"{_NO_KERNELS} {error}")
    except OSError as error:
        advice = "Give access there, or set XDG_CACHE_HOME to another folder."
        return KernelCache(None, f"{_NO_KERNELS} {error}. {advice}")
    os.putenv("TMPDIR", str(folder))
    _remove_unused(folder)
    return KernelCache(folder, "")


def healed(work: Callable[[], _Result]) -> _Result:
    """What `work`, which evaluates with MLX, returns; it may be called more than once.

    A kernel that cannot be loaded is removed, and `work` called again, which makes it again. That
    is done once for each kernel: one that was made just now is not what is wrong.

    Raises:
        RuntimeError: what MLX raised, and nothing was there to be removed.
    """
    while True:
        try:
            return work()
        except RuntimeError as error:
            kernel = _kernel_not_loaded(error)
            if kernel is None or kernel in _made_again:
                raise
            _made_again.add(kernel)
            try:
                kernel.unlink()
            except OSError:
                raise error from None


_made_again: set[Path] = set()


def _kernel_not_loaded(error: RuntimeError) -> Path | None:
    """The kernel in this program's folder that MLX could not load; None: another error."""
    message, folder = str(error), install_kernel_cache().folder
    if folder is None or not message.startswith(_LOAD_ERROR):
        return None
    kernel = Path(message.removeprefix(_LOAD_ERROR).partition(".so: ")[0] + ".so")
    return kernel if folder in kernel.parents else None


_LEFTOVERS = ("mlx/*/cpu/tmp_*", "cc*", "making-*")
"""What an MLX, a g++ or a marker that was killed under way leaves in a folder of kernels."""


def _remove_unused(folder: Path) -> None:
    """Remove what compilers left, and the kernels of other machines and of other versions of MLX.

    A compiler is done within a day. A process that has loaded a kernel keeps it until its end.
    """
    for pattern in _LEFTOVERS:
        remove_older(folder.glob(pattern), DAY)
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
    kernel = _kernel_not_loaded(error)
    if kernel is not None and kernel.exists():
        return (
            "MLX could not load a kernel that it had compiled, so it works without, a little "
            f"slower ({' '.join(detail.split())}). Check that the disk of {folder} lets "
            "programs be executed (no mount option noexec), or set XDG_CACHE_HOME to another one."
        )
    room = f" and that {folder} has room" if folder else ""
    return (
        "MLX could not compile its kernels, so it works without, a little slower "
        f"({' '.join(detail.split())}). Check that g++ works{room}."
    )
