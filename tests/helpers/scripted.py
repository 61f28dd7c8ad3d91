"""Runs and data that play a script: what Pilot and session tests use instead of MLX."""

import math
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.loader import DatasetEvent, DatasetLoaded
from mnist_core.events import (
    BatchCompleted,
    DivergenceDetected,
    DivergenceReason,
    EpochCompleted,
    Event,
    GiveUp,
    HalveLearningRate,
    HyperparameterChanged,
    RunCompleted,
    RunDiverged,
    RunRewound,
    RunStarted,
    RunStopped,
    StopTraining,
    TrainingState,
)
from mnist_core.network.distributions import Distributions, parameter_names
from mnist_core.network.evaluation import evaluate
from mnist_core.recipe.changes import Change, ChangeQueue, Value
from mnist_core.recipe.early_stopping import StopRule
from mnist_core.recipe.hyperparameters import Hyperparameters, TakesEffect
from mnist_core.store import Environment
from mnist_core.store.recorder import RunRecorder
from mnist_core.training.training_run import TrainingRun

_Ended = TypeVar("_Ended", RunCompleted, RunStopped, RunDiverged)

STEPS = 4
"""Batches in a scripted epoch."""


def digits(class_names: tuple[str, ...] = tuple("0123456789"), name: str = "scripted") -> Dataset:
    """40 training and 30 test images of 28x28: a block for each class, on black."""
    labels = (np.arange(40) % len(class_names)).astype(np.uint16)
    images = np.zeros((40, 28, 28), np.uint8)
    for row, label in enumerate(labels):
        images[row, 4:24, 4 + label : 14 + label] = 200
    train = Examples(images, labels)
    return Dataset(name, train, train[:30], class_names, tuple(range(len(class_names))))


class ScriptedLoader:
    """Gives the events it was made with, all at the first look."""

    def __init__(self, *events: DatasetEvent) -> None:
        self.events = list(events)
        self.started = 0
        self.cancelled = False

    def start(self) -> None:
        self.started += 1

    def drain(self) -> list[DatasetEvent]:
        events, self.events = self.events, []
        return events

    def cancel(self) -> None:
        self.cancelled = True

    def join(self, timeout: float | None = None) -> bool:
        return True


def loaded(dataset: Dataset | None = None, reason: str | None = None) -> ScriptedLoader:
    return ScriptedLoader(DatasetLoaded(dataset or digits(), reason))


