"""Engines in processes of their own, so that no library, BLAS or memory is shared."""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from multiprocessing import Pipe
from types import TracebackType
from typing import Any, Generic, Self

from mnist_core.benchmark import worker
from mnist_core.benchmark.engine import EpochTrained
from mnist_core.benchmark.engines import EngineName
from mnist_core.benchmark.messages import (
    Answer,
    Assignment,
    EngineFailed,
    EngineReady,
    Job,
    Measure,
    Trace,
)

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""What BLAS libraries read their number of threads from when they are loaded."""

_LAST_WORDS = 2000
"""Characters of a dead process's output that are kept for the log."""


class EngineError(Exception):
    """An engine could not be made or did not survive: a sentence that names it."""

    def __init__(self, engine: str, sentence: str, details: str) -> None:
        """`details` are for the log file."""
        super().__init__(f"The engine {engine} failed. {sentence}")
        self.details = details


class ProcessGroup:
    """Processes that any thread can end at once, also while another one waits for their answer."""

    def __init__(self) -> None:
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()
        self._ended = False

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Take `process` in; it ends at once if all were told to end before."""
        with self._lock:
            self._processes.add(process)
            if self._ended:
                process.kill()

    def discard(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._processes.discard(process)

    def kill(self) -> None:
        """End them, and each that is added from now on. Who waits for one gets an `EngineError`."""
        with self._lock:
            self._ended = True
            for process in self._processes:
                process.kill()


class JobProcess(Generic[Answer]):
    """One engine's process, from its start to the end of the block."""

    def __init__(self, job: Job[Answer], group: ProcessGroup | None = None) -> None:
        """Start the process; it loads its library while this one goes on."""
        self._engine = job.engine
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the block's end
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                # -P keeps what lies in the current folder from being imported.
                [sys.executable, "-P", "-m", worker.__name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                env=os.environ | dict.fromkeys(THREAD_VARIABLES, str(job.threads)),
                start_new_session=True,  # Ctrl-C is for this process, which ends that one
            )
        self._group = group or ProcessGroup()
        self._group.add(self._process)
        self._send(job)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._connection.close()
        self._process.kill()
        self._process.wait()
        self._group.discard(self._process)
        self._output.close()

    def wait_until_ready(self) -> str:
        """Wait until it is made and warmed up; describe it.

        Raises:
            EngineError: it could not be made.
        """
        reply = self._receive()
        assert isinstance(reply, EngineReady)
        return reply.description

    def measure(self) -> Answer:
        """Measure once more.

        Raises:
            EngineError: it failed or its process died.
        """
        self._send(Measure())
        answer: Answer = self._receive()
        return answer

    def trace(self) -> Any:
        """What the work leads through, untimed, as the job's `trace` tells it.

        Raises:
            EngineError: it failed or its process died.
        """
        self._send(Trace())
        return self._receive()

    def _send(self, message: Job[Any] | Measure | Trace) -> None:
        # A process that has died is found out, and explained, by receiving.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._connection.send(message)

    def _receive(self) -> Any:
        try:
            reply = self._connection.recv()
        except (EOFError, ConnectionResetError) as error:
            raise self._died() from error
        if isinstance(reply, EngineFailed):
            raise EngineError(self._engine, reply.message, reply.traceback)
        return reply

    def _died(self) -> EngineError:
        code = self._process.wait()
        self._output.seek(0)
        last_words = self._output.read().decode(errors="replace")[-_LAST_WORDS:]
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return EngineError(self._engine, f"Its process ended with {how}.", last_words)


class EngineProcess(JobProcess[EpochTrained]):
    """The process of an engine that trains epoch by epoch."""

    def __init__(self, assignment: Assignment, group: ProcessGroup | None = None) -> None:
        super().__init__(assignment, group)
        self.engine: EngineName = assignment.engine

    def train_epoch(self) -> EpochTrained:
        """Train the next epoch; raises as :meth:`measure` does."""
        return self.measure()
