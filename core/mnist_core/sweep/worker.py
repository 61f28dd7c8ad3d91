"""The processes that train a sweep's trials: one thread each, one trial after the other.

`Worker` starts one and gives it trials; `work` is what runs there. It ends when the pipe to whoever
started it closes, also where that one was killed.
"""

import contextlib
import os
import subprocess
import tempfile
import time
import traceback
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from mnist_core.backend.backend import DeviceChoice, configure
from mnist_core.backend.python_process import THREAD_VARIABLES, python_command
from mnist_core.data.dataset import transpose
from mnist_core.data.registry import load_dataset
from mnist_core.events import failure_sentence
from mnist_core.store import RunStore
from mnist_core.sweep.trial import EpochMeasured, TrialEnded, TrialJob, train_trial

_LAST_WORDS = 2000
"""Characters of a dead process's output that are kept for the log."""
_LOOK = 0.1
"""Seconds between two looks at the pipe while training: each costs as much as a tenth of a step."""
_PATIENCE = 10.0
"""Seconds for a process to keep its run once its pipe is closed."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a worker needs for all its trials: its first message."""

    home: Path
    data: str
    """What --data takes to load the data set."""
    transposed: bool
    cache: Path
    """The folder of downloaded data."""
    device: DeviceChoice
    threads: int
    streams: int | None


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """It has loaded everything and waits for a trial."""


@dataclass(frozen=True, slots=True)
class WorkerFailed:
    """It cannot work at all; its process ends."""

    message: str
    """A sentence for the user."""
    traceback: str
    """For the log file."""


Message = WorkerReady | EpochMeasured | TrialEnded | WorkerFailed
"""What a worker tells; to `EpochMeasured` the answer is whether the trial is pruned."""


class Worker:
    """One process, until `close`."""

    def __init__(self, place: Workplace) -> None:
        self.ready = False
        """Whether it waits for a trial."""
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.connection, theirs = Pipe()
        with theirs:
            # Not -m, which would load this module a second time.
            code = f"from {__name__} import work; work({theirs.fileno()})"
            self._process = subprocess.Popen(
                python_command(code),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                env=os.environ | dict.fromkeys(THREAD_VARIABLES, str(place.threads)),
                start_new_session=True,  # Ctrl-C is for this process, which ends that one
            )
        self._send(place)

    def begin(self, job: TrialJob) -> None:
        """Have it do a trial; it must be ready."""
        self.ready = False
        self._send(job)

    def answer(self, *, pruned: bool) -> None:
        """Tell how the trial goes on that was measured."""
        self._send(pruned)

    def receive(self) -> Message | None:
        """Its next message, waiting for it; None: the process is gone."""
        try:
            message: Message = self.connection.recv()
        except (EOFError, ConnectionResetError):
            return None
        self.ready = isinstance(message, WorkerReady | TrialEnded)
        return message

    def last_words(self) -> tuple[str, str]:
        """Of a process that is gone: how it ended, and the end of what it wrote."""
        code = self._process.wait()
        self._output.seek(0)
        words = self._output.read().decode(errors="replace")[-_LAST_WORDS:]
        return f"signal {-code}" if code < 0 else f"exit code {code}", words

    def leave(self) -> None:
        """Have it stop and keep what it trains, and end."""
        self.connection.close()

    def close(self) -> None:
        """Wait for its end, and kill it where that does not come."""
        self.leave()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()

    def _send(self, message: Workplace | TrialJob | bool) -> None:
        # A process that has died is found out by receiving.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(message)


def work(descriptor: int) -> None:
    """The whole life of the process: train until the other side closes its end of the pipe."""
    with (
        Connection(descriptor) as connection,
        contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError),
    ):
        try:
            _work(connection)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:  # noqa: BLE001 - the process's edge: it goes on as a message
            connection.send(WorkerFailed(failure_sentence(error), traceback.format_exc()))


def _work(connection: Connection) -> None:
    place: Workplace = connection.recv()
    dataset = load_dataset(place.data, place.cache)
    if place.transposed:
        dataset = transpose(dataset)
    backend = configure(place.device, place.threads, place.streams)
    store = RunStore(place.home)
    connection.send(WorkerReady())
    look = _Look(connection)
    while True:
        job: TrialJob = connection.recv()
        connection.send(
            train_trial(job, dataset, backend, store, look.is_pruned, lambda: look.is_left)
        )


class _Look:
    """What the other side wants of the trial under way."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._next = 0.0
        self._left = False

    @property
    def is_left(self) -> bool:
        """Whether nobody is at the other end any more."""
        now = time.monotonic()
        if not self._left and now >= self._next:
            self._next = now + _LOOK
            # Unasked, nothing ever comes but the end.
            self._left = self._connection.poll()
        return self._left

    def is_pruned(self, measured: EpochMeasured) -> bool:
        try:
            self._connection.send(measured)
            return bool(self._connection.recv())
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._left = True
            return False