@dataclass
class ScriptedRuns:
    """A run factory: losses fall like 1/step, accuracy climbs, one test sample in three is wrong.

    Each run waits at `gate` after its first epoch, so a test decides when it goes on. The gate is
    open unless a test closes it.
    """

    gate: threading.Event = field(default_factory=threading.Event)
    made: list[Hyperparameters] = field(default_factory=list)
    fail_with: Exception | None = None
    diverge_at: int | None = None
    """A run diverges with this update, unless it has half its learning rate by then; it goes back
    two."""
    stopped_by: StopRule | None = None
    """What a run that completes says has ended it early."""
    weights: Callable[[int], tuple[NDArray[np.float32], ...]] = lambda _epoch: ()
    """The parameters of the model after an epoch."""
    counts: bool = True
    """Whether it tells how they are distributed."""

    def __post_init__(self) -> None:
        self.gate.set()

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
        self.made.append(hyperparameters)
        run_id = recorder.run_id if recorder is not None else "id"
        asked = ChangeQueue(changes)

        def events() -> Generator[Event, None, None]:
            return self._events(hyperparameters, dataset, state, until_epoch, run_id, asked)

        return TrainingRun(events, changes=asked, hold=True, recorder=recorder)

    def _events(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        state: TrainingState | None,
        until_epoch: int | None,
        run_id: str,
        changes: ChangeQueue,
    ) -> Generator[Event, None, None]:
        if self.fail_with is not None:
            raise self.fail_with
        state = state or TrainingState((np.zeros((1, 1), np.float32),), None)
        step, epoch, batch = state.step, state.epoch, state.batch
        steps, values, made = STEPS, hyperparameters, list(changes.scheduled)
        sizes = (len(dataset.train), 0, len(dataset.test))
        last_epoch = until_epoch or hyperparameters.epochs
        where = (last_epoch, STEPS, epoch, step)
        yield RunStarted(
            run_id, dataset.name, hyperparameters, 10, *sizes, *where, "cpu", "BLAS", 1,
            tuple(made), last_epoch,
        )  # fmt: skip

        def change(field: str, value: Value) -> HyperparameterChanged:
            nonlocal values, steps, last_epoch
            previous = getattr(values, field)
            values = values.model_copy(update={field: value})
            steps = math.ceil(len(dataset.train) / value) if field == "batch_size" else steps
            last_epoch = int(value) if field == "epochs" else last_epoch
            made.append(Change(step, field, value))
            return HyperparameterChanged(
                step, epoch + 1, field, value, previous, last_epoch, steps, tuple(made), last_epoch
            )

        try:
            if not step:
                yield self._epoch(dataset, 0, 0)
            while True:
                if not batch:
                    for asked in changes.take(TakesEffect.NEXT_EPOCH):
                        yield change(*asked)
                if epoch >= last_epoch:
                    break
                if epoch:
                    self.gate.wait(300)
                while batch < steps:
                    for asked in changes.take(TakesEffect.NOW):
                        yield change(*asked)
                    step, batch = step + 1, batch + 1
                    yield BatchCompleted(step, epoch + 1, batch, 2 / step, 1 - 1 / step,
                                         values.learning_rate, 0.01 * step)  # fmt: skip
                    halved = values.learning_rate <= hyperparameters.learning_rate / 2
                    if step != self.diverge_at or halved:
                        continue
                    reason = DivergenceReason.LOSS_NOT_FINITE
                    try:
                        yield DivergenceDetected(
                            step, epoch + 1, math.nan, reason, step - 2, "It overshoots."
                        )
                    except HalveLearningRate:
                        step, batch = step - 2, batch - 2
                        there = TrainingState(self.weights(epoch), None, step, epoch, batch)
                        yield RunRewound(step, epoch, step + 2, there, tuple(made), last_epoch)
                        yield change("learning_rate", values.learning_rate / 2)
                epoch, batch = epoch + 1, 0
                yield self._epoch(dataset, epoch, step)
            end = self._end(RunCompleted, epoch, step, batch, run_id)
            yield replace(end, stopped_by=self.stopped_by)
        except StopTraining:
            yield self._end(RunStopped, epoch, step, batch, run_id)
        except GiveUp:
            # The last healthy state is the end of the epoch before.
            yield replace(
                self._end(RunDiverged, epoch, step, batch, run_id),
                state=TrainingState(
                    self.weights(epoch), None, step - batch, epoch, best_epoch=epoch
                ),
            )

    def _epoch(self, dataset: Dataset, epoch: int, step: int) -> EpochCompleted:
        labels = dataset.test.labels
        said = labels.copy()
        said[::3] = (said[::3] + 1) % dataset.class_count
        test = evaluate(4 * np.eye(dataset.class_count, dtype=np.float32)[said], labels)
        share = 0.5 + epoch / 100
        weights = self.weights(epoch)
        state = TrainingState(
            weights,
            None,
            step,
            epoch,
            best_test_accuracy=share,
            best_epoch=epoch,
            seconds=0.01 * step,
        )
        return EpochCompleted(
            epoch, step, 1.0, share, None, None, 1.0, share, 0.04, test, state,
            self._distributions(epoch, weights) if self.counts and weights else None,
        )  # fmt: skip

    def _distributions(self, epoch: int, weights: tuple[NDArray[np.float32], ...]) -> Distributions:
        """Of the weights, and of gradients that become smaller."""
        names = parameter_names(len(weights))
        arrays = {f"weights/{name}": each for name, each in zip(names, weights, strict=True)}
        for name, each in zip(names if epoch else (), weights, strict=False):
            arrays[f"gradients/{name}"] = each / np.float32(100 * epoch)
        return Distributions.of(arrays)

    def _end(self, kind: type[_Ended], epoch: int, step: int, batch: int, run_id: str) -> _Ended:
        state = TrainingState(self.weights(epoch), None, step, epoch, batch, seconds=0.01 * step)
        return kind(run_id, epoch, step, 0.5, 0.5, epoch, 1.0, 0.01 * step, 1000.0, state)
