"""A contest in a thread of its own, its processes within reach of whoever stops it."""

import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Protocol

from mnist_core.benchmark.contest import (
    Contest,
    ContestCompleted,
    ContestEvent,
    ContestFailed,
    ContestProgress,
    ContestStopped,
)
from mnist_core.benchmark.contest_events import contest_events
from mnist_core.benchmark.processes import EngineError, ProcessGroup
from mnist_core.data.dataset import Dataset
from mnist_core.events import Mailbox, failure_sentence

ContestSource = Callable[[ProcessGroup], Generator[ContestProgress, None, None]]


class ContestRun:
    """Drives a generator of events in its own thread; `drain` it a few times a second.

    The thread ends after exactly one of `ContestEnded`, which is the last event.
    """

    def __init__(self, make_events: ContestSource) -> None:
        """`make_events` is called in the thread, with the group that its processes must join."""
        self._make_events = make_events
        self._group = ProcessGroup()
        self._mailbox = Mailbox[ContestEvent]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="race", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it at once, also in the middle of a measurement: its processes are killed."""
        self._stop.set()
        self._group.kill()

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for and the thread has not ended yet."""
        return self._stop.is_set() and self.alive

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread to end; False if it has not after `timeout` seconds."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self.alive

    def drain(self) -> list[ContestEvent]:
        """The events since the last call, oldest first."""
        return self._mailbox.drain()

    def _work(self) -> None:
        try:
            with closing(self._make_events(self._group)) as events:
                for event in events:
                    self._mailbox.post(event)
                    if self._stop.is_set():
                        break
                else:
                    self._mailbox.post(ContestCompleted())
                    return
            self._mailbox.post(ContestStopped())
        except Exception as error:  # noqa: BLE001 - the thread's edge: it goes on as an event
            # A process that was killed by `stop` fails, but that is what was asked for.
            stopped = self._stop.is_set() and isinstance(error, EngineError)
            self._mailbox.post(ContestStopped() if stopped else _failure(error))


def _failure(error: Exception) -> ContestFailed:
    if isinstance(error, EngineError):
        return ContestFailed(str(error), error.details or traceback.format_exc())
    return ContestFailed(failure_sentence(error), traceback.format_exc())


class ContestFactory(Protocol):
    """Makes a run, not started yet; tests pass one that plays a script."""

    def __call__(self, contest: Contest, dataset: Dataset | None) -> ContestRun:
        """`dataset` is what `mlp` trains on; None for the regressions."""


def contest_run(contest: Contest, dataset: Dataset | None) -> ContestRun:
    """The run of a contest in real processes."""
    return ContestRun(lambda group: contest_events(contest, dataset, group))
