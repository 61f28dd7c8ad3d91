"""The connection of a rank to the process that has started it on this machine.

A rank says which one it is. Rank 0 is given the standard output and error of that process, which
MPI would put a pipe in the place of. When the connection ends, so does the rank.
"""

import os
import shutil
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

FOLDER_VARIABLE = "MNIST_TUI_RANKS"
"""The folder that the ranks share with the process that has started them."""

_SOCKET = "parent"


def output_file(folder: Path, rank: int) -> Path:
    """Where what a rank other than 0 prints is kept, in case that it fails."""
    return folder / f"rank-{rank}.txt"


class Child(NamedTuple):
    """A rank that has said which one it is."""

    rank: int
    process: int
    connection: socket.socket


class RankServer:
    """The side of the process that has started them."""

    def __init__(self, folder: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(folder / _SOCKET))
        self._socket.listen(1024)
        self._socket.setblocking(False)

    def take(self) -> Child | None:
        """The next rank that has said which one it is; None: none has, by now."""
        try:
            connection, _ = self._socket.accept()
        except BlockingIOError:
            return None
        connection.setblocking(True)
        rank, process = map(int, connection.makefile().readline().split())
        outputs = [1, 2] if rank == 0 else []
        socket.send_fds(connection, [b"\n"], outputs)
        return Child(rank, process, connection)

    def close(self) -> None:
        self._socket.close()


def meet_parent(rank: int) -> bool:
    """Connect to the process that has started this one as a rank, if it is on this machine.

    From now on this process ends when that one is gone, however it went. That takes a thread: a
    rank may be anywhere inside MLX then. It returns whether there is one.
    """
    name = os.environ.get(FOLDER_VARIABLE)
    if name is None:
        return False
    folder = Path(name)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(folder / _SOCKET))
    connection.sendall(f"{rank} {os.getpid()}\n".encode())
    _, outputs, *_ = socket.recv_fds(connection, 1, 2)
    if not outputs:
        output = os.open(output_file(folder, rank), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        outputs = [output, os.dup(output)]
    for number, output in enumerate(outputs, 1):
        os.dup2(output, number)
        os.close(output)
    threading.Thread(
        target=_end_with, args=(connection, folder), name="parent", daemon=True
    ).start()
    return True


def _end_with(connection: socket.socket, folder: Path) -> None:
    with suppress(OSError):
        connection.recv(1)  # nothing is ever sent
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
