"""A run in a thread of its own: its controls, and the mailbox its events wait in."""

import threading
import traceback
from collections.abc import Callable, Generator
from enum import Enum, auto

from mnist_core.events import EpochCompleted, Event, RunEnded, RunFailed, StopTraining
from mnist_core.failures import failure_sentence

EventSource = Callable[[], Generator[Event, None, None]]


class _Request(Enum):
    GO_ON = auto()
    PAUSE = auto()
    PAUSE_AFTER_EPOCH = auto()
    STOP = auto()


class TrainingRun:
    """Drives a generator of events in its own thread; `drain` it about ten times a second.

    The thread ends after exactly one of `RunEnded`, which is the last event.
    """

    def __init__(
        self, make_events: EventSource, at_thread_end: Callable[[], None] | None = None
    ) -> None:
        """`make_events` and `at_thread_end` are called in the run's thread."""
        self._make_events = make_events
        self._at_thread_end = at_thread_end
        self._mailbox: list[Event] = []
        self._mailbox_lock = threading.Lock()
        self._request = _Request.GO_ON
        self._requested = threading.Condition()
        self._waiting = False
        self._thread = threading.Thread(target=self._work, name="training run", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def pause(self) -> None:
        """Wait after the batch under way, until `resume` or `stop`."""
        self._ask(_Request.PAUSE)

    def resume(self) -> None:
        self._ask(_Request.GO_ON)

    def train_one_epoch(self) -> None:
        """Go on to the end of the epoch under way, then pause."""
        self._ask(_Request.PAUSE_AFTER_EPOCH)

    def stop(self) -> None:
        """Ask for the end; what was learned comes with `RunStopped`."""
        self._ask(_Request.STOP)

    @property
    def paused(self) -> bool:
        """Whether the thread is waiting to be resumed."""
        return self._waiting

    def wait_until_paused(self, timeout: float | None = None) -> bool:
        """Block until the thread waits to be resumed; False if it does not in `timeout` seconds."""
        with self._requested:
            return self._requested.wait_for(lambda: self._waiting, timeout)

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for and the thread has not ended yet."""
        return self._request is _Request.STOP and self.alive

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread to end; False if it has not after `timeout` seconds."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self.alive

    def drain(self) -> list[Event]:
        """The events since the last call, oldest first."""
        with self._mailbox_lock:
            events, self._mailbox = self._mailbox, []
        return events

    def _ask(self, request: _Request) -> None:
        with self._requested:
            if self._request is not _Request.STOP:
                self._request = request
                self._requested.notify_all()

    def _post(self, event: Event) -> None:
        with self._mailbox_lock:
            self._mailbox.append(event)

    def _work(self) -> None:
        try:
            self._drive(self._make_events())
        except Exception as error:  # noqa: BLE001 - the thread's edge: it goes on as an event
            self._post(RunFailed(failure_sentence(error), traceback.format_exc()))
        finally:
            if self._at_thread_end is not None:
                self._at_thread_end()

    def _drive(self, events: Generator[Event, None, None]) -> None:
        try:
            event = next(events)
            while not isinstance(event, RunEnded):
                self._post(event)
                self._wait_while_paused(event)
                stop = self._request is _Request.STOP
                event = events.throw(StopTraining()) if stop else next(events)
        except StopIteration:
            raise RuntimeError("The run ended without saying how it went.") from None
        # The generator lets go of its arrays before the thread ends.
        events.close()
        self._post(event)

    def _wait_while_paused(self, event: Event) -> None:
        if self._request is _Request.GO_ON:
            return
        with self._requested:
            if self._request is _Request.PAUSE_AFTER_EPOCH and isinstance(event, EpochCompleted):
                self._request = _Request.PAUSE
            while self._request is _Request.PAUSE:
                self._waiting = True
                self._requested.notify_all()
                self._requested.wait()
            self._waiting = False
