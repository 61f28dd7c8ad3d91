"""The processes that train a sweep's trials: one thread each, one trial after the other.

`Worker` starts one and gives it trials; `work` is what runs there. It ends when the pipe to whoever
started it closes, also where that one was killed.
"""

import contextlib
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from mnist_core.backend.backend import DeviceChoice, configure
from mnist_core.backend.piped_process import PipedProcess
from mnist_core.data.dataset import transpose
from mnist_core.data.registry import load_dataset
from mnist_core.events import failure_sentence
from mnist_core.store import RunStore
from mnist_core.sweep.trial import EpochMeasured, TrialEnded, TrialJob, train_trial

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


class Worker(PipedProcess):
    """One process, until `close`."""

    def __init__(self, place: Workplace) -> None:
        super().__init__(__name__, place.threads, _PATIENCE)
        self.ready = False
        """Whether it waits for a trial."""
        self.send(place)

    def begin(self, job: TrialJob) -> None:
        """Have it do a trial; it must be ready."""
        self.ready = False
        self.send(job)

    def answer(self, *, pruned: bool) -> None:
        """Tell how the trial goes on that was measured."""
        self.send(pruned)

    def receive(self) -> Message | None:
        """Its next message, waiting for it; None: the process is gone."""
        try:
            message: Message = self.connection.recv()
        except (EOFError, ConnectionResetError):
            return None
        self.ready = isinstance(message, WorkerReady | TrialEnded)
        return message

    def leave(self) -> None:
        """Have it stop and keep what it trains, and end."""
        self.connection.close()


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
