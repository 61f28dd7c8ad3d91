"""The MLX this program computes with: on which device, by which BLAS, with how many threads."""

import os
import sys
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

from mnist_core.backend.installation import BackendMissing, installed_backends
from mnist_core.backend.openblas import install_blas
from mnist_core.shell_commands import replace_command

REFERENCE_BLAS = "reference BLAS"
"""What the Linux CPU wheel of MLX links: right, and 13 to 34 times slower than OpenBLAS."""

DEFAULT_THREADS = 1
"""Of a matrix product: several wait for each other, in a loop, while another process has a core.

On two cores a second one made steps 1.0 to 1.5 times as fast on a quiet machine, and 2 to 31 times
as slow beside one busy process (docs/results.md). It also keeps the last digits of a run the same
on every machine with the same kind of CPU, whatever its number of cores.
"""

DeviceChoice = Literal["auto", "cpu", "gpu"]


@dataclass(frozen=True, slots=True)
class Backend:
    """What MLX computes with."""

    device: Literal["cpu", "gpu"]
    device_name: str
    """As the device calls itself; text from outside."""
    blas: str
    """The library behind the matrix products, in words, such as "OpenBLAS 0.3.34"."""
    threads: int
    """How many CPU threads may share a matrix product."""
    mlx_version: str
    advice: str = ""
    """Why the CPU's matrix products are slow and what to do, in sentences; empty: they are not."""
    gflops: float | None = None
    """How fast the CPU multiplied matrices at the start, in GFLOP/s; None on a GPU."""
    streams: int | None = None
    """In how many MLX streams a network is to be computed; None: as many as pay."""


def configure(
    device: DeviceChoice = "auto", threads: int | None = None, streams: int | None = None
) -> Backend:
    """Import MLX, choose its default device for all threads, set the threads of its BLAS.

    Call it before training, not during: both settings hold for the whole process.

    Args:
        device: auto takes the GPU where there is one.
        threads: of a matrix product on the CPU; None takes `DEFAULT_THREADS`. A BLAS that cannot be
            told keeps its own number, which the result shows.
        streams: what `Backend` says of it.

    Raises:
        BackendMissing: MLX has no usable back end here, or no GPU and `device` asks for one.
        ValueError: `threads` is below 1.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"{threads} threads cannot compute; use 1 or more.")
    # Importing MLX is slow and may raise BackendMissing, which callers take from this module.
    from mnist_core.backend.matrix_products import glance_gflops
    from mnist_core.backend.mlx import mx

    has_gpu = mx.is_available(mx.gpu)
    if device == "gpu" and not has_gpu:
        raise BackendMissing(_no_gpu())
    use_gpu = has_gpu and device != "cpu"
    chosen = mx.Device(mx.gpu if use_gpu else mx.cpu)
    mx.set_default_device(chosen)
    blas, blas_threads = _set_blas_threads(threads or DEFAULT_THREADS)
    if use_gpu:
        blas = "Metal" if sys.platform == "darwin" else "cuBLAS"
    return Backend(
        device="gpu" if use_gpu else "cpu",
        device_name=str(mx.device_info(chosen).get("device_name", "unnamed")),
        blas=blas,
        threads=blas_threads,
        mlx_version=metadata.version("mlx"),
        advice=install_blas() if blas == REFERENCE_BLAS else "",
        # A GPU's first product takes too long for this, and its speed is never in doubt.
        gflops=None if use_gpu else glance_gflops(),
        streams=streams,
    )


def available_cores() -> int:
    """How many cores this process may run on, as taskset and cpusets leave them."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _set_blas_threads(threads: int) -> tuple[str, int]:
    """Set the threads of the BLAS that MLX calls; return its name in words and what it now has."""
    from mnist_core.backend.matrix_products import find_openblas, serving_library

    if sys.platform == "darwin":
        return "Accelerate", available_cores()  # it divides the work itself and cannot be told
    library = serving_library()
    if library is None:
        return "no BLAS", 1
    openblas = find_openblas(library)
    if openblas is None:
        is_reference = library.name.startswith("libblas-")
        return REFERENCE_BLAS if is_reference else library.name, 1
    openblas.threads = threads
    return f"OpenBLAS {openblas.version}", openblas.threads


def _no_gpu() -> str:
    advice = (
        "."
        if sys.platform == "darwin"
        else f", or with an NVIDIA GPU run {replace_command(installed_backends(), 'cuda12')} or, "
        f"for CUDA 13, {replace_command(installed_backends(), 'cuda13')}"
    )
    return f"MLX finds no GPU it can use here. Use --device cpu{advice}"
