"""Training, as a generator of events: no thread, no I/O, nothing drawn."""

import time
from collections.abc import Generator
from typing import Literal
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.backend import Backend, configure
from mnist_core.data.dataset import Dataset
from mnist_core.events import (
    CompilationFailed,
    DivergenceDetected,
    Event,
    GiveUp,
    HalveLearningRate,
    RunCompleted,
    RunDiverged,
    RunStopped,
    StopTraining,
    TrainingState,
)
from mnist_core.recipe.changes import ChangeQueue
from mnist_core.recipe.hyperparameters import Hyperparameters, TakesEffect
from mnist_core.training.trainer import Trainer

SAMPLES_INTERVAL = 0.5
"""Seconds between two looks at the samples on show."""
CHECKPOINT_INTERVAL = 30.0
"""Seconds in an epoch after which the state is told, so that little is lost with the process."""

OnDivergence = Literal["continue", "stop", "halve"]


def train(
    hyperparameters: Hyperparameters,
    dataset: Dataset,
    state: TrainingState | None = None,
    *,
    backend: Backend | None = None,
    until_epoch: int | None = None,
    samples: NDArray[np.uint8] | None = None,
    changes: ChangeQueue | None = None,
    on_divergence: OnDivergence = "continue",
    run_id: str | None = None,
) -> Generator[Event, None, None]:
    """Train a network, telling each batch and epoch as it is done.

    Pause by not asking for the next event. Stop and keep what was learned by throwing
    `StopTraining` in: the answer is `RunStopped`. Abandon by closing. When it tells
    `DivergenceDetected`, throw `HalveLearningRate` or `GiveUp` in to decide; asking for the next
    event leaves that to `on_divergence`.

    Args:
        hyperparameters: what to train and how, before any change.
        dataset: uint8 images of any size, with any number of classes.
        state: where to go on; None starts from the seed and evaluates epoch 0 first.
        backend: what MLX computes on; None takes the best there is, with all threads.
        until_epoch: the epoch to end with, whatever `changes.scheduled` says of epochs; None for
            those of `hyperparameters`. The schedule of the learning rate follows the planned epochs
            either way.
        samples: images (samples, height, width) to predict about twice a second.
        changes: what changes on the way, and the place to ask for more; of a run that goes on,
            also the changes before `state`, which are made without being told again.
        on_divergence: whether to go on as the recipe says, to end, or to go back and halve the
            learning rate.
        run_id: the name of this run in its events; made up if None.

    Raises:
        ValueError: a state or data set that does not fit the hyperparameters, as a sentence.
        BackendMissing: MLX cannot compute here, as a sentence.
    """
    run = Trainer(
        hyperparameters,
        dataset,
        state,
        backend or configure("auto", None),
        run_id or uuid4().hex[:12],
        changes or ChangeQueue(),
        until_epoch,
    )
    story = _Story(run, samples, on_divergence)
    try:
        yield run.started()
        if state is None:
            yield run.complete_epoch()
        while True:
            yield from run.make_changes(TakesEffect.NEXT_EPOCH)
            if run.finished:
                break
            yield from story.epoch()
        yield run.ended(RunCompleted)
    except StopTraining:
        yield run.ended(RunStopped)
    except GiveUp:
        yield run.ended(RunDiverged)
    finally:
        run.close()


class _Story:
    """What is told of an epoch, and when."""

    def __init__(
        self, run: Trainer, samples: NDArray[np.uint8] | None, on_divergence: OnDivergence
    ) -> None:
        self._run = run
        self._samples = samples
        self._on_divergence = on_divergence
        self._next_prediction = 0.0

    def epoch(self) -> Generator[Event, None, None]:
        """Train the rest of the epoch under way; it is left early where the run goes back."""
        run = self._run
        next_checkpoint = time.monotonic() + CHECKPOINT_INTERVAL
        run.begin_epoch()
        while not run.epoch_is_complete:
            yield from run.make_changes(TakesEffect.NOW)
            batch = run.train_batch()
            yield batch
            failure = run.take_compile_failure()
            if failure is not None:
                yield CompilationFailed(batch.step, failure)
            divergence = run.watch_batch(batch)
            if divergence is not None and (yield from self._went_back(divergence)):
                return
            if self._samples is not None and time.monotonic() >= self._next_prediction:
                yield run.predict_samples(self._samples)
                self._next_prediction = time.monotonic() + SAMPLES_INTERVAL
            if time.monotonic() >= next_checkpoint:
                yield run.checkpoint()
                next_checkpoint = time.monotonic() + CHECKPOINT_INTERVAL
        completed = run.complete_epoch()
        yield completed
        divergence = run.watch_epoch(completed)
        if divergence is not None:
            yield from self._went_back(divergence)

    def _went_back(self, divergence: DivergenceDetected) -> Generator[Event, None, bool]:
        """Tell of it and do what is decided; whether the run went back."""
        try:
            yield divergence
            if self._on_divergence == "stop":
                raise GiveUp
            if self._on_divergence == "continue":
                return False
        except HalveLearningRate:
            pass
        yield from self._run.halve_learning_rate()
        return True
