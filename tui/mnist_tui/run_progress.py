"""One run as the screen shows it: made from its events, and holding no widget."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_core.answer_history import AnswerHistory
from mnist_core.dataset import Dataset, Examples
from mnist_core.evaluation import Answers, answer
from mnist_core.events import (
    BatchCompleted,
    CompilationFailed,
    EpochCompleted,
    Event,
    RunEnded,
    RunStarted,
    SamplesPredicted,
    TrainingState,
)
from mnist_core.hyperparameters import Hyperparameters
from mnist_core.store import EpochRecord, RunRecord
from mnist_tui.curves import Curves

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
        self._sample_rows = sample_rows
        self.started: RunStarted | None = None
        self.batch: BatchCompleted | None = None
        self.epoch: EpochCompleted | None = None
        """The last one evaluated."""
        self.best: EpochCompleted | None = None
        """The one with the highest test accuracy."""
        self.answers: Answers | None = None
        """What the model last said of the samples on show."""
        self.history = AnswerHistory()
        """What the model of each epoch said of the test samples."""
        self.answers_epoch = 0
        """The epoch under way, or just completed, when it said so."""
        self.compile_failure: str | None = None
        """Why its steps are not compiled, in sentences."""
        self.end: RunEnded | None = None

    @property
    def run_id(self) -> str:
        """Empty until it has begun."""
        return self.started.run_id if self.started else ""

    @property
    def planned_epochs(self) -> int:
        return self.started.epochs if self.started else self.hyperparameters.epochs

    @property
    def steps_per_epoch(self) -> int:
        return self.started.steps_per_epoch if self.started else 0

    @property
    def planned_steps(self) -> int:
        return self.planned_epochs * self.steps_per_epoch

    @property
    def step(self) -> int:
        """Updates done."""
        if self.batch is not None:
            return self.batch.step
        return self.started.step if self.started else 0

    @property
    def epoch_under_way(self) -> int:
        """From 1 while training; epochs completed once the run has ended; 0 before the first."""
        done = self.started.epoch if self.started else 0
        done = self.epoch.epoch if self.epoch else done
        training = self.batch is not None and self.batch.epoch > done
        return self.batch.epoch if training and self.batch else done

    @property
    def state(self) -> TrainingState | None:
        """Where the run can be continued from."""
        return getattr(self.end, "state", None)

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
    def seconds_left(self) -> float | None:
        """Training time to the planned end at the present rate."""
        rate = self.examples_per_second
        if not rate:
            return None
        return (self.planned_steps - self.step) * self._batch_examples / rate

    @property
    def _batch_examples(self) -> float:
        """Examples in a batch, the last partial one averaged in."""
        if self.started is None:
            return 0.0
        return self.started.train_examples / self.started.steps_per_epoch

    def apply(self, events: Iterable[Event]) -> None:
        """Take the events of one look at the mailbox, in their order."""
        batches: list[BatchCompleted] = []
        for event in events:
            match event:
                case BatchCompleted():
                    batches.append(event)
                case RunStarted():
                    self.started = event
                case SamplesPredicted():
                    self.answers, self.answers_epoch = event.answers, event.epoch
                case EpochCompleted():
                    self._add_epoch(event)
                case CompilationFailed():
                    self.compile_failure = event.message
                case _:
                    if isinstance(event, RunEnded):
                        self.end = event
        self._add_batches(batches)

    def restore(
        self, record: RunRecord, batches: NDArray[np.void], epochs: Sequence[EpochRecord]
    ) -> None:
        """Take what was kept of a run: `batches` are of `BATCH_DTYPE`, from the first one on."""
        self.add_batches(
            np.arange(1, len(batches) + 1),
            batches["loss"],
            batches["accuracy"],
            batches["seconds"],
            record.steps_per_epoch,
        )
        for epoch in epochs:
            self.add_epoch(epoch, epoch.run_seconds)
        self.started = RunStarted(
            run_id=record.id,
            dataset=record.dataset,
            hyperparameters=record.hyperparameters,
            parameter_count=record.parameter_count,
            train_examples=record.train_examples,
            validation_examples=record.validation_examples,
            test_examples=record.test_examples,
            epochs=record.epochs,
            steps_per_epoch=record.steps_per_epoch,
            epoch=epochs[-1].epoch if epochs else 0,
            step=len(batches),
            device=record.environment.device,
            blas=record.environment.blas,
            threads=record.environment.threads,
        )

    def restore_answers(self, history: AnswerHistory) -> None:
        """Take what the models of its epochs said."""
        self.history = history
        latest = self.history.latest
        if latest is not None and latest.logits is not None:
            self.answers = answer(latest.logits[self._sample_rows])
            self.answers_epoch = latest.epoch

    def continue_run(self) -> None:
        """The ended run goes on: forget its end."""
        self.end = None

    def _add_batches(self, batches: Sequence[BatchCompleted]) -> None:
        if not batches:
            return
        self.batch = batches[-1]
        self.add_batches(
            [batch.step for batch in batches],
            [batch.loss for batch in batches],
            [batch.accuracy for batch in batches],
            [batch.seconds for batch in batches],
            self.steps_per_epoch,
        )

    def _add_epoch(self, event: EpochCompleted) -> None:
        self.epoch = event
        self.answers = event.test.answers.of(self._sample_rows)
        self.answers_epoch = event.epoch
        self.history.add(
            AnswerHistory.of_evaluation(event.epoch, event.test), event.state.best_epoch
        )
        if self.best is None or event.test_accuracy > self.best.test_accuracy:
            self.best = event
        self.add_epoch(event, event.state.seconds)
