"""Engines in processes of their own, so that no library, BLAS or memory is shared.

A `JobProcess` starts one and asks; `work` is what runs there. Between two measurements it waits on
its connection and takes no time from the engine whose turn it is.
"""

import subprocess
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

from mnist_core.backend.piped_process import PipedProcess
from mnist_core.events import failure_sentence

Answer = TypeVar("Answer", covariant=True)


@dataclass(frozen=True, slots=True)
class Begun(Generic[Answer]):
    """A job whose engine is made and warmed up; it stays in its process."""

    description: str
    """The engine's library, device and threads, for people."""
    measure: Callable[[], Answer]
    """Do the work once more, and tell what it took."""
    trace: Callable[[], Any] | None = None
    """Tell, untimed, what the work led through; None: that cannot be told."""


class Job(Protocol[Answer]):
    """The first message to the process: what it is to measure whenever it is asked."""

    @property
    def engine(self) -> str:
        """What a failure is told of."""

    @property
    def threads(self) -> int:
        """CPU threads of the matrix products."""

    def begin(self) -> Begun[Answer]:
        """Make the engine in this process, which must have made none before, and warm it up."""


Request = Literal["measure", "trace"]
"""Each later message: measure once more, or tell what the work leads through."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """The last answer of an engine that cannot go on."""

    message: str
    """A sentence for the user."""
    traceback: str
    """For the log file."""


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


class JobProcess(PipedProcess, Generic[Answer]):
    """One engine's process, from its start to the end of the block."""

    def __init__(self, job: Job[Answer], group: ProcessGroup | None = None) -> None:
        """Start the process; it loads its library while this one goes on."""
        super().__init__(__name__, job.threads)
        self._engine = job.engine
        self._group = group or ProcessGroup()
        self._group.add(self.process)
        self.send(job)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()
        self._group.discard(self.process)

    def wait_until_ready(self) -> str:
        """Wait until it is made and warmed up; describe it.

        Raises:
            EngineError: it could not be made.
        """
        return str(self._receive())

    def measure(self) -> Answer:
        """Measure once more.

        Raises:
            EngineError: it failed or its process died.
        """
        self.send("measure")
        answer: Answer = self._receive()
        return answer

    def trace(self) -> Any:
        """What the work leads through, untimed, as the job's `trace` tells it.

        Raises:
            EngineError: it failed or its process died.
        """
        self.send("trace")
        return self._receive()

    def _receive(self) -> Any:
        try:
            reply = self.connection.recv()
        except (EOFError, ConnectionResetError) as error:
            how, last_words = self.last_words()
            sentence = f"Its process ended with {how}."
            raise EngineError(self._engine, sentence, last_words) from error
        if isinstance(reply, _Failed):
            raise EngineError(self._engine, reply.message, reply.traceback)
        return reply


def work(descriptor: int) -> None:
    """The whole life of the process: answer until the other side closes its end of the pipe."""
    with Connection(descriptor) as connection:
        try:
            job: Job[Any] = connection.recv()
            begun = job.begin()
            _settle()
            connection.send(begun.description)
            while True:
                request: Request = connection.recv()
                if request == "trace":
                    assert begun.trace is not None, "only what can be traced is asked to"
                    answer = begun.trace()
                else:
                    answer = begun.measure()
                _settle()
                connection.send(answer)
        except (EOFError, BrokenPipeError, ConnectionResetError):  # nobody asks any more
            return
        except Exception as error:  # noqa: BLE001 - the process's edge: it goes on as a message
            connection.send(_Failed(failure_sentence(error), traceback.format_exc()))


def _settle() -> None:
    """Wait until the threads of this process rest, at most a second.

    Those of OpenBLAS look out for more work for a tenth of a second, in a loop that would slow down
    the engine whose turn is next.
    """
    deadline = time.monotonic() + 1
    busy = True
    while busy and time.monotonic() < deadline:
        before = time.process_time()
        time.sleep(0.02)
        busy = time.process_time() - before > 0.002
