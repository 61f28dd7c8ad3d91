"""What a process finds out about ranks from its environment; no MLX."""

import os
import shutil
import sys
from pathlib import Path
from typing import Literal

RankBackend = Literal["mpi", "ring"]

FOLDER_VARIABLE = "MNIST_TUI_RANKS"
"""The folder that `LocalRanks` shares with the ranks it has started."""

_RING_VARIABLES = ("MLX_RANK", "MLX_HOSTFILE")
_MPI_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK")


def backend_of_rank() -> RankBackend | None:
    """What this process was started as a rank of; None: it is no rank."""
    if all(os.environ.get(name) for name in _RING_VARIABLES):
        return "ring"
    if any(os.environ.get(name) for name in _MPI_VARIABLES):
        return "mpi"
    return None


def find_mpirun() -> Path | None:
    """The program that starts the ranks of MPI; None: there is none.

    That of the wheel lies beside this Python, else it is the system's.
    """
    beside = Path(sys.executable).with_name("mpirun")
    if beside.is_file():
        return beside
    found = shutil.which("mpirun")
    return Path(found) if found else None
