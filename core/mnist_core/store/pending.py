"""Events of a run that wait to be written, brought into the form of rows.

They may have to wait for long, as on a full disk: so only what will be written is held.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_core.evaluation import Evaluation
from mnist_core.events import (
    BatchCompleted,
    CheckpointReached,
    EpochCompleted,
    Event,
    RunDiverged,
    RunEnded,
    RunFailed,
    RunStarted,
    TrainingState,
)
from mnist_core.store.records import BATCH_DTYPE, StoredAnswers


@dataclass(frozen=True, slots=True)
class EpochRow:
    """The figures of an epoch, and of the best one up to it."""

    epoch: int
    step: int
    train_loss: float | None
    train_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    test_loss: float
    test_accuracy: float
    seconds: float
    run_seconds: float
    best_test_accuracy: float | None
    best_validation_accuracy: float | None
    best_epoch: int

    @classmethod
    def of(cls, event: EpochCompleted) -> "EpochRow":
        state = event.state
        return cls(
            event.epoch, event.step, event.train_loss, event.train_accuracy,
            event.validation_loss, event.validation_accuracy, event.test_loss,
            event.test_accuracy, event.seconds, state.seconds, state.best_test_accuracy,
            state.best_validation_accuracy, state.best_epoch,
        )  # fmt: skip


@dataclass(slots=True)
class AnswerRow:
    """The answers of an epoch, as they are stored."""

    epoch: int
    predictions: bytes
    losses: bytes
    confidences: bytes
    logits: bytes | None
    """None once another epoch is the last one, unless this one is the best."""

    @classmethod
    def of(cls, epoch: int, test: Evaluation) -> "AnswerRow":
        answers = StoredAnswers.of(epoch, test)
        return cls(
            epoch,
            answers.predictions.tobytes(),
            answers.losses.tobytes(),
            answers.confidences.tobytes(),
            test.answers.logits.astype(np.float32, copy=False).tobytes(),
        )


class Pending:
    """What has happened since the last write that succeeded."""

    def __init__(self) -> None:
        self.started: RunStarted | None = None
        self.epochs: list[EpochRow] = []
        self.answers: list[AnswerRow] = []
        self.end: RunEnded | None = None
        self.last_batch: BatchCompleted | None = None
        self._first_step = 0
        self._batches: list[NDArray[np.void]] = []
        self._states: dict[tuple[int, int], TrainingState] = {}

    def add(self, events: Iterable[Event]) -> None:
        """Take more events, in their order."""
        batches: list[BatchCompleted] = []
        for event in events:
            match event:
                case BatchCompleted():
                    batches.append(event)
                case EpochCompleted():
                    self._add_epoch(event)
                case RunStarted():
                    self.started = event
                case CheckpointReached():
                    self._keep_state(event.state)
                case RunFailed():
                    self.end = event
                case _:
                    if isinstance(event, RunEnded):
                        self.end = event
                        # What diverged cannot be gone on from; what came before it can.
                        if not isinstance(event, RunDiverged) and event.state.parameters:
                            self._keep_state(event.state)
        if batches:
            if not self._batches:
                self._first_step = batches[0].step - 1
            self._batches.append(batch_array(batches))
            self.last_batch = batches[-1]

    def _add_epoch(self, event: EpochCompleted) -> None:
        self.epochs.append(EpochRow.of(event))
        for earlier in self.answers:
            if earlier.epoch != event.state.best_epoch:
                earlier.logits = None
        self.answers.append(AnswerRow.of(event.epoch, event.test))
        self._keep_state(event.state)

    def _keep_state(self, state: TrainingState) -> None:
        """Of all states, the last and that of the best epoch will be asked for."""
        self._states[state.epoch, state.batch] = state
        best = state.best_epoch, 0
        last = state.epoch, state.batch
        self._states = {at: kept for at, kept in self._states.items() if at in (best, last)}

    @property
    def states(self) -> list[TrainingState]:
        """Those to be saved, in the order of training."""
        return [self._states[at] for at in sorted(self._states)]

    def batch_rows(self) -> tuple[int, NDArray[np.void]] | None:
        """The step before the first batch, and (batches,) of `BATCH_DTYPE`; None for no batch."""
        if not self._batches:
            return None
        return self._first_step, np.concatenate(self._batches)

    def written(self) -> None:
        """Forget the rows, which are in the database now."""
        self.started = self.last_batch = None
        self.epochs, self.answers, self._batches = [], [], []

    def saved(self, state: TrainingState) -> None:
        """Forget a state, which is in a file now."""
        self._states.pop((state.epoch, state.batch), None)


def batch_array(batches: Sequence[BatchCompleted]) -> NDArray[np.void]:
    """(batches,) of `BATCH_DTYPE`."""
    rows = [(batch.loss, batch.accuracy, batch.learning_rate, batch.seconds) for batch in batches]
    with np.errstate(over="ignore"):
        return np.array(rows, BATCH_DTYPE)
