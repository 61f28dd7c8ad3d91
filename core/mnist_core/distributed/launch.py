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
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from mnist_core.backend.python_process import THREAD_VARIABLES
from mnist_core.distributed.environment import RankBackend, find_mpi
from mnist_core.distributed.parent import FOLDER_VARIABLE, Child, RankServer, output_file

_GRACE = 5.0
"""Seconds for the others to end, where one has failed: rank 0 may have to write what it knows."""
_LOOK = 0.05
"""Seconds between two looks at the processes."""
_LONG = 70
"""Bytes of a path."""
_STOPPED = 130
"""The exit code of what a user has stopped."""


class LocalRanks:
    """The processes of a job, from their start to the end of the block, which leaves none."""

    def __init__(self, command: Sequence[str], size: int, backend: RankBackend = "ring") -> None:
        """Start `size` processes of `command`, which are to call `meet_parent`.

        Rank 0 has the standard output and error of this process, the others have files.
        """
        # The path of a socket has about a hundred characters at most.
        place = None if len(os.fsencode(tempfile.gettempdir())) < _LONG else "/tmp"
        self._temporary = tempfile.TemporaryDirectory(prefix="mnist-tui-ranks-", dir=place)
        self._folder = Path(self._temporary.name)
        self._server = RankServer(self._folder)
        self._children: dict[int, Child] = {}
        self._ended = False
        environment = {
            **os.environ,
            **dict.fromkeys(THREAD_VARIABLES, "1"),
            FOLDER_VARIABLE: str(self._folder),
        }
        start = self._start_by_mpi if backend == "mpi" else self._start_ring
        self._processes = start(command, size, environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._take_children()
        self._signal_children(signal.SIGKILL)
        for process in self._processes:
            process.kill()
            process.wait()
        for child in self._children.values():
            child.connection.close()
        self._server.close()
        self._temporary.cleanup()

    def stop(self) -> None:
        """Ask rank 0 to stop, which tells the others; end all if it is not there yet."""
        if 0 in self._children:
            os.kill(self._children[0].process, signal.SIGINT)
        else:
            self.end()

    def end(self) -> None:
        """End all at once, whatever they are doing."""
        self._ended = True

    def suspend(self) -> None:
        """Halt all, until :meth:`resume`."""
        self._signal_children(signal.SIGSTOP)

    def resume(self) -> None:
        """Let all go on."""
        self._signal_children(signal.SIGCONT)

    def wait(self) -> tuple[int, str]:
        """Wait until all have ended; the exit code, and what went wrong beside rank 0.

        The code is that of rank 0, or 1 where another one failed. Where one fails, the others have
        a few seconds to end by themselves.
        """
        while (failed := self._first_failed()) is None:
            if all(process.poll() == 0 for process in self._processes):
                return 0, ""
            if self._ended:
                return _STOPPED, ""
            self._take_children()
            time.sleep(_LOOK)
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline and any(each.poll() is None for each in self._processes):
            time.sleep(_LOOK)
        code = self._processes[0].poll()
        return (code if code is not None and 0 < code <= _STOPPED else 1), self._problem(failed)

    def _start_ring(
        self, command: Sequence[str], size: int, environment: dict[str, str]
    ) -> list[subprocess.Popen[bytes]]:
        hosts = self._folder / "hosts.json"
        hosts.write_text(json.dumps([[f"127.0.0.1:{port}"] for port in _free_ports(size)]))
        environment = {**environment, "MLX_HOSTFILE": str(hosts)}
        return [
            _start(
                command,
                {**environment, "MLX_RANK": str(rank)},
                output_file(self._folder, rank) if rank else None,
            )
            for rank in range(size)
        ]

    def _start_by_mpi(
        self, command: Sequence[str], size: int, environment: dict[str, str]
    ) -> list[subprocess.Popen[bytes]]:
        mpi = find_mpi()
        assert mpi is not None, "whoever chooses MPI has looked for it"
        if mpi.library is not None:
            environment = {**environment, "MLX_MPI_LIBNAME": str(mpi.library)}
        # As many as are asked for, on whatever cores the system gives them.
        words = [str(mpi.mpirun), "-n", str(size), "--oversubscribe", "--bind-to", "none"]
        if os.geteuid() == 0:
            words.append("--allow-run-as-root")  # as others are, in a container
        return [_start([*words, *command], environment, self._folder / "mpirun.txt")]

    def _take_children(self) -> None:
        while (child := self._server.take()) is not None:
            self._children[child.rank] = child

    def _signal_children(self, number: signal.Signals) -> None:
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.process, number)

    def _first_failed(self) -> int | None:
        codes = [process.poll() for process in self._processes]
        # Of those that ended since the last look, one that was killed has not lost another one.
        order = sorted(range(len(codes)), key=lambda rank: (codes[rank] or 0) >= 0)
        return next((rank for rank in order if codes[rank]), None)

    def _problem(self, rank: int) -> str:
        """What went wrong first, as far as rank 0 has not said it itself."""
        code = self._processes[rank].returncode
        if code < 0:
            return _killed_text(f"Rank {rank}", -code)
        if code > _STOPPED or 128 < code < _STOPPED:
            return _killed_text("A rank", code - 128)  # as mpirun tells it
        by_mpi = len(self._children) > len(self._processes)
        for other in sorted(self._children) if by_mpi else [rank]:
            last = _last_line(output_file(self._folder, other))
            if last:
                return f"Rank {other} ended with exit code {code}: {last}"
        return f"Rank {rank} ended with exit code {code}." if rank else ""


def _killed_text(who: str, number: int) -> str:
    name = signal.Signals(number).name
    return f"{who} was ended by {name}, and with it the job. What it told is kept."


def _last_line(file: Path) -> str:
    """Empty where there is none."""
    try:
        lines = file.read_text(errors="replace").split("\n")
    except FileNotFoundError:
        return ""
    return next((line for line in reversed(lines) if line.strip()), "")


def _start(
    command: Sequence[str], environment: dict[str, str], output: Path | None
) -> subprocess.Popen[bytes]:
    with contextlib.ExitStack() as closing:
        file = closing.enter_context(output.open("wb")) if output is not None else None
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=environment,
            start_new_session=True,  # Ctrl-C is for this process, which passes it on
        )


def _free_ports(count: int) -> list[int]:
    """Ports of this machine that nobody listens on."""
    with contextlib.ExitStack() as closing:
        sockets = [closing.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
