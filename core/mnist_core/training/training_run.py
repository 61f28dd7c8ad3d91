"""A run in a thread of its own: its controls, and the mailbox its events wait in."""

import threading
import traceback
from collections.abc import Callable, Generator
from enum import Enum, auto

from mnist_core.events import (
    BatchCompleted,
    DivergenceDetected,
    EpochCompleted,
    Event,
    GiveUp,
    HalveLearningRate,
    Mailbox,
    RunEnded,
    RunFailed,
    StopTraining,
    failure_sentence,
)
from mnist_core.recipe.changes import ChangeQueue, Value

EventSource = Callable[[], Generator[Event, None, None]]


class _Request(Enum):
    GO_ON = auto()
    PAUSE = auto()
    PAUSE_AFTER_EPOCH = auto()
    PAUSE_AFTER_BATCHES = auto()
    STOP = auto()


class Decision(Enum):
    """What a run does after it has diverged."""

    GO_ON = auto()
    """To its end, as the recipe says."""
    HALVE_LEARNING_RATE = auto()
    """From its last healthy state."""
    GIVE_UP = auto()


class TrainingRun:
    """Drives a generator of events in its own thread; `drain` it about ten times a second.

    The thread ends after exactly one of `RunEnded`, which is the last event.
    """

    def __init__(
        self,
        make_events: EventSource,
        at_thread_end: Callable[[], None] | None = None,
        *,
        changes: ChangeQueue | None = None,
        hold: bool = False,
    ) -> None:
        """
        Args:
            make_events: makes the events; it is called in the run's thread.
            at_thread_end: called there at the end.
            changes: where those events look for changes that were asked for.
            hold: wait at `DivergenceDetected`, paused, until `decide` or whatever else resumes.
        """
        self._changes = changes or ChangeQueue()
        self._hold = hold
        self._undecided = False
        self._decision = Decision.GO_ON
        self._batches_left = 0
        self._make_events = make_events
        self._at_thread_end = at_thread_end
        self._mailbox = Mailbox[Event]()
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

    def train_batches(self, count: int) -> None:
        """Train on `count` batches, from 1, then pause; the end of an epoch is no batch."""
        with self._requested:
            self._batches_left = count
        self._ask(_Request.PAUSE_AFTER_BATCHES)

    def change(self, field: str, value: Value | str) -> None:
        """Change a hyperparameter: from the next batch on, or from the next epoch on.

        Raises:
            ChangeError: it cannot be changed so, as a sentence.
        """
        self._changes.ask(field, value)

    @property
    def undecided(self) -> bool:
        """Whether the thread has diverged and waits for `decide`."""
        return self._undecided

    def decide(self, decision: Decision) -> None:
        """Say how a run that is undecided goes on; nothing happens to one that is not."""
        with self._requested:
            if self._undecided:
                self._decision = decision
                self._ask(_Request.GO_ON)

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
        return self._mailbox.drain()

    def _ask(self, request: _Request) -> None:
        with self._requested:
            if self._request is not _Request.STOP:
                self._request = request
                self._requested.notify_all()

    def _work(self) -> None:
        try:
            self._drive(self._make_events())
        except Exception as error:  # noqa: BLE001 - the thread's edge: it goes on as an event
            self._mailbox.post(RunFailed(failure_sentence(error), traceback.format_exc()))
        finally:
            if self._at_thread_end is not None:
                self._at_thread_end()

    def _drive(self, events: Generator[Event, None, None]) -> None:
        try:
            event = next(events)
            while not isinstance(event, RunEnded):
                self._mailbox.post(event)
                self._wait_while_paused(event)
                answer = self._answer(event)
                event = next(events) if answer is None else events.throw(answer)
        except StopIteration:
            raise RuntimeError("The run ended without saying how it went.") from None
        # The generator lets go of its arrays before the thread ends.
        events.close()
        self._mailbox.post(event)

    def _answer(self, event: Event) -> Exception | None:
        """What to throw into the training at this event; None: nothing."""
        if self._request is _Request.STOP:
            return StopTraining()
        if isinstance(event, DivergenceDetected):
            decision, self._decision = self._decision, Decision.GO_ON
            if decision is Decision.HALVE_LEARNING_RATE:
                return HalveLearningRate()
            if decision is Decision.GIVE_UP:
                return GiveUp()
        return None

    def _wait_while_paused(self, event: Event) -> None:
        held = self._hold and isinstance(event, DivergenceDetected)
        if self._request is _Request.GO_ON and not held:
            return
        with self._requested:
            if self._request is _Request.PAUSE_AFTER_EPOCH and isinstance(event, EpochCompleted):
                self._request = _Request.PAUSE
            if self._request is _Request.PAUSE_AFTER_BATCHES and isinstance(event, BatchCompleted):
                self._batches_left -= 1
                if self._batches_left <= 0:
                    self._request = _Request.PAUSE
            if held and self._request is not _Request.STOP:
                self._undecided = True
                self._request = _Request.PAUSE
            while self._request is _Request.PAUSE:
                self._waiting = True
                self._requested.notify_all()
                self._requested.wait()
            self._waiting = self._undecided = False
