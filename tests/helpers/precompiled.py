"""A g++ that parses the header of MLX's kernels once for all of them.

Each kernel is a few lines below that header, which is nine tenths of what compiling one takes. The
kernels are the same to the byte.
"""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

_HEADER = Path("mlx", "backend", "cpu", "compiled_preamble.h")
_FLAGS = ("-std=c++17", "-O3", "-Wall", "-fPIC")
"""Those that MLX gives: with others, g++ leaves the precompiled header alone."""


def make_compiler(folder: Path) -> tuple[Path, Callable[[], None]] | None:
    """A folder for PATH, in `folder`, with such a g++; None where MLX compiles nothing.

    It is as slow as the usual one until the header is precompiled, beside what goes on. Call what
    is given too to wait for that, before the folder is removed.
    """
    compiler, mlx = shutil.which("g++"), find_spec("mlx")
    if sys.platform != "linux" or compiler is None or mlx is None:
        return None
    (package,) = mlx.submodule_search_locations or ("",)
    usual = Path(package, "include")
    if not (usual / _HEADER).exists():
        return None
    programs, includes = folder / "bin", folder / "include"
    made = includes / f"{_HEADER}.gch"
    made.parent.mkdir(parents=True)
    programs.mkdir()
    program = programs / "g++"
    call = shlex.join([compiler, "-I", str(includes)])
    program.write_text(f'#!/bin/sh\nexec {call} "$@"\n')
    program.chmod(0o755)
    unfinished = made.with_suffix(".part")
    precompile = shlex.join(
        [compiler, *_FLAGS, "-w", "-I", str(usual), "-x", "c++-header", str(usual / _HEADER),
         "-o", str(unfinished)]
    )  # fmt: skip
    process = subprocess.Popen(
        ["sh", "-c", f"{precompile} && mv {shlex.join([str(unfinished), str(made)])}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def wait() -> None:
        process.wait()

    return programs, wait
