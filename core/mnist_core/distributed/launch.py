"""Ranks on this machine: processes that are started, watched and ended together.

`mlx.launch` starts them too, but on ports that may be taken, returns 0 whatever they return, and
leaves them behind when it is killed.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from mnist_core.backend.python_process import THREAD_VARIABLES
from mnist_core.distributed.environment import FOLDER_VARIABLE

_PIPE = "parent"
_GRACE = 5.0
"""Seconds for the others to end, where one has failed: rank 0 may have to write what it knows."""
_LOOK = 0.05
"""Seconds between two looks at the processes."""


class LocalRanks:
    """The processes of a job, from their start to the end of the block, which leaves none."""

    def __init__(self, command: Sequence[str], size: int) -> None:
        """Start `size` processes of `command`, which meet by the ring.

        Rank 0 has the standard output and error of this process, the others have files.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="mnist-tui-ranks-")
        folder = Path(self._folder.name)
        os.mkfifo(folder / _PIPE)
        # Also open for reading, so that opening does not wait for a reader.
        self._pipe = os.open(folder / _PIPE, os.O_RDWR)
        hosts = folder / "hosts.json"
        hosts.write_text(json.dumps([[f"127.0.0.1:{port}"] for port in _free_ports(size)]))
        environment = {
            **os.environ,
            **dict.fromkeys(THREAD_VARIABLES, "1"),
            FOLDER_VARIABLE: str(folder),
            "MLX_HOSTFILE": str(hosts),
        }
        self._processes: list[subprocess.Popen[bytes]] = []
        for rank in range(size):
            with contextlib.ExitStack() as closing:
                output = None
                if rank:
                    output = closing.enter_context(self._output(rank).open("wb"))
                self._processes.append(
                    subprocess.Popen(
                        list(command),
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=output,
                        env={**environment, "MLX_RANK": str(rank)},
                        start_new_session=True,  # Ctrl-C is for this process, which passes it on
                    )
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        os.close(self._pipe)
        self._folder.cleanup()

    def stop(self) -> None:
        """Ask rank 0 to stop, which tells the others."""
        self._processes[0].send_signal(signal.SIGINT)

    def suspend(self) -> None:
        """Halt all, until :meth:`resume`."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """Let all go on."""
        self._send(signal.SIGCONT)

    def kill(self) -> None:
        """End all at once."""
        self._send(signal.SIGKILL)

    def wait(self) -> tuple[int, str]:
        """Wait until all have ended; the exit code, and what went wrong beside rank 0.

        The code is that of rank 0, or 1 where another one failed. Where one fails, the others have
        a few seconds to end by themselves.
        """
        while (failed := self._first_failed()) is None:
            if all(process.poll() == 0 for process in self._processes):
                return 0, ""
            time.sleep(_LOOK)
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline and any(each.poll() is None for each in self._processes):
            time.sleep(_LOOK)
        code = self._processes[0].poll()
        problem = self._problem(failed)
        return (code if code is not None and code > 0 else 1), problem

    def _first_failed(self) -> int | None:
        codes = [process.poll() for process in self._processes]
        # Of those that ended since the last look, one that was killed has not lost another one.
        order = sorted(range(len(codes)), key=lambda rank: codes[rank] or 0)
        return next((rank for rank in order if codes[rank]), None)

    def _problem(self, rank: int) -> str:
        code = self._processes[rank].returncode
        if code < 0:
            name = signal.Signals(-code).name
            return f"Rank {rank} was ended by {name}, and with it the job. What it told is kept."
        if rank == 0:
            return ""  # it has said so itself
        lines = self._output(rank).read_text(errors="replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "It has not said why.")
        return f"Rank {rank} ended with exit code {code}: {last}"

    def _output(self, rank: int) -> Path:
        return Path(self._folder.name) / f"rank-{rank}.txt"

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes:
            process.send_signal(number)


def end_with_parent() -> None:
    """End this process when the one that has started it as a rank is gone, however that went.

    It takes a thread: a rank may be anywhere inside MLX then.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is not None:
        pipe = os.open(Path(folder) / _PIPE, os.O_RDONLY)
        threading.Thread(target=_end_after, args=(pipe,), name="parent", daemon=True).start()


def _end_after(pipe: int) -> None:
    # Nothing is ever written.
    os.read(pipe, 1)
    os._exit(1)


def _free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    with contextlib.ExitStack() as closing:
        sockets = [closing.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
