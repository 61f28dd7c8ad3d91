"""What happens between opening the app and leaving it: runs, and the race between two.

It holds no widget, so the rules of starting, stopping and restarting are tested without a screen.
"""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from mnist_core.data.dataset import Dataset, Examples, shown_samples
from mnist_core.data.loader import DatasetFailed, DatasetLoaded
from mnist_core.events import DivergenceDetected, RunFailed, TrainingState
from mnist_core.network.neighbours import NeighbourSearch
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.recipe.plan import RunPlan
from mnist_core.store import ResumePoint, RunRecord, RunState, RunStore, StoreError
from mnist_core.store.recorder import RunRecorder
from mnist_core.store.records import END_STATES
from mnist_core.training.training_run import RunFactory, TrainingRun
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.follower import Follower
from mnist_tui.lab.overlay import Marks
from mnist_tui.lab.run_progress import SAMPLES, RunProgress, progress_for, restored
from mnist_tui.lab.run_queue import RunQueue
from mnist_tui.lab.state import State
from mnist_tui.lab.watch import WATCHES, Watch
from mnist_tui.settings.keys import key_hint


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that a run would disturb, as a race or a sweep."""

    reason: str
    """Why no run may train, as a sentence."""
    question: str
    """What leaving would end, such as "race is under way. Stop it, keep what it measured"."""


class Session:
    """The data, the run under way, the run before it, and what was asked for next."""

    def __init__(
        self,
        make_run: RunFactory | None,
        data: DataSource,
        log: Callable[[str], str],
        store: RunStore,
        watch: Watch | None = None,
    ) -> None:
        """`log` takes the tracebacks that people are spared, and says where it put them; runs are
        kept in `store`. With a `watch`, which says what is shown, nothing is trained: `make_run`
        is None.
        """
        self.marks = Marks()
        self._make_run = make_run
        self.data = data
        self._log = log
        self._store = store
        self.watch = watch
        self._follower = Follower(store, data, watch)
        self._recorder: RunRecorder | None = None
        self._logged_problem = ""
        self.interrupted: RunRecord | None = None
        """The latest run, if the process that trained it is gone."""
        self.hold: Hold | None = None
        """Why no run may train now; None: one may."""
        self.store_notice = ""
        """Why runs are not kept as they should be, in sentences; empty: they are."""
        self.log_note = ""
        """Where the traceback of the last failure is, as a sentence."""
        self.neighbours = NeighbourSearch()
        """Of the samples on show; it has no thread before it is asked."""
        self.run: TrainingRun | None = None
        """The one under way, to be steered and changed; its events are taken with `tick`."""
        self.queue = RunQueue(self.marks)
        """To be trained as soon as data and a free thread allow."""
        self._resume_next: tuple[str, int, bool] | None = None
        """What to call `resume_stored` with as soon as there are data."""
        self.samples: Examples | None = None
        """The test samples on show."""
        self.progress: RunProgress | None = None
        self.cursor: float | None = None
        """The step that charts read out, and at whose epoch mistakes are looked at."""
        self.ghost: RunProgress | None = None
        """The run before, to race against."""

    @property
    def state(self) -> State:
        if self.run is not None:
            if self.run.stopping:
                return State.STOPPING
            return State.PAUSED if self.run.paused else State.RUNNING
        if self.watch is not None and not self.data.is_loading and self.progress is None:
            return State.IDLE
        if self.data.dataset is None:
            return State.FAILED if self.data.failure else State.LOADING
        if self.queue.waiting:
            return State.LOADING
        if self.progress is not None and self.progress.followed_as is not None:
            return State(self.progress.followed_as)
        if self.progress is not None and self.progress.end is not None:
            return State(END_STATES[type(self.progress.end)])
        if self.progress is not None and self.progress.left_as is not None:
            return State(self.progress.left_as)
        return State.IDLE

    @property
    def resumable(self) -> str:
        """The run that `resume_stored` is meant for: the one shown, or one left behind; or ""."""
        if self.run is not None or self.waiting or self.watch is not None or self.follows:
            return ""
        if self.progress is not None:
            return self.progress.run_id
        return self.interrupted.id if self.interrupted is not None else ""

    @property
    def refusal(self) -> str:
        """Why no run may train now, as a sentence; empty: one may."""
        if self.hold is not None:
            return self.hold.reason
        return WATCHES if self.watch is not None else ""

    @property
    def follows(self) -> bool:
        """Whether the run on show is being trained by another process."""
        return self.progress is not None and self.progress.followed_as is not None

    @property
    def at_work(self) -> bool:
        """Whether something is trained, or will be, and nothing waits for a decision."""
        return self.divergence is None and (self.run is not None or self.waiting)

    @property
    def waiting(self) -> bool:
        """Whether a run was asked for that cannot start yet."""
        return bool(self.queue.waiting) or self._resume_next is not None

    @property
    def can_continue(self) -> bool:
        """Whether `one_more_epoch` has something to go on from."""
        if self.run is not None:
            return self.run.paused and not self.run.stopping
        if self.watch is not None or self.follows:
            return False
        return self.progress is not None and (
            self.progress.state is not None or self._is_stored(self.progress)
        )

    @property
    def divergence(self) -> DivergenceDetected | None:
        """Why the run under way waits for a decision; None: it does not. One of a queue is given
        up, so that the others get their turn.
        """
        return self.run.divergence if self.run is not None and not self.queue.in_turn else None

    @property
    def follow_problem(self) -> str:
        """Why a run of another process cannot be read on, as a sentence; empty: it can."""
        return self._follower.problem

    def look_for_interrupted(self) -> None:
        """Find out whether the latest run was left unfinished by a process that is gone."""
        if self.watch is not None or not self._store.exists:
            return
        try:
            latest = self._store.latest()
        except StoreError as error:
            self.store_notice = str(error)
            return
        self.store_notice = self._store.notice
        self._store.tidy()
        if latest is not None and latest.state is RunState.INTERRUPTED:
            self.interrupted = latest

    def use_offered_data(self) -> None:
        """Train on the data set that was offered from the next run on."""
        if self.data.offered is not None:
            self.data.use_offered()
            self._take_data()

    def train(self, *recipes: Hyperparameters, batches: int | None = None) -> None:
        """Train with each of these in turn; a run under way is stopped first and becomes the ghost.

        The first pauses after so many `batches`; None: it does not. Of several, those that have
        ended stay marked until several are asked for again.
        """
        self.queue.ask(recipes, batches)
        if self.run is not None:
            self.run.stop()
        elif self.data.dataset is not None:
            self._start_next(self.data.dataset)
        elif self.data.failure is not None:
            self.data.load()

    def resume_stored(self, run_id: str, epochs: int = 1, *, as_new: bool = False) -> None:
        """Continue a run of the store from its checkpoint; so many more epochs of one that is
        complete, or of a copy of it.

        Where the data are still being loaded, it waits for them.

        Raises:
            StoreError: it cannot be continued now, as a sentence for the user.
        """
        if self.refusal:
            raise StoreError(self.refusal)
        if self.run is not None or self.waiting:
            raise StoreError("A run is under way. Stop it before you resume another one.")
        if self.data.dataset is None and self.data.failure is None:
            self._resume_next = run_id, epochs, as_new
            return
        point = self._store.resume_point(run_id)
        if as_new:
            parent = point.record
            self.data.of(parent)
            note = f"Goes on from {parent.name} ({parent.id}), from epoch {point.epoch}."
            note = f"{note} {parent.note}".strip()
            point = self._store.resume_point(self._store.copy(parent.id, note))
        plan = point.record.plan
        if point.is_complete:
            plan = plan.until(point.epoch + epochs)
        self._resume(point, plan)

    def show_stored(self, run_id: str) -> None:
        """Show a run of the store, with what its last model said of the samples; one that another
        process trains is read on from then on.

        Raises:
            StoreError: it cannot be shown now, as a sentence for the user.
        """
        if self.run is not None or self.waiting:
            raise StoreError("A run is under way. Stop it before you open another one.")
        record = self._store.run(run_id)
        if self.watch is not None:
            self.watch.keep_to(record)
        progress = self._follower.restored(record)
        if progress is not None:
            self.progress, self.samples = progress, progress.samples
        self._follower.look_anew()

    def _follow(self) -> bool:
        """Read on in the run that another process trains, or show the one that is watched now."""
        before = self.progress
        news, progress = self._follower.look(before)
        if news and self.watch is not None:
            self.store_notice = self._store.notice
        if progress is not None and progress is not before:
            self.progress, self.samples = progress, progress.samples
            if before is not None and before.run_id != progress.run_id:
                self.ghost = before
        return news

    def follow_name(self) -> None:
        """Take over the name that somebody may have given to the run on show meanwhile."""
        progress = self.progress
        if progress is not None and progress.name:
            with suppress(StoreError):
                progress.name = self._store.run(progress.run_id).name

    def stop(self) -> None:
        """End the run under way and keep it; forget those that wait.

        One that has diverged and waits ends as diverged: its last healthy checkpoint is kept.
        """
        self._forget_waiting()
        if self.run is not None:
            self.run.stop()

    def _forget_waiting(self) -> None:
        self.queue.waiting.clear()
        self._resume_next = None

    def one_more_epoch(self) -> None:
        """Train to the end of the epoch under way, or one epoch past the end of an ended run."""
        if not self.can_continue:
            return
        if self.run is not None:
            self.run.train_one_epoch()
        elif self.progress is not None:
            self._continue(self.progress, lambda state, plan: plan.until(state.epoch + 1))

    def train_batches(self, count: int) -> bool:
        """Train on so many batches, then pause: of the run under way, or of one that has ended.

        False where there is neither; then a new run could.
        """
        progress = self.progress
        if self.run is not None:
            self.run.train_batches(count)
        elif progress is not None and self.can_continue:
            epoch_steps, planned = progress.epoch_steps, progress.planned_epochs

            def reaching(state: TrainingState, plan: RunPlan) -> RunPlan:
                last = epoch_steps.completed(state.step + count - 1) + 1
                return plan.until(last) if last > planned else plan

            self._continue(progress, reaching, count)
        else:
            return False
        return True

    def _continue(
        self,
        progress: RunProgress,
        planned: Callable[[TrainingState, RunPlan], RunPlan],
        batches: int | None = None,
    ) -> None:
        """Go on with the ended run that is shown, as `planned` from its state and plan.

        It pauses after so many `batches`. What the store has decides: a run that was continued
        meanwhile is shown as it is now, and one that is gone goes on without being kept.
        """
        try:
            if self._is_stored(progress):
                stored = self._store.resume_point(progress.run_id)
                at = stored.state or TrainingState((), None)
                self._resume(stored, planned(at, stored.record.plan), batches)
            elif progress.state is not None:
                state, plan = progress.state, planned(progress.state, progress.plan)
                point, unkept = self._point_of(progress, state)
                progress.continue_run()
                self._start(progress, state, plan, point, batches, unkept)
        except StoreError as error:
            self.store_notice = str(error)

    def _point_of(
        self, progress: RunProgress, state: TrainingState
    ) -> tuple[ResumePoint | None, str]:
        """Where the store has the run that ended with `state`; or None, and why it is not kept.

        Raises:
            StoreError: somebody else has continued it; it is shown as it is now.
        """
        if not progress.owner:
            return None, "A part of this run has not been kept, so it is not kept now."
        try:
            record = self._store.run(progress.run_id)
        except StoreError as error:
            return None, f"{error} The run goes on, but is not kept."
        if record.state.is_live:
            raise StoreError(f"{record.name} is being trained by another mnist-tui at this moment.")
        if record.owner != progress.owner:
            self.show_stored(record.id)
            raise StoreError(
                f"{record.name} has been continued meanwhile, to epoch {record.epoch}. This is how "
                f"it stands now; press {key_hint('one_more_epoch')} to go on from here."
            )
        return ResumePoint(record, state, ""), ""

    def _is_stored(self, progress: RunProgress) -> bool:
        """Whether it is shown as the store has it, and can be continued only from there."""
        return progress.from_store and progress.end is None and bool(progress.run_id)

    def _resume(self, point: ResumePoint, plan: RunPlan, batches: int | None = None) -> None:
        dataset = self.data.of(point.record)
        steps = point.state.step if point.state is not None else 0
        progress = restored(self._store, point.record, dataset, steps)
        self._start(progress, point.state, plan, point, batches)
        self.store_notice = point.notice or self.store_notice

    def tick(self) -> bool:
        """Take what arrived since the last call; True if anything to be drawn changed."""
        changed = self._take_data_events()
        if self.run is None:
            changed |= self._follow()
        run, progress = self.run, self.progress
        if run is None or progress is None:
            return changed
        changed |= self._check_recorder()
        # Asked before draining, so that no event can come between the two.
        over = not run.alive
        events = run.drain()
        progress.apply(events)
        if self.queue.in_turn and run.divergence is not None and not run.stopping:
            run.stop()
        if over:
            run.join()
            self._check_recorder()
            self._recorder = None
            if isinstance(progress.end, RunFailed):
                self.log_note = self._log(progress.end.traceback)
            if self.queue.in_turn:
                self.queue.mark(progress.run_id)
            self.run, self.queue.in_turn = None, False
            if self.queue.waiting and self.data.dataset is not None:
                self._start_next(self.data.dataset)
        return changed or bool(events) or over

    def close(self) -> None:
        """Stop everything and wait for the run, so that its thread may be closed."""
        self.queue.waiting.clear()
        # The last of them comes first. What fails in one keeps no other from its turn.
        with ExitStack() as endings:
            endings.callback(self._store.close)
            endings.callback(self._end_run)
            endings.callback(self.neighbours.close)
            endings.callback(self.data.close)

    def _end_run(self) -> None:
        if self.run is not None:
            self.run.stop()
            self.run.join()

    def _check_recorder(self) -> bool:
        """Take over the name of the run, and what the recorder cannot do; True if that is news."""
        recorder = self._recorder
        named, problem = False, ""
        if recorder is not None:
            problem = recorder.problem or recorder.left_out
            if self.progress is not None and not self.progress.name:
                self.progress.name = recorder.name
                named = bool(recorder.name)
        if problem == self._logged_problem:
            return named
        if recorder is not None and recorder.problem and recorder.details:
            self._log(recorder.details)
        self.store_notice = self._logged_problem = problem
        return True

    def _take_data_events(self) -> bool:
        changed = False
        for event in self.data.news():
            changed = True
            # A run that is watched may have waited for it.
            self._follower.look_anew()
            if isinstance(event, DatasetLoaded):
                self._take_data()
            elif isinstance(event, DatasetFailed):
                self.log_note = self._log(event.traceback)
                self._forget_waiting()
        return changed

    def _take_data(self) -> None:
        """Show samples of the data that have come, and do what waited for them."""
        dataset = self.data.dataset
        if self.run is not None or dataset is None:
            return
        self.samples = dataset.test[
            shown_samples(dataset.test.labels, dataset.class_count, SAMPLES)
        ]
        if self.queue.waiting:
            self._start_next(dataset)
        elif self._resume_next is not None:
            (run_id, epochs, as_new), self._resume_next = self._resume_next, None
            try:
                self.resume_stored(run_id, epochs, as_new=as_new)
            except StoreError as error:
                self.store_notice = str(error)

    def _start_next(self, dataset: Dataset) -> None:
        recipe, batches = self.queue.take()
        progress = progress_for(recipe, dataset)
        self._start(progress, None, progress.plan, batches=batches)
        self.queue.in_turn = self.queue.asked > 1

    def _start(
        self,
        progress: RunProgress,
        state: TrainingState | None,
        plan: RunPlan,
        point: ResumePoint | None = None,
        batches: int | None = None,
        unkept: str = "",
    ) -> None:
        """Train `progress` from `state` on, and pause after so many `batches`.

        Another run that was shown before becomes the ghost. `unkept` says why it is not kept. A
        rule that has ended it is off from there.
        """
        if state is not None and progress.started is not None:
            plan = plan.past_rules(state, progress.started.train_examples)
        before = self.progress
        same = before is progress or (
            point is not None and before is not None and before.run_id == point.record.id
        )
        if before is not None and len(before.train_loss) and not same:
            self.ghost = before
        self.progress, self.queue.in_turn = progress, False
        self.samples = progress.samples
        self._recorder, self.store_notice, self._follower.problem = None, unkept, ""
        if not unkept:
            self._recorder, self.store_notice = self._store.begin_recording(progress.dataset, point)
        progress.owner = self._recorder.owner if self._recorder is not None else ""
        self._logged_problem = ""
        assert self._make_run is not None, "an app that watches trains nothing"
        self.run = self._make_run(
            progress.hyperparameters,
            progress.dataset,
            state,
            until_epoch=plan.until_epoch,
            samples=progress.samples.images,
            recorder=self._recorder,
            environment=point.record.environment if point is not None else None,
            changes=plan.changes,
        )
        if batches is not None:
            self.run.train_batches(batches)
        self.run.start()
