"""Runs and data that play a script: what Pilot and session tests use instead of MLX."""

import threading
from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnist_core.dataset import Dataset, Examples
from mnist_core.evaluation import evaluate
from mnist_core.events import (
    BatchCompleted,
    EpochCompleted,
    Event,
    RunCompleted,
    RunStarted,
    RunStopped,
    StopTraining,
    TrainingState,
)
from mnist_core.hyperparameters import Hyperparameters
from mnist_core.loading import DatasetEvent, DatasetLoaded
from mnist_core.run import TrainingRun
from mnist_core.store import Environment
from mnist_core.store.recorder import RunRecorder, recorded_by

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

    def __post_init__(self) -> None:
        self.gate.set()

    def __call__(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        state: TrainingState | None,
        *,
        until_epoch: int,
        samples: NDArray[np.uint8],
        recorder: RunRecorder | None = None,
        environment: Environment | None = None,
    ) -> TrainingRun:
        self.made.append(hyperparameters)
        run_id = recorder.run_id if recorder is not None else "id"

        def events() -> Generator[Event, None, None]:
            story = self._events(hyperparameters, dataset, state, until_epoch, run_id)
            return recorded_by(recorder, story)

        run = TrainingRun(events)
        if recorder is not None:
            recorder.is_paused = lambda: run.paused
        return run

    def _events(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        state: TrainingState | None,
        until_epoch: int,
        run_id: str,
    ) -> Generator[Event, None, None]:
        if self.fail_with is not None:
            raise self.fail_with
        state = state or TrainingState((np.zeros((1, 1), np.float32),), None)
        step, first = state.step, state.epoch
        sizes = (len(dataset.train), 0, len(dataset.test))
        where = (until_epoch, STEPS, first, step)
        yield RunStarted(
            run_id, dataset.name, hyperparameters, 10, *sizes, *where, "cpu", "BLAS", 1
        )
        epoch = first
        try:
            if not step:
                yield self._epoch(dataset, 0, 0)
            for epoch in range(first, until_epoch):
                if epoch:
                    self.gate.wait(60)
                for batch in range(1, STEPS + 1):
                    step += 1
                    yield BatchCompleted(step, epoch + 1, batch, 2 / step, 1 - 1 / step, 0.1,
                                         0.01 * step)  # fmt: skip
                yield self._epoch(dataset, epoch + 1, step)
            yield self._end(RunCompleted, until_epoch, step, run_id)
        except StopTraining:
            yield self._end(RunStopped, epoch, step, run_id)

    def _epoch(self, dataset: Dataset, epoch: int, step: int) -> EpochCompleted:
        labels = dataset.test.labels
        said = labels.copy()
        said[::3] = (said[::3] + 1) % dataset.class_count
        test = evaluate(4 * np.eye(dataset.class_count, dtype=np.float32)[said], labels)
        share = 0.5 + epoch / 100
        state = TrainingState(
            (), None, step, epoch, best_test_accuracy=share, best_epoch=epoch, seconds=0.01 * step
        )
        return EpochCompleted(epoch, step, 1.0, share, None, None, 1.0, share, 0.04, test, state)

    def _end(
        self, kind: type[RunCompleted] | type[RunStopped], epoch: int, step: int, run_id: str
    ) -> RunCompleted | RunStopped:
        state = TrainingState((), None, step=step, epoch=epoch, seconds=0.01 * step)
        return kind(run_id, epoch, step, 0.5, 0.5, epoch, 1.0, 0.01 * step, 1000.0, state)
