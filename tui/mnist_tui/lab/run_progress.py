"""One run without a widget: its curves and latest figures, from its events or from the store."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_core.data.dataset import Dataset, Examples, shown_samples, split
from mnist_core.events import (
    BatchCompleted,
    ChangePlanned,
    CompilationFailed,
    DivergenceDetected,
    EpochCompleted,
    Event,
    HyperparameterChanged,
    RunCompleted,
    RunDiverged,
    RunEnded,
    RunPruned,
    RunRewound,
    RunStarted,
    RunStopped,
    SamplesPredicted,
    StepsStalled,
    TrainingState,
)
from mnist_core.network.distributions import Distributions
from mnist_core.network.evaluation import Answers, answer
from mnist_core.recipe.changes import Change
from mnist_core.recipe.effective_recipe import EffectiveRecipe, EpochSteps
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.recipe.plan import RunPlan
from mnist_core.store import EpochRecord, RunRecord, RunState, RunStore, StoredAnswers
from mnist_core.store.answers import AnswerHistory
from mnist_tui.charts.series import Series
from mnist_tui.lab.stop_text import stop_text

AXES = ("step", "epoch", "time")
_OF_BATCHES = ("train_loss", "train_accuracy", "learning_rate", "gradient_norm")
_OF_EPOCHS = ("validation_loss", "validation_accuracy", "test_loss", "test_accuracy")


class Curves:
    """Loss and accuracy in training and on held-out data, the learning rate and the gradient norm.

    All run over steps, epochs and seconds.
    """

    def __init__(self) -> None:
        self.clear_curves()

    def clear_curves(self) -> None:
        """Begin again, with series that are new."""
        self.train_loss = Series(*AXES)
        self.train_accuracy = Series(*AXES)
        self.learning_rate = Series(*AXES)
        self.gradient_norm = Series(*AXES)
        """Of some batches only."""
        self.validation_loss = Series(*AXES)
        self.validation_accuracy = Series(*AXES)
        self.test_loss = Series(*AXES)
        self.test_accuracy = Series(*AXES)

    def series(self, part: str, metric: str) -> Series:
        """Loss, accuracy or error of train, validation or test."""
        if metric == "error":
            return self.series(part, "accuracy").complement()
        series = getattr(self, f"{part}_{metric}")
        assert isinstance(series, Series)
        return series

    @property
    def evaluated_epoch(self) -> int:
        """The last epoch that was evaluated; 0 also before the first."""
        epochs = self.test_loss.x("epoch")
        return int(epochs[-1]) if len(epochs) else 0

    def cut_curves(self, step: int, epoch: int) -> None:
        """Forget what came after update `step` and the end of `epoch`; the series are new."""
        for names, axis, last in ((_OF_BATCHES, "step", step), (_OF_EPOCHS, "epoch", epoch)):
            for name in names:
                whole: Series = getattr(self, name)
                kept = int(np.searchsorted(whole.x(axis), last, side="right"))
                part = Series(*AXES)
                part.extend(whole.y[:kept], **{each: whole.x(each)[:kept] for each in AXES})
                setattr(self, name, part)

    def add_batches(
        self,
        steps: ArrayLike,
        losses: ArrayLike,
        accuracies: ArrayLike,
        learning_rates: ArrayLike,
        seconds: ArrayLike,
        epoch_steps: EpochSteps,
    ) -> None:
        """Append batches: (n,) each, `seconds` being the run's training time after each of them."""
        axes = _places(steps, seconds, epoch_steps)
        self.train_loss.extend(losses, **axes)
        self.train_accuracy.extend(accuracies, **axes)
        self.learning_rate.extend(learning_rates, **axes)

    def add_stored(self, batches: NDArray[np.void], first: int, epoch_steps: EpochSteps) -> None:
        """Append `batches` of `BATCH_DTYPE`, all of a stored run, from the index `first` on."""
        added = batches[first:]
        self.add_batches(
            np.arange(first + 1, len(batches) + 1),
            added["loss"],
            added["accuracy"],
            added["learning_rate"],
            added["seconds"],
            epoch_steps,
        )

    def add_gradient_norms(
        self, steps: ArrayLike, norms: ArrayLike, seconds: ArrayLike, epoch_steps: EpochSteps
    ) -> None:
        """Append the gradient norms of some batches: (n,) each, like those of `add_batches`."""
        self.gradient_norm.extend(norms, **_places(steps, seconds, epoch_steps))

    def add_epoch(self, epoch: EpochCompleted | EpochRecord, seconds: float) -> None:
        """Append an evaluation, after `seconds` of training."""
        axes = {"step": float(epoch.step), "epoch": float(epoch.epoch), "time": seconds}
        if epoch.validation_loss is not None and epoch.validation_accuracy is not None:
            self.validation_loss.extend(epoch.validation_loss, **axes)
            self.validation_accuracy.extend(epoch.validation_accuracy, **axes)
        self.test_loss.extend(epoch.test_loss, **axes)
        self.test_accuracy.extend(epoch.test_accuracy, **axes)


