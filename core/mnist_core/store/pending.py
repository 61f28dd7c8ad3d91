"""What a run has told and the disk does not have yet: gathered from its events, to be written.

It may have to wait for long, as on a full disk: so only what will be written is held.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mnist_core.events import (
    BatchCompleted,
    ChangePlanned,
    CheckpointReached,
    EpochCompleted,
    Event,
    HyperparameterChanged,
    RunCompleted,
    RunDiverged,
    RunEnded,
    RunFailed,
    RunPruned,
    RunRewound,
    RunStarted,
    RunStopped,
    TrainingState,
)
from mnist_core.network.distributions import Distributions
from mnist_core.recipe.changes import Change
from mnist_core.store.records import EpochRow, StoredAnswers, batch_array


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
        self.until_epoch: int | None = None
        """Of the plan that `all_changes` is a part of."""
        self.last_epoch: int | None = None
        """The epoch to end with, where that has changed."""
        self.steps_per_epoch: int | None = None
        """Updates in an epoch, where that has changed."""
        self.epochs: list[EpochRow] = []
        self.answers: list[StoredAnswers] = []
        """With logits those of the last epoch and, where they are here, of the best one."""
        self.distributions: list[tuple[int, Distributions]] = []
        """Each with its epoch."""
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
                    self.started = event
                    self._plan(event.changes, event.until_epoch)
                case ChangePlanned():
                    self._plan(event.changes, event.until_epoch)
                case HyperparameterChanged():
                    self._plan(event.changes, event.until_epoch)
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
                case RunCompleted() | RunStopped() | RunPruned() | RunDiverged():
                    self.end = event
                    if event.changes is not None:
                        self._plan(event.changes, event.until_epoch)
                    if isinstance(event, RunDiverged):
                        # What came after the healthy state cannot be gone on from.
                        self._forget_states_after(event.state)
                    if event.state.parameters:
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

    def _plan(self, changes: tuple[Change, ...], until_epoch: int | None) -> None:
        self.all_changes, self.until_epoch = changes, until_epoch

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
        self._plan(event.changes, event.until_epoch)
        if self._batches:
            kept = np.concatenate(self._batches)[: max(0, step - self._first_step)]
            self._batches = [kept] if len(kept) else []
        self.last_batch = None
        self.gradient_norms = [each for each in self.gradient_norms if each[0] <= step]
        self.epochs = [row for row in self.epochs if row.epoch <= event.epoch]
        self.answers = [row for row in self.answers if row.epoch <= event.epoch]
        self.distributions = [each for each in self.distributions if each[0] <= event.epoch]
        self._forget_states_after(state)
        if state.step:
            self._keep_state(state)

    def _add_epoch(self, event: EpochCompleted) -> None:
        self.epochs.append(EpochRow.of(event))
        self.answers = [
            kept if kept.epoch == event.state.best_epoch else replace(kept, logits=None)
            for kept in self.answers
        ]
        self.answers.append(StoredAnswers.of(event.epoch, event.test))
        if event.distributions is not None:
            self.distributions.append((event.epoch, event.distributions))
        self._keep_state(event.state)

    def _forget_states_after(self, state: TrainingState) -> None:
        at = state.epoch, state.batch
        self._states = {place: each for place, each in self._states.items() if place <= at}

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
