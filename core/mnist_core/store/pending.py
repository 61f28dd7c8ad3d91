"""Events of a run that wait to be written, brought into the form of rows.

They may have to wait for long, as on a full disk: so only what will be written is held.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mnist_core.events import (
    BatchCompleted,
    CheckpointReached,
    EpochCompleted,
    Event,
    HyperparameterChanged,
    RunDiverged,
    RunEnded,
    RunFailed,
    RunRewound,
    RunStarted,
    TrainingState,
)
from mnist_core.recipe.changes import Change
from mnist_core.store.records import BATCH_DTYPE, EpochRecord, StoredAnswers


@dataclass(frozen=True, slots=True)
class EpochRow(EpochRecord):
    """The metrics of an epoch, and of the best one up to it."""

    best_test_accuracy: float | None
    best_validation_accuracy: float | None
    best_epoch: int

    @classmethod
    def of(cls, event: EpochCompleted) -> "EpochRow":
        state = event.state
        return cls(
            **event.metrics(),
            run_seconds=state.seconds,
            best_test_accuracy=state.best_test_accuracy,
            best_validation_accuracy=state.best_validation_accuracy,
            best_epoch=state.best_epoch,
        )


class Pending:
    """What has happened since the last write that succeeded."""

    def __init__(self) -> None:
        self.end: RunEnded | None = None
        self._states: dict[tuple[int, int], TrainingState] = {}
        self.written()

    def written(self) -> None:
        """Forget the rows, which are in the database now."""
        self.started: RunStarted | None = None
        self.rewound: RunRewound | None = None
        """Where the rows that are in the database are to be cut; those here are cut already."""
        self.all_changes: tuple[Change, ...] | None = None
        """Those in the place of all that the database has; None: those stay."""
        self.last_epoch: int | None = None
        """The epoch to end with, where that has changed."""
        self.steps_per_epoch: int | None = None
        """Updates in an epoch, where that has changed."""
        self.epochs: list[EpochRow] = []
        self.answers: list[StoredAnswers] = []
        """With logits those of the last epoch and, where they are here, of the best one."""
        self.gradient_norms: list[tuple[int, float]] = []
        """Each with its update, from 1."""
        self.last_batch: BatchCompleted | None = None
        self._first_step = 0
        self._batches: list[NDArray[np.void]] = []

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
                    self.started, self.all_changes = event, event.changes
                case HyperparameterChanged():
                    self.all_changes = event.changes
                    self.last_epoch = event.epochs
                    self.steps_per_epoch = event.steps_per_epoch
                case RunRewound():
                    self._add_batches(batches)
                    batches = []
                    self._go_back(event)
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
        self._add_batches(batches)

    @property
    def step(self) -> int | None:
        """Where the run stands with what is here; None: where it stood before."""
        steps = [row.step for row in self.epochs]
        steps += [event.step for event in (self.last_batch, self.started, self.rewound) if event]
        return max(steps, default=None)

    @property
    def has_rows(self) -> bool:
        """Whether there is anything for the database but an end."""
        rows = self.started or self.rewound or self.epochs or self.last_batch
        return bool(rows) or self.all_changes is not None

    def _add_batches(self, batches: Sequence[BatchCompleted]) -> None:
        if not batches:
            return
        if not self._batches:
            self._first_step = batches[0].step - 1
        self._batches.append(batch_array(batches))
        self.last_batch = batches[-1]
        self.gradient_norms += [
            (batch.step, batch.gradient_norm)
            for batch in batches
            if batch.gradient_norm is not None
        ]

    def _go_back(self, event: RunRewound) -> None:
        """Forget what came after the state that the run went back to."""
        step, state = event.step, event.state
        if self.rewound is None or step < self.rewound.step:
            self.rewound = event
        self.all_changes = event.changes
        rows = self.batch_rows()
        kept = None if rows is None else rows[1][: max(0, step - self._first_step)]
        self._batches = [] if kept is None or not len(kept) else [kept]
        self.last_batch = None
        self.gradient_norms = [each for each in self.gradient_norms if each[0] <= step]
        self.epochs = [row for row in self.epochs if row.epoch <= event.epoch]
        self.answers = [row for row in self.answers if row.epoch <= event.epoch]
        at = state.epoch, state.batch
        self._states = {place: each for place, each in self._states.items() if place <= at}
        if state.step:
            self._keep_state(state)

    def _add_epoch(self, event: EpochCompleted) -> None:
        self.epochs.append(EpochRow.of(event))
        self.answers = [
            kept if kept.epoch == event.state.best_epoch else replace(kept, logits=None)
            for kept in self.answers
        ]
        self.answers.append(StoredAnswers.of(event.epoch, event.test))
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

    def saved(self, state: TrainingState) -> None:
        """Forget a state, which is in a file now."""
        self._states.pop((state.epoch, state.batch), None)


def batch_array(batches: Sequence[BatchCompleted]) -> NDArray[np.void]:
    """(batches,) of `BATCH_DTYPE`."""
    rows = [(batch.loss, batch.accuracy, batch.learning_rate, batch.seconds) for batch in batches]
    with np.errstate(over="ignore"):
        return np.array(rows, BATCH_DTYPE)
