"""Runs that are written down instead of trained: events with made-up figures."""

import math
from collections.abc import Generator, Iterable

import numpy as np

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
from mnist_core.network.evaluation import Evaluation, answer
from mnist_core.recipe.hyperparameters import Hyperparameters

STATE = TrainingState((), None)


def run_started(epochs: int = 2, **hyperparameters: object) -> RunStarted:
    return RunStarted(
        run_id="abc123",
        dataset="digits",
        hyperparameters=Hyperparameters.model_validate({"epochs": epochs, **hyperparameters}),
        parameter_count=26_506,
        train_examples=60_000,
        validation_examples=0,
        test_examples=10_000,
        epochs=epochs,
        steps_per_epoch=2,
        epoch=0,
        step=0,
        device="cpu",
        blas="OpenBLAS 0.3",
        threads=2,
    )


def batch_completed(step: int, epoch: int = 1) -> BatchCompleted:
    return BatchCompleted(
        step=step,
        epoch=epoch,
        batch=(step - 1) % 2 + 1,
        loss=2.0 / step,
        accuracy=0.5,
        learning_rate=0.1,
        seconds=0.75 * step,
    )


def epoch_completed(epoch: int, test_accuracy: float = 0.9, loss: float = 0.5) -> EpochCompleted:
    logits = np.zeros((1, 2), dtype=np.float32)
    return EpochCompleted(
        epoch=epoch,
        step=2 * epoch,
        train_loss=loss if epoch else None,
        train_accuracy=0.8 if epoch else None,
        validation_loss=None,
        validation_accuracy=None,
        test_loss=loss,
        test_accuracy=test_accuracy,
        seconds=1.5 if epoch else 0.0,
        test=Evaluation(answer(logits), np.zeros(1, dtype=np.float32), loss, test_accuracy),
        state=STATE,
    )


def run_completed(test_accuracy: float = 0.95, test_loss: float = 0.25) -> RunCompleted:
    return RunCompleted("abc123", 2, 4, test_accuracy, 0.96, 1, test_loss, 3.0, 40_000.0, STATE)


def run_stopped() -> RunStopped:
    return RunStopped("abc123", 1, 3, 0.9, 0.9, 1, 0.5, 2.0, 30_000.0, STATE)


def whole_run(test_loss: float = 0.25) -> list[Event]:
    """Two epochs of two batches."""
    return [
        run_started(),
        epoch_completed(0, 0.1, 2.3),
        batch_completed(1),
        batch_completed(2),
        epoch_completed(1, 0.96),
        batch_completed(3, 2),
        batch_completed(4, 2),
        epoch_completed(2, 0.95),
        run_completed(test_loss=test_loss),
    ]


def diverged_run() -> list[Event]:
    return [run_started(), epoch_completed(1, 0.1, math.nan), run_completed(0.1, math.nan)]


def training(events: Iterable[Event]) -> Generator[Event, None, None]:
    """What `train` would yield; it obeys StopTraining as that does."""
    try:
        yield from events
    except StopTraining:
        yield run_stopped()
