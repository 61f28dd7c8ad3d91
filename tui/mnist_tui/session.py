"""What happens between opening the app and leaving it: data, runs, and the race between two.

It holds no widget, so the rules of starting, stopping and restarting are tested without a screen.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from mnist_core.dataset import Dataset, Examples, shown_samples, split
from mnist_core.events import (
    RunCompleted,
    RunDiverged,
    RunFailed,
    RunStopped,
    TrainingState,
)
from mnist_core.hyperparameters import Hyperparameters
from mnist_core.loading import (
    DatasetEvent,
    DatasetFailed,
    DatasetLoaded,
    DatasetNotOffered,
    DatasetOffered,
    DatasetProgressed,
)
from mnist_core.mlx_run import RunFactory
from mnist_core.run import TrainingRun
from mnist_tui.run_progress import RunProgress

SAMPLES = 60
"""Test samples that each run predicts while it trains; the grid shows those that fit."""

LOADER_PATIENCE = 1.0
"""Seconds to wait, on leaving, for a download to end at its next block."""


class State(StrEnum):
    """The one word that says what the laboratory is doing."""

    IDLE = "idle"
    LOADING = "loading"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    COMPLETED = "completed"
    STOPPED = "stopped"
    DIVERGED = "diverged"
    FAILED = "failed"

    @property
    def is_active(self) -> bool:
        """Whether a run is under way."""
        return self in (State.RUNNING, State.PAUSED, State.STOPPING)


_END_STATES = {
    RunCompleted: State.COMPLETED,
    RunStopped: State.STOPPED,
    RunDiverged: State.DIVERGED,
    RunFailed: State.FAILED,
}


class Loader(Protocol):
    """Loads a data set in the background; `mnist_core.loading.DatasetLoader` is the real one."""

    def start(self) -> None: ...
    def drain(self) -> list[DatasetEvent]: ...
    def cancel(self) -> None: ...
    def join(self, timeout: float | None = None) -> bool: ...


class LoaderFactory(Protocol):
    def __call__(self) -> Loader: ...


class Session:
    """The data set, the run under way, the run before it, and what was asked for next."""

    def __init__(
        self, make_run: RunFactory, make_loader: LoaderFactory, log: Callable[[str], str]
    ) -> None:
        """`log` takes the tracebacks that people are spared, and says where it put them."""
        self._log = log
        self.log_note = ""
        """Where the traceback of the last failure is, as a sentence."""
        self._make_run = make_run
        self._make_loader = make_loader
        self._loader: Loader | None = None
        self._run: TrainingRun | None = None
        self._next: Hyperparameters | None = None
        """To be trained as soon as data and a free thread allow."""
        self.dataset: Dataset | None = None
        self.data_reason: str | None = None
        """Why these data are not the ones a person would expect, and what to do about it."""
        self.data_progress: DatasetProgressed | None = None
        self.data_failure: DatasetFailed | None = None
        self.offered: Dataset | None = None
        """A data set that came later and may be switched to."""
        self.samples: Examples | None = None
        """The test samples on show."""
        self.progress: RunProgress | None = None
        self.ghost: RunProgress | None = None
        """The run before, to race against."""

    @property
    def state(self) -> State:
        if self._run is not None:
            if self._run.stopping:
                return State.STOPPING
            return State.PAUSED if self._run.paused else State.RUNNING
        if self.dataset is None:
            return State.FAILED if self.data_failure else State.LOADING
        if self._next is not None:
            return State.LOADING
        if self.progress is not None and self.progress.end is not None:
            return _END_STATES[type(self.progress.end)]
        return State.IDLE

    @property
    def can_retry_data(self) -> bool:
        """Whether other data than the ones wanted stand in, and nothing better is offered."""
        return self.data_reason is not None and self.offered is None

    @property
    def waiting(self) -> bool:
        """Whether a run was asked for that cannot start yet."""
        return self._next is not None

    @property
    def can_continue(self) -> bool:
        """Whether `one_more_epoch` has something to go on from."""
        if self._run is not None:
            return self._run.paused and not self._run.stopping
        return self.progress is not None and self.progress.state is not None

    def load_data(self) -> None:
        """Start loading, or try again: after a failure, or where synthetic digits stand in."""
        if self._loader is not None:
            self._loader.cancel()
        if self.data_reason is not None:
            self.data_reason = "Trying again to get the data."
        self.data_failure = None
        self._loader = self._make_loader()
        self._loader.start()

    def use_offered_data(self) -> None:
        """Train on the data set that was offered from the next run on."""
        if self.offered is not None:
            self._use(self.offered, None)
            self.offered = None

    def run(self, hyperparameters: Hyperparameters) -> None:
        """Train with these; a run under way is stopped first and becomes the ghost."""
        self._next = hyperparameters
        if self._run is not None:
            self._run.stop()
        elif self.dataset is not None:
            self._start_next(self.dataset)
        elif self.data_failure is not None:
            self.load_data()

    def pause(self) -> None:
        if self._run is not None:
            self._run.pause()

    def resume(self) -> None:
        if self._run is not None:
            self._run.resume()

    def stop(self) -> None:
        """End the run under way and keep it; forget a run that waits."""
        self._next = None
        if self._run is not None:
            self._run.stop()

    def one_more_epoch(self) -> None:
        """Train to the end of the epoch under way, or one epoch past the end of an ended run."""
        if not self.can_continue:
            return
        if self._run is not None:
            self._run.train_one_epoch()
        elif self.progress is not None and self.progress.state is not None:
            state = self.progress.state
            self.progress.continue_run()
            self._start(self.progress, state, state.epoch + 1)

    def tick(self) -> bool:
        """Take what arrived since the last call; True if anything to be drawn changed."""
        changed = self._take_data_events()
        if self._run is None:
            return changed
        # Asked before draining, so that no event can come between the two.
        ended = not self._run.alive
        events = self._run.drain()
        if self.progress is not None and events:
            self.progress.apply(events)
            changed = True
        if ended:
            self._run.join()
            if self.progress is not None and isinstance(self.progress.end, RunFailed):
                self.log_note = self._log(self.progress.end.traceback)
            self._run = None
            changed = True
            if self._next is not None and self.dataset is not None:
                self._start_next(self.dataset)
        return changed

    def close(self) -> None:
        """Stop everything and wait for the run's thread, so that the process may exit."""
        self._next = None
        if self._loader is not None:
            self._loader.cancel()
            self._loader.join(LOADER_PATIENCE)
        if self._run is not None:
            self._run.stop()
            self._run.join()

    def _take_data_events(self) -> bool:
        events = self._loader.drain() if self._loader is not None else []
        for event in events:
            match event:
                case DatasetProgressed():
                    self.data_progress = event
                case DatasetLoaded():
                    self._use(event.dataset, event.reason)
                case DatasetOffered():
                    self.offered = event.dataset
                case DatasetNotOffered():
                    self.data_reason = f"These digits are synthetic. {event.message}"
                case DatasetFailed():
                    self.data_failure = event
                    self.log_note = self._log(event.traceback)
                    self._next = None
        return bool(events)

    def _use(self, dataset: Dataset, reason: str | None) -> None:
        self.dataset = dataset
        self.data_reason = reason
        self.data_progress = None
        if self._run is None:
            self.samples = dataset.test[
                shown_samples(dataset.test.labels, dataset.class_count, SAMPLES)
            ]
            if self._next is not None:
                self._start_next(dataset)

    def _start_next(self, dataset: Dataset) -> None:
        hyperparameters, self._next = self._next, None
        if hyperparameters is None:
            return
        try:
            test = split(dataset, hyperparameters.validation).test
        except ValueError:
            # The run itself says what does not fit, as its failure.
            test = dataset.test
        rows = shown_samples(test.labels, dataset.class_count, SAMPLES)
        if self.progress is not None and len(self.progress.train_loss):
            self.ghost = self.progress
        self.progress = RunProgress(hyperparameters, dataset, test[rows], rows)
        self._start(self.progress, None, hyperparameters.epochs)

    def _start(self, progress: RunProgress, state: TrainingState | None, until_epoch: int) -> None:
        self.samples = progress.samples
        self._run = self._make_run(
            progress.hyperparameters,
            progress.dataset,
            state,
            until_epoch=until_epoch,
            samples=progress.samples.images,
        )
        self._run.start()
