"""What this machine and this installation offer for training, as facts."""

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnist_core.backend.backend import Backend, DeviceChoice, available_cores, configure
from mnist_core.backend.installation import BackendMissing, installed_backends, package_version
from mnist_core.data.registry import (
    PUBLISHED,
    SYNTHETIC,
    DatasetUnavailable,
    is_cached,
    load_dataset,
)
from mnist_core.shell_commands import PROGRAM, reinstall_command

_SLOW = 0.5
"""Share of NumPy's speed below which MLX's matrix products are called slow."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The computer, as the operating system shows it to this process."""

    system: str
    cores: int
    usable_cores: int
    """How many of them this process may run on."""
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Blas:
    """What multiplies matrices for MLX."""

    name: str
    library: Path | None
    """The file that MLX's calls really go to; None on a GPU."""
    threads: int
    gflops: float
    numpy_gflops: float
    """NumPy's, on the same number of CPU threads."""
    advice: str
    """Why it is slow and what to do, in sentences; empty: it is not."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """Whether MLX can compile a training step for the CPU of a Linux machine."""

    compiler: str
    """The first line that `g++ --version` prints; empty: there is no working g++."""
    folder: Path | None
    """Where compiled kernels are kept; None: there is no safe folder."""
    seconds: float | None
    """What a small function took, compiled now or earlier; None: it was not compiled."""
    advice: str
    """Why MLX works uncompiled, a little slower, and what to do; empty: it does not."""


@dataclass(frozen=True, slots=True)
class Data:
    """The data set that a run would take."""

    source: str
    """A name or a folder, as typed."""
    folder: Path | None
    """Where it is, or where it would be downloaded to; None for synthetic digits."""
    here: bool
    problem: str
    """Why it cannot be had, and what to do; empty: it can, maybe by a download."""
    doubts: tuple[str, ...] = ()
    """Why figures on it may say little, in sentences."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that this program keeps files in."""

    path: Path
    exists: bool
    writable: bool
    """Whether it can be written, or made."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything that was found."""

    versions: Mapping[str, str | None]
    """Of Python and packages, by name; None: not installed."""
    machine: Machine
    backend: Backend | None
    """None: MLX cannot be used, as `problems` says."""
    blas: Blas | None
    kernels: Kernels | None
    """None where nothing of the kind is needed."""
    data: Data
    downloads: Mapping[str, Data]
    """The data sets that can be downloaded, by name."""
    folders: Mapping[str, Folder]
    problems: tuple[str, ...]
    """Why training cannot work, and what to do, in sentences; empty: it can."""


def diagnose(
    data: str | None,
    cache: Path,
    folders: Mapping[str, Path],
    packages: Sequence[str],
    device: DeviceChoice = "auto",
    threads: int | None = None,
) -> Diagnosis:
    """Look at everything, in about a second. It sets up MLX like `configure`, for this process.

    Args:
        data: a name or a folder, as for `load_dataset`; None for MNIST.
        cache: where downloaded data sets are kept.
        folders: to report on, by name.
        packages: whose versions to report, beside those of MLX's back ends.
        device: as for `configure`.
        threads: as for `configure`.
    """
    backend, blas, kernels = None, None, None
    problems = []
    try:
        backend = configure(device, threads)
    except BackendMissing as error:
        problems.append(str(error))
    else:
        blas = _blas(backend)
        if sys.platform == "linux" and backend.device == "cpu":
            kernels = _kernels()
    downloads = {name: Data(name, cache / name, is_cached(name, cache), "") for name in PUBLISHED}
    source = data or "mnist"
    chosen = downloads.get(source) or _data(source, cache)
    if chosen.problem:
        problems.append(chosen.problem)
    return Diagnosis(
        versions={
            "python": platform.python_version(),
            **{name: package_version(name) for name in (*packages, *installed_backends())},
        },
        machine=_machine(),
        backend=backend,
        blas=blas,
        kernels=kernels,
        data=chosen,
        downloads=downloads,
        folders={name: _folder(path) for name, path in folders.items()},
        problems=tuple(problems),
    )


def speed_advice(
    reason: str, gflops: float, numpy_gflops: float, gflops_on_one_thread: float
) -> str:
    """Why matrix products are slow and what to do, in sentences; empty: they are not.

    Args:
        reason: what is known of a slow BLAS; empty for none.
        gflops: of MLX on the threads it has.
        numpy_gflops: of NumPy on as many.
        gflops_on_one_thread: of MLX.
    """
    if reason:
        return reason
    if gflops_on_one_thread > gflops:
        return (
            f"One thread alone does {gflops_on_one_thread:.0f} GFLOP/s: threads wait for each "
            "other where cores are busy. Use --threads 1, or end the other work."
        )
    if gflops < _SLOW * numpy_gflops:
        return (
            f"NumPy does {numpy_gflops:.0f} GFLOP/s here. "
            f"Reinstall MLX's: {reinstall_command(PROGRAM, 'cpu')}"
        )
    return ""


def _blas(backend: Backend) -> Blas:
    # These import MLX, which is known to be usable only now.
    from mnist_core.backend.matrix_products import compare_gflops, serving_library

    speed = compare_gflops(backend.threads)
    on_cpu = backend.device == "cpu"
    return Blas(
        name=backend.blas,
        library=serving_library() if on_cpu else None,
        threads=backend.threads,
        gflops=speed.mlx,
        numpy_gflops=speed.numpy,
        advice=speed_advice(backend.advice, speed.mlx, speed.numpy, speed.mlx_on_one_thread)
        if on_cpu
        else "",
    )


def _kernels() -> Kernels:
    from mnist_core.backend.kernel_cache import compile_failure, healed, install_kernel_cache
    from mnist_core.backend.mlx import mx

    cache = install_kernel_cache()
    compiler = compiler_version()
    if cache.reason:
        return Kernels(compiler, None, None, cache.reason)
    if not compiler:
        return Kernels(
            "",
            cache.folder,
            None,
            "MLX works without compiled kernels, a little slower: it needs g++, by that name. "
            "Install it, such as with: apt install g++",
        )
    compiled = mx.compile(lambda x: mx.exp(x) * x + x)
    started = time.perf_counter()
    try:
        healed(lambda: mx.eval(compiled(mx.ones(2))))
    except RuntimeError as error:
        failure = compile_failure(error)
        if failure is None:
            raise
        return Kernels(compiler, cache.folder, None, failure)
    return Kernels(compiler, cache.folder, time.perf_counter() - started, "")


def compiler_version() -> str:
    """The first line that `g++ --version` prints; empty: there is no working g++."""
    program = shutil.which("g++")
    if program is None:
        return ""
    done = subprocess.run(
        [program, "--version"], capture_output=True, text=True, errors="replace", check=False
    )
    return done.stdout.partition("\n")[0] if done.returncode == 0 else ""


def _data(source: str, cache: Path) -> Data:
    if source == SYNTHETIC:
        return Data(source, None, True, "")
    try:
        dataset = load_dataset(source, cache)
    except DatasetUnavailable as error:
        return Data(source, Path(source), False, str(error))
    return Data(source, Path(source), True, "", dataset.doubts)


def _machine() -> Machine:
    return Machine(
        system=" ".join((platform.system(), platform.release(), platform.machine())),
        cores=os.cpu_count() or 1,
        usable_cores=available_cores(),
        memory_bytes=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
    )


def _folder(path: Path) -> Folder:
    nearest = next(above for above in (path, *path.parents) if os.access(above, os.F_OK))
    return Folder(
        path=path,
        exists=nearest == path,
        writable=nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK),
    )
