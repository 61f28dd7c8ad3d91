"""A run in another thread: its controls, what was asked of it, and its events' mailbox.

`mlx_runs` makes those that train with MLX, which is imported only once such a run starts.
"""

import threading
import traceback
from collections.abc import Callable, Generator, Sequence
from enum import Enum, auto
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.backend import Backend, configure
from mnist_core.data.dataset import Dataset
from mnist_core.events import (
    BatchCompleted,
    DivergenceDetected,
    EpochCompleted,
    Event,
    GiveUp,
    HalveLearningRate,
    HyperparameterChanged,
    Mailbox,
    RunEnded,
    RunFailed,
    RunRewound,
    StopTraining,
    TrainingState,
    failure_sentence,
)
from mnist_core.recipe.changes import Change, ChangeQueue, Value
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store.recorder import RunRecorder, recorded
from mnist_core.store.records import Environment
from mnist_core.training.training_thread import TrainingThread


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
    """Drives a generator of events in another thread; `drain` it about ten times a second.

    It is over after exactly one of `RunEnded`, which is the last event. While it has diverged
    and waits to be decided about, it takes changes, `decide` and `stop`, and nothing else.
    """

    def __init__(
        self,
        make_events: Callable[[], Generator[Event, None, None]],
        *,
        thread: TrainingThread | None = None,
        changes: ChangeQueue | None = None,
        hold: bool = False,
        recorder: RunRecorder | None = None,
    ) -> None:
        """
        Args:
            make_events: makes the events; it is called in the run's thread.
            thread: where it is driven, once the runs before have ended there; whoever made it
                closes it. None: one of its own, which ends with the run.
            changes: where those events look for changes that were asked for.
            hold: wait at `DivergenceDetected`, paused, until `decide` or `stop`.
            recorder: keeps what the run tells; None: nobody does.
        """
        self._changes = changes or ChangeQueue()
        self._hold = hold
        self.stopping = False
        """Whether it was asked to end."""
        self.asked: dict[str, Value] = {}
        """What it was asked to change and has not told of yet: values by field name."""
        self._divergence: DivergenceDetected | None = None
        """The last one that was drained, unless the run went back since."""
        self._undecided = False
        """Whether the thread has diverged and waits for `decide`."""
        self._decision = Decision.GO_ON
        self._batches_left = 0
        self._make_events = make_events
        self._thread = thread or TrainingThread()
        self._is_own_thread = thread is None
        self._over = threading.Event()
        """Whether the thread has done with it and keeps nothing of it."""
        self._started = False
        self._recorder = recorder
        if recorder is not None:
            recorder.is_paused = lambda: self.paused
        self._mailbox = Mailbox[Event]()
        self._request = _Request.GO_ON
        self._requested = threading.Condition()
        self.paused = False
        """Whether the thread is waiting to be resumed."""

    def start(self) -> None:
        """Begin; where the system starts no thread for it, it has failed at once."""
        self._started = True
        try:
            self._thread.do(self._work)
        except RuntimeError as error:
            end = RunFailed(failure_sentence(error), traceback.format_exc())
            if self._recorder is not None:
                self._recorder.finish()
            self._mailbox.post(end)
            self._over.set()

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

    def change(self, field: str, value: Value | str, now: Value | None = None) -> None:
        """Change a hyperparameter: from the next batch on, or from the next epoch on.

        Args:
            field: in snake or kebab case.
            value: what it is to become, or the text of that.
            now: the value in force as far as it has been told: to ask for it takes back what was
                asked for before. None: not known.

        Raises:
            ChangeError: it cannot be changed so, as a sentence.
        """
        if self.stopping:
            return
        change = self._changes.ask(field, value)
        if change.value == now:
            self.asked.pop(change.field, None)
        else:
            self.asked[change.field] = change.value

    @property
    def divergence(self) -> DivergenceDetected | None:
        """Why it waits for `decide`, once that was drained; None: it does not."""
        return self._divergence if self._undecided and not self.stopping else None

    def decide(self, decision: Decision) -> None:
        """Say how a run that waits for it goes on; nothing happens to one that does not."""
        with self._requested:
            if self._undecided and not self.stopping:
                self._decision = decision
                self._ask(_Request.GO_ON, decided=True)

    def stop(self) -> None:
        """Ask for the end; what was learned comes with `RunStopped`.

        Where it has diverged and waits, it ends with `RunDiverged`, and its last checkpoint is a
        healthy one: stopped there, it would be resumed with ruined weights.
        """
        with self._requested:
            if self._undecided:
                self.decide(Decision.GIVE_UP)
            else:
                self._ask(_Request.STOP)
            self.stopping = True

    @property
    def alive(self) -> bool:
        """Whether it was started and is not over."""
        return self._started and not self._over.is_set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait until it is over; False if it is not after `timeout` seconds.

        One that was never started is not waited for.
        """
        if not self._started:
            return True
        if not self._over.wait(timeout):
            return False
        if self._is_own_thread:
            self._thread.close()
        return True

    def drain(self) -> list[Event]:
        """The events since the last call, oldest first."""
        events = self._mailbox.drain()
        for event in events:
            match event:
                case HyperparameterChanged():
                    if self.asked.get(event.field) == event.value:
                        del self.asked[event.field]
                case DivergenceDetected():
                    self._divergence = event
                case RunRewound():
                    self._divergence = None
        return events

    def _ask(self, request: _Request, *, decided: bool = False) -> None:
        with self._requested:
            if not self.stopping and self._undecided is decided:
                self._request = request
                self._requested.notify_all()

    def _work(self) -> None:
        try:
            self._drive(recorded(self._make_events(), self._recorder))
        except Exception as error:  # noqa: BLE001 - the thread's edge: it goes on as an event
            self._mailbox.post(RunFailed(failure_sentence(error), traceback.format_exc()))
        finally:
            self._over.set()

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
        # The generator lets go of its arrays before the run is over.
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
                self.paused = True
                self._requested.wait()
            self.paused = self._undecided = False


class RunFactory(Protocol):
    """Makes a run, not started yet; tests pass one that plays a script."""

    def __call__(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        state: TrainingState | None,
        *,
        until_epoch: int | None,
        samples: NDArray[np.uint8],
        recorder: RunRecorder | None = None,
        environment: Environment | None = None,
        changes: Sequence[Change] = (),
    ) -> TrainingRun:
        """See `mnist_core.training.train.train` and `TrainingRun` for the arguments.

        `changes` are those that are known before; the run takes more. One that is continued takes
        device, threads and streams of its `environment`, since others would give other figures.
        """


def mlx_runs(backend: Backend, thread: TrainingThread) -> RunFactory:
    """A factory of runs that train with MLX on `backend`, and wait when they diverge.

    All train in `thread`, which `mlx_thread` makes; MLX is used nowhere else meanwhile.
    """
    configured = backend

    def make_run(
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        state: TrainingState | None,
        *,
        until_epoch: int | None,
        samples: NDArray[np.uint8],
        recorder: RunRecorder | None = None,
        environment: Environment | None = None,
        changes: Sequence[Change] = (),
    ) -> TrainingRun:
        asked = ChangeQueue(changes)

        def trained() -> Generator[Event, None, None]:
            from mnist_core.training.train import train

            nonlocal configured
            device, threads, streams = backend.device, backend.threads, backend.streams
            if environment is not None:
                device = "gpu" if environment.device == "gpu" else "cpu"
                threads, streams = environment.threads, environment.streams
            wanted = device, threads, streams
            if wanted != (configured.device, configured.threads, configured.streams):
                configured = configure(device, threads, streams)
            yield from train(
                hyperparameters,
                dataset,
                state,
                backend=configured,
                until_epoch=until_epoch,
                samples=samples,
                changes=asked,
                on_divergence=None,
                run_id=recorder.run_id if recorder is not None else None,
            )

        return TrainingRun(trained, thread=thread, changes=asked, hold=True, recorder=recorder)

    return make_run