def _places(steps: ArrayLike, seconds: ArrayLike, epoch_steps: EpochSteps) -> dict[str, ArrayLike]:
    return {
        "step": np.asarray(steps, np.float64),
        "epoch": epoch_steps.epochs(steps),
        "time": seconds,
    }


SAMPLES = 60
"""Test samples that each run predicts while it trains; the grid shows those that fit."""
RATE_WINDOW = 1.0
"""Seconds of training time that the examples per second are averaged over."""


class RunProgress(Curves):
    """Curves and latest figures of a run; `apply` keeps them up to date."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        test: Examples,
        sample_rows: NDArray[np.intp],
    ) -> None:
        """`test` is what it is tested on; `sample_rows` (samples,) of those are on show."""
        super().__init__()
        self.hyperparameters = hyperparameters
        self.dataset = dataset
        self.test = test
        self.samples = test[sample_rows]
        self.sample_rows = sample_rows
        self.name = ""
        """What it is called in the store; empty: it is not there, or not yet."""
        self.from_store = False
        """Whether it was not begun here, but in the store."""
        self.left_as: RunState | None = None
        """The state in which the store has it, if it has ended; None: it was not opened there."""
        self.followed_as: RunState | None = None
        """How another process has it that trains it at this moment; None: none does."""
        self.owner = ""
        """`RunRecord.owner` while nobody else has continued it; empty: it is not kept."""
        self.started: RunStarted | None = None
        self.batch: BatchCompleted | None = None
        self.epoch: EpochCompleted | None = None
        """The last one evaluated."""
        self.answers: Answers | None = None
        """What the model last said of the samples on show."""
        self.parameters: tuple[NDArray[np.float32], ...] | None = None
        """Weight and bias of each layer of the latest model that is known; None: none is."""
        self.history = AnswerHistory()
        """What the model of each epoch said of the test samples."""
        self.distributions: dict[int, Distributions] = {}
        """The histograms of each epoch; an earlier version kept none."""
        self.answers_epoch = 0
        """The epoch under way, or just completed, when it said so."""
        self.slowness = ""
        """Why its steps are slower than they could be, in sentences; empty: they are not."""
        self.divergence: DivergenceDetected | None = None
        """Why it does not learn any more; None once it has gone back to a healthy state."""
        self.has_diverged = False
        """Whether it went beyond where it learned, and did not go back."""
        self.end: RunEnded | None = None
        self.stopped = ""
        """Why it ended before its planned epochs, in words; empty: it did not."""
        self.changes: list[Change] = []
        """Those made so far, in their order."""
        self.scheduled: list[Change] = []
        """Those known for later."""
        self.recipe: EffectiveRecipe | None = None
        """What it follows now; None until it has begun."""
        self.planned_epochs = hyperparameters.epochs
        """The epoch it is to end with."""
        self._until_epoch: int | None = None
        self.step = 0
        """Updates done."""
        self._epochs_done = 0

    @property
    def run_id(self) -> str:
        """Empty until it has begun."""
        return self.started.run_id if self.started else ""

    @property
    def plan(self) -> RunPlan:
        """What it is to do from its seed to its end."""
        changes = (*self.changes, *self.scheduled)
        return RunPlan(self.hyperparameters, changes, self._until_epoch)

    @property
    def epoch_steps(self) -> EpochSteps:
        """Which epoch each update belongs to; of one update each until the run has begun."""
        return self.recipe.epoch_steps if self.recipe else EpochSteps.of(1)

    @property
    def steps_per_epoch(self) -> int:
        """Updates in the epoch under way; 0 until the run has begun."""
        return self.epoch_steps.in_epoch(max(1, self.epoch_under_way)) if self.recipe else 0

    @property
    def planned_steps(self) -> int:
        """Updates up to the planned end; 0 until the run has begun."""
        return self.epoch_steps.end(self.planned_epochs) if self.recipe else 0

    @property
    def epoch_under_way(self) -> int:
        """From 1 while training; epochs completed once the run has ended; 0 before the first."""
        if self.batch is None or self.end is not None:
            return self._epochs_done
        return max(self.batch.epoch, self._epochs_done)

    @property
    def hyperparameters_now(self) -> Hyperparameters:
        """Those in force: the recipe with the changes that have taken effect."""
        return self.recipe.hyperparameters if self.recipe else self.hyperparameters

    @property
    def state(self) -> TrainingState | None:
        """Where the run can be continued from; None also after it has diverged."""
        return None if isinstance(self.end, RunDiverged) else getattr(self.end, "state", None)

    @property
    def examples_per_second(self) -> float | None:
        """Over the last second of training; None until there is something to measure."""
        times = self.train_loss.x("time")
        if len(times) < 2:
            return None
        first = int(np.searchsorted(times, times[-1] - RATE_WINDOW))
        first = min(first, len(times) - 2)
        elapsed = float(times[-1] - times[first])
        return (len(times) - 1 - first) * self._batch_examples / elapsed if elapsed > 0 else None

    @property
    def mean_examples_per_second(self) -> float | None:
        """Over all of its training; None until there is something to measure."""
        times = self.train_loss.x("time")
        if not len(times) or times[-1] <= 0 or self.recipe is None:
            return None
        return float(self.recipe.examples * self.epoch_steps.epochs(self.step) / times[-1])

    @property
    def seconds_left(self) -> float | None:
        """Training time to the planned end at the present rate."""
        rate = self.examples_per_second
        if not rate:
            return None
        return (self.planned_steps - self.step) * self._batch_examples / rate

    @property
    def _batch_examples(self) -> float:
        """Examples in a batch, the last partial one averaged in."""
        return self.recipe.examples / self.steps_per_epoch if self.recipe else 0.0

    def apply(self, events: Iterable[Event]) -> None:
        """Take the events of one look at the mailbox, in their order."""
        batches: list[BatchCompleted] = []
        for event in events:
            match event:
                case BatchCompleted():
                    batches.append(event)
                case RunStarted():
                    self.stopped = ""
                    self._begin(event)
                case HyperparameterChanged():
                    self._add_batches(batches)
                    batches = []
                    self.planned_epochs = event.epochs
                    self._take_plan(event.changes, event.until_epoch)
                case ChangePlanned():
                    self._take_plan(event.changes, event.until_epoch)
                case DivergenceDetected():
                    self.divergence, self.has_diverged = event, True
                case RunRewound():
                    self._add_batches(batches)
                    batches = []
                    self._go_back(event)
                case SamplesPredicted():
                    self.answers, self.answers_epoch = event.answers, event.epoch
                    self.parameters = event.parameters or self.parameters
                case EpochCompleted():
                    self._add_epoch(event)
                case CompilationFailed() | StepsStalled():
                    self.slowness = event.message
                case _:
                    if isinstance(event, RunEnded):
                        self.end = event
                    if isinstance(event, RunCompleted):
                        self.stopped = stop_text(event)
        self._add_batches(batches)
        end = self.end
        if (
            isinstance(end, RunCompleted | RunStopped | RunPruned | RunDiverged)
            and end.changes is not None
        ):
            # With what was asked for and not made before it was stopped.
            self._take_plan(end.changes, end.until_epoch)

    def restore(self, store: RunStore, record: RunRecord, steps: int) -> None:
        """Take what was kept of a run up to the update `steps`, and what its models said.

        Raises StoreError as the store does.
        """
        # What was measured before the first update is measured again.
        kept = store.epochs(record.id) if steps else []
        epochs = [epoch for epoch in kept if epoch.step <= steps]
        batches = store.batches(record.id)[:steps]
        self.name, self.from_store, self.owner = record.name, True, record.owner
        self._take_state(record)
        # Shown as it was, not from where it goes on.
        self.has_diverged = record.state is RunState.DIVERGED and steps == record.step
        self._begin(record.as_started(epoch=epochs[-1].epoch if epochs else 0, step=len(batches)))
        self.add_stored(batches, 0, self.epoch_steps)
        norms = store.gradient_norms(record.id)
        norms = norms[norms["step"] <= len(batches)]
        seconds = batches["seconds"][norms["step"] - 1]
        self.add_gradient_norms(norms["step"], norms["norm"], seconds, self.epoch_steps)
        for epoch in epochs:
            self.add_epoch(epoch, epoch.run_seconds)
        if epochs:
            self.history = AnswerHistory.stored(store, record, epochs[-1].epoch)
            self._show_latest_answers()
        known = store.distributions(record.id).items() if epochs else ()
        self.distributions = {epoch: each for epoch, each in known if epoch <= epochs[-1].epoch}
        if record.state.is_live:
            self._take_last_batch(batches)

    def read_on(self, store: RunStore, record: RunRecord) -> bool:
        """Append what `record`, newly read, has more than was read of it so far.

        False: it has been cut back, or somebody else has gone on with it. Then nothing has changed
        here, and it is to be restored anew. Raises StoreError as the store does.
        """
        # The last one that is known comes too: it is another one where the run was cut back and
        # has come here again.
        known = max(0, self.step - 1)
        read = store.batches(record.id, known)[: max(0, record.step - known)]
        times = self.train_loss.x("time")
        last = read[: self.step - known]["seconds"].tolist()
        if record.owner != self.owner or last != times[known:].tolist():
            return False
        new = read[len(last) :]
        epochs = store.epochs(record.id, self.evaluated_epoch if len(self.test_loss) else -1)
        norms = store.gradient_norms(record.id, self.step)
        answers = [store.answers(record.id, epoch.epoch) for epoch in epochs]
        counted = store.distributions(record.id, epochs[0].epoch - 1) if epochs else {}
        before, self.step = self.step, self.step + len(new)
        self.name, self.planned_epochs = record.name, record.epochs
        self.has_diverged = record.state is RunState.DIVERGED
        self._take_plan(record.changes, record.until_epoch)
        steps = np.arange(before + 1, self.step + 1)
        self.add_batches(
            steps,
            new["loss"],
            new["accuracy"],
            new["learning_rate"],
            new["seconds"],
            self.epoch_steps,
        )
        norms = norms[norms["step"] <= self.step]
        seconds = new["seconds"][norms["step"] - before - 1]
        self.add_gradient_norms(norms["step"], norms["norm"], seconds, self.epoch_steps)
        for epoch, said in zip(epochs, answers, strict=True):
            if epoch.step > self.step:
                break
            self._epochs_done = epoch.epoch
            self.add_epoch(epoch, epoch.run_seconds)
            if epoch.epoch in counted:
                self.distributions[epoch.epoch] = counted[epoch.epoch]
            if said is not None:
                self.history.add(said, record.best_epoch)
                self._show_latest_answers()
        self._take_state(record)
        self._take_last_batch(read)
        return True

    def _take_state(self, record: RunRecord) -> None:
        is_live = record.state.is_live
        self.left_as, self.followed_as = (None, record.state) if is_live else (record.state, None)
        self.stopped = stop_text(record)

    def _take_last_batch(self, batches: NDArray[np.void]) -> None:
        """What of the run under way stands beside its epoch, from its last `batches`."""
        if self.followed_as is None or not len(batches):
            self.batch = None
            return
        epoch = self.epoch_steps.completed(self.step - 1) + 1
        within = self.step - self.epoch_steps.end(epoch - 1)
        figures = map(float, batches[-1].tolist())
        self.batch = BatchCompleted(self.step, epoch, within, *figures)

    def _show_latest_answers(self) -> None:
        latest = self.history.latest
        if latest is not None and latest.logits is not None:
            self.answers = answer(latest.logits[self.sample_rows])
            self.answers_epoch = latest.epoch

    def continue_run(self) -> None:
        """The ended run goes on: forget its end."""
        self.end = self.divergence = None

    def _begin(self, event: RunStarted) -> None:
        self.started = event
        self.planned_epochs = event.epochs
        self.step, self._epochs_done = event.step, event.epoch
        self._take_plan(event.changes, event.until_epoch)

    def _take_plan(self, changes: Sequence[Change], until_epoch: int | None) -> None:
        """Follow `changes`, of which those up to the present step were made."""
        self._until_epoch = until_epoch
        if self.started is None:
            return
        began = self.started
        epoch_steps = EpochSteps.of(began.steps_per_epoch)
        start = EffectiveRecipe(began.hyperparameters, began.train_examples, epoch_steps)
        known = sorted(changes, key=lambda change: change.step)
        self.recipe, self.changes, self.scheduled = start.after(known, self.step, self.step)

    def _go_back(self, event: RunRewound) -> None:
        """Forget what came after the state that the run went back to."""
        self.cut_curves(event.step, event.epoch)
        self.history.cut(event.epoch)
        self.distributions = {
            epoch: each for epoch, each in self.distributions.items() if epoch <= event.epoch
        }
        self.step, self._epochs_done = event.step, event.epoch
        self.batch = self.divergence = None
        self.has_diverged = False
        if self.epoch is not None and self.epoch.epoch > event.epoch:
            self.epoch = None
        self.parameters = event.state.parameters or self.parameters
        self._take_plan(event.changes, event.until_epoch)

    def _add_batches(self, batches: Sequence[BatchCompleted]) -> None:
        if not batches:
            return
        self.batch = batches[-1]
        self.step = self.batch.step
        self.add_batches(
            [batch.step for batch in batches],
            [batch.loss for batch in batches],
            [batch.accuracy for batch in batches],
            [batch.learning_rate for batch in batches],
            [batch.seconds for batch in batches],
            self.epoch_steps,
        )
        measured = [
            (batch.step, batch.gradient_norm, batch.seconds)
            for batch in batches
            if batch.gradient_norm is not None
        ]
        if measured:
            steps, norms, seconds = zip(*measured, strict=True)
            self.add_gradient_norms(steps, norms, seconds, self.epoch_steps)

    def _add_epoch(self, event: EpochCompleted) -> None:
        self.epoch = event
        self._epochs_done = event.epoch
        self.answers = event.test.answers.of(self.sample_rows)
        self.answers_epoch = event.epoch
        self.parameters = event.state.parameters or self.parameters
        self.history.add(StoredAnswers.of(event.epoch, event.test), event.state.best_epoch)
        if event.distributions is not None:
            self.distributions[event.epoch] = event.distributions
        self.add_epoch(event, event.state.seconds)


def progress_for(hyperparameters: Hyperparameters, dataset: Dataset) -> RunProgress:
    """A run that has not begun."""
    try:
        test = split(dataset, hyperparameters.validation).test
    except ValueError:
        # The run itself says what does not fit, as its failure.
        test = dataset.test
    rows = shown_samples(test.labels, dataset.class_count, SAMPLES)
    return RunProgress(hyperparameters, dataset, test, rows)


def restored(store: RunStore, record: RunRecord, dataset: Dataset, steps: int) -> RunProgress:
    """A stored run as it was after `steps` updates."""
    progress = progress_for(record.hyperparameters, dataset)
    progress.restore(store, record, steps)
    return progress
