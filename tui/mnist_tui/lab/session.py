"""What happens between opening the app and leaving it: data, runs, and the race between two.

It holds no widget, so the rules of starting, stopping and restarting are tested without a screen.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Protocol

from mnist_core.data.dataset import Dataset, Examples, shown_samples
from mnist_core.data.loader import (
    DatasetEvent,
    DatasetFailed,
    DatasetLoaded,
    DatasetNotOffered,
    DatasetOffered,
    DatasetProgressed,
)
from mnist_core.events import (
    DivergenceDetected,
    RunFailed,
    TrainingState,
)
from mnist_core.recipe.changes import Value
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import Environment, ResumePoint, RunRecord, RunState, RunStore, StoreError
from mnist_core.store.recorder import RunRecorder
from mnist_core.store.records import END_STATES
from mnist_core.training.factory import RunFactory
from mnist_tui.lab.recording import begin_recording
from mnist_tui.lab.restoring import SAMPLES, check_data, progress_for, restored
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.lab.steered_run import SteeredRun

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


class Loader(Protocol):
    """Loads a data set in the background, as `mnist_core.data.loader.DatasetLoader` does."""

    def start(self) -> None: ...
    def drain(self) -> list[DatasetEvent]: ...
    def cancel(self) -> None: ...
    def join(self, timeout: float | None = None) -> bool: ...


class LoaderFactory(Protocol):
    def __call__(self) -> Loader: ...


class Session:
    """The data set, the run under way, the run before it, and what was asked for next."""

    def __init__(
        self,
        make_run: RunFactory,
        make_loader: LoaderFactory,
        log: Callable[[str], str],
        store: RunStore,
    ) -> None:
        """`log` takes the tracebacks that people are spared, and says where it put them; runs are
        kept in `store`.
        """
        self._log = log
        self._store = store
        self._recorder: RunRecorder | None = None
        self._logged_problem = ""
        self.interrupted: RunRecord | None = None
        """The latest run, if the process that trained it is gone."""
        self.hold = ""
        """Why no run may train now, as a sentence; empty: one may."""
        self.store_notice = ""
        """Why runs are not kept as they should be, in sentences; empty: they are."""
        self.log_note = ""
        """Where the traceback of the last failure is, as a sentence."""
        self._make_run = make_run
        self._make_loader = make_loader
        self._loader: Loader | None = None
        self._run: SteeredRun | None = None
        self._next: Hyperparameters | None = None
        """To be trained as soon as data and a free thread allow."""
        self._next_batches: int | None = None
        """After so many batches it is to pause; None: not at all."""
        self._resume_next = ""
        """The stored run to be continued as soon as there are data."""
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
        self.cursor: float | None = None
        """The step that charts read out, and at whose epoch mistakes are looked at."""
        self.ghost: RunProgress | None = None
        """The run before, to race against."""

    @property
    def state(self) -> State:
        if self._run is not None:
            if self._run.ending:
                return State.STOPPING
            return State.PAUSED if self._run.paused else State.RUNNING
        if self.dataset is None:
            return State.FAILED if self.data_failure else State.LOADING
        if self._next is not None:
            return State.LOADING
        if self.progress is not None and self.progress.end is not None:
            return State(END_STATES[type(self.progress.end)])
        return State.IDLE

    @property
    def resumable(self) -> str:
        """The run that `resume_stored` is meant for: the one shown, or one left behind; or ""."""
        if self._run is not None or self.waiting:
            return ""
        if self.progress is not None:
            return self.progress.run_id
        return self.interrupted.id if self.interrupted is not None else ""

    @property
    def can_retry_data(self) -> bool:
        """Whether other data than the ones wanted stand in, and nothing better is offered."""
        return self.data_reason is not None and self.offered is None

    @property
    def waiting(self) -> bool:
        """Whether a run was asked for that cannot start yet."""
        return self._next is not None or bool(self._resume_next)

    @property
    def can_continue(self) -> bool:
        """Whether `one_more_epoch` has something to go on from."""
        if self._run is not None:
            return self._run.paused and not self._run.ending
        return self.progress is not None and self.progress.state is not None

    @property
    def divergence(self) -> DivergenceDetected | None:
        """Why the run under way waits for `halve_learning_rate`, or its end; None: it does not."""
        return self._run.divergence if self._run is not None else None

    @property
    def asked(self) -> Mapping[str, Value]:
        """What the run under way was asked to change and has not yet: values by field name."""
        return self._run.asked if self._run is not None else {}

    def load_data(self) -> None:
        """Start loading, or try again: after a failure, or where synthetic digits stand in."""
        if self._loader is not None:
            self._loader.cancel()
        if self.data_reason is not None:
            self.data_reason = "Trying again to get the data."
        self.data_failure = None
        self._loader = self._make_loader()
        self._loader.start()

    def look_for_interrupted(self) -> None:
        """Find out whether the latest run was left unfinished by a process that is gone."""
        if not self._store.exists:
            return
        try:
            latest = self._store.latest()
        except StoreError as error:
            self.store_notice = str(error)
            return
        self.store_notice = self._store.notice
        if latest is not None and latest.state is RunState.INTERRUPTED:
            self.interrupted = latest

    def use_offered_data(self) -> None:
        """Train on the data set that was offered from the next run on."""
        if self.offered is not None:
            self._use(self.offered, None)
            self.offered = None

    def run(self, hyperparameters: Hyperparameters, batches: int | None = None) -> None:
        """Train with these; a run under way is stopped first and becomes the ghost.

        It pauses after so many `batches`; None: it does not.
        """
        self._next, self._next_batches = hyperparameters, batches
        if self._run is not None:
            self._run.end()
        elif self.dataset is not None:
            self._start_next(self.dataset)
        elif self.data_failure is not None:
            self.load_data()

    def resume_stored(self, run_id: str) -> None:
        """Continue a run of the store from its checkpoint; one more epoch of one that is complete.

        Where the data are still being loaded, it waits for them.

        Raises:
            StoreError: it cannot be continued now, as a sentence for the user.
        """
        if self.hold:
            raise StoreError(self.hold)
        if self._run is not None or self.waiting:
            raise StoreError("A run is under way. Stop it before you resume another one.")
        if self.dataset is None and self.data_failure is None:
            self._resume_next = run_id
            return
        point = self._store.resume_point(run_id)
        record = point.record
        dataset = check_data(record, self.dataset)
        done = point.state
        steps = done.step if done is not None else 0
        progress = restored(self._store, record, dataset, steps)
        until_epoch = max(record.epochs, done.epoch + 1 if done is not None else 1)
        self._start(progress, point.state, until_epoch, point, record.environment)
        self.store_notice = point.notice or self.store_notice

    def show_stored(self, run_id: str) -> None:
        """Show a run of the store, with what its last model said of the samples.

        Raises:
            StoreError: it cannot be shown now, as a sentence for the user.
        """
        if self._run is not None or self.waiting:
            raise StoreError("A run is under way. Stop it before you open another one.")
        record = self._store.run(run_id)
        dataset = check_data(record, self.dataset)
        progress = restored(self._store, record, dataset, record.step)
        self.progress, self.samples = progress, progress.samples

    def pause(self) -> None:
        if self._run is not None:
            self._run.pause()

    def resume(self) -> None:
        """Go on with a run that is paused, unless it has diverged and must be decided about."""
        if self._run is not None:
            self._run.resume()

    def stop(self) -> None:
        """End the run under way and keep it; forget a run that waits.

        One that has diverged and waits ends as diverged: its last healthy checkpoint is kept.
        """
        self._next, self._resume_next = None, ""
        if self._run is not None:
            self._run.end()

    def halve_learning_rate(self) -> None:
        """Let a run that has diverged go on from its last healthy state, with half the rate."""
        if self._run is not None:
            self._run.halve_learning_rate()

    def change(self, field: str, value: Value) -> None:
        """Change a hyperparameter of the run under way, with the next batch or the next epoch.

        Raises:
            ChangeError: it cannot change so, as a sentence.
        """
        if self._run is not None:
            self._run.change(field, value)

    def one_more_epoch(self) -> None:
        """Train to the end of the epoch under way, or one epoch past the end of an ended run."""
        if not self.can_continue:
            return
        if self._run is not None:
            self._run.train_one_epoch()
        elif self.progress is not None and self.progress.state is not None:
            self._continue(self.progress, self.progress.state.epoch + 1)

    def train_batches(self, count: int) -> bool:
        """Train on so many batches, then pause: of the run under way, or of one that has ended.

        False where there is neither; then a new run could.
        """
        if self._run is not None:
            self._run.train_batches(count)
        elif self.progress is not None and self.progress.state is not None:
            progress = self.progress
            last = progress.epoch_steps.completed(progress.step + count - 1) + 1
            self._continue(progress, max(progress.planned_epochs, last), count)
        else:
            return False
        return True

    def _continue(
        self, progress: RunProgress, until_epoch: int, batches: int | None = None
    ) -> None:
        """Go on with the ended run that is shown; pause after so many `batches`."""
        point = None
        if progress.run_id and progress.state is not None:
            try:
                point = ResumePoint(self._store.run(progress.run_id), progress.state, "")
            except StoreError as error:
                self.store_notice = str(error)
        state = progress.state
        progress.continue_run()
        environment = point.record.environment if point else None
        self._start(progress, state, until_epoch, point, environment, batches)

    def tick(self) -> bool:
        """Take what arrived since the last call; True if anything to be drawn changed."""
        changed = self._take_data_events()
        if self._run is None:
            return changed
        changed |= self._look_at_recorder()
        news, over = self._run.tick()
        if over:
            self._look_at_recorder()
            self._recorder = None
            if self.progress is not None and isinstance(self.progress.end, RunFailed):
                self.log_note = self._log(self.progress.end.traceback)
            self._run = None
            if self._next is not None and self.dataset is not None:
                self._start_next(self.dataset)
        return changed or news or over

    def close(self) -> None:
        """Stop everything and wait for the run's thread, so that the process may exit."""
        self._next = None
        if self._loader is not None:
            self._loader.cancel()
            self._loader.join(LOADER_PATIENCE)
        if self._run is not None:
            self._run.end()
            self._run.join()
        self._store.close()

    def _look_at_recorder(self) -> bool:
        """Take over what the recorder cannot do; True if that is news."""
        problem = self._recorder.problem if self._recorder is not None else ""
        if problem == self._logged_problem:
            return False
        if problem and self._recorder is not None and self._recorder.details:
            self._log(self._recorder.details)
        self.store_notice = self._logged_problem = problem
        return True

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
                    self._next, self._resume_next = None, ""
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
            elif self._resume_next:
                run_id, self._resume_next = self._resume_next, ""
                try:
                    self.resume_stored(run_id)
                except StoreError as error:
                    self.store_notice = str(error)

    def _start_next(self, dataset: Dataset) -> None:
        hyperparameters, self._next = self._next, None
        if hyperparameters is None:
            return
        progress = progress_for(hyperparameters, dataset)
        self._start(progress, None, hyperparameters.epochs, batches=self._next_batches)

    def _start(
        self,
        progress: RunProgress,
        state: TrainingState | None,
        until_epoch: int,
        point: ResumePoint | None = None,
        environment: Environment | None = None,
        batches: int | None = None,
    ) -> None:
        """Train `progress` from `state` on, and pause after so many `batches`.

        Another run that was shown before becomes the ghost.
        """
        before = self.progress
        same = before is progress or (
            point is not None and before is not None and before.run_id == point.record.id
        )
        if before is not None and len(before.train_loss) and not same:
            self.ghost = before
        self.progress = progress
        self.samples = progress.samples
        self._recorder, self.store_notice = begin_recording(self._store, progress.dataset, point)
        self._logged_problem = ""
        run = self._make_run(
            progress.hyperparameters,
            progress.dataset,
            state,
            until_epoch=until_epoch,
            samples=progress.samples.images,
            recorder=self._recorder,
            environment=environment,
            changes=progress.all_changes,
        )
        self._run = SteeredRun(run, progress)
        if batches is not None:
            self._run.train_batches(batches)
        self._run.start()
