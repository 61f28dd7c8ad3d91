"""Runs in which everything happens that can: changes, divergence, rewinding, failure."""

import math
import random
import time
from collections.abc import Generator, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset, split
from mnist_core.events import (
    BatchCompleted,
    CheckpointReached,
    CompilationFailed,
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
    SamplesPredicted,
    StopTraining,
    TrainingState,
)
from mnist_core.network.evaluation import answer, evaluate, logits
from mnist_core.network.parameters import layer_sizes, parameter_count
from mnist_core.recipe.changes import Change, ChangeQueue
from mnist_core.recipe.effective_recipe import EffectiveRecipe
from mnist_core.recipe.hyperparameters import Hyperparameters, TakesEffect
from mnist_core.store import Environment
from mnist_core.store.recorder import RunRecorder
from mnist_core.training.training_run import TrainingRun

BATCH_SECONDS = 0.002
"""How long a batch takes: keys come between two of them."""
_MOST_PARAMETERS = 100_000

_Ended = TypeVar("_Ended", RunCompleted, RunStopped, RunDiverged)


class PlannedError(Exception):
    """What runs fail with here; nothing else may fail."""


class RestlessRuns:
    """A factory of runs, seeded; what each tells fits together as it does in a real one."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

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
        asked = ChangeQueue(changes)
        chance = random.Random(self._random.random())

        def events() -> Generator[Event, None, None]:
            run_id = recorder.run_id if recorder is not None else "unkept"
            story = _Story(hyperparameters, dataset, state, until_epoch, samples, asked, chance)
            return story.events(run_id)

        return TrainingRun(events, changes=asked, hold=True, recorder=recorder)


class _Story:
    """One run, from its start or from a state."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        state: TrainingState | None,
        until_epoch: int | None,
        samples: NDArray[np.uint8],
        asked: ChangeQueue,
        chance: random.Random,
    ) -> None:
        self._hyperparameters = hyperparameters
        self._dataset = dataset
        self._samples = samples
        self._asked = asked
        self._random = chance
        self._last_epoch = until_epoch or hyperparameters.epochs
        self._resumed = state is not None
        try:
            self._split = split(dataset, hyperparameters.validation)
        except ValueError as error:
            raise PlannedError(str(error)) from error
        self._start = EffectiveRecipe.at_start(hyperparameters, len(self._split.train))
        self._step = state.step if state is not None else 0
        self._epoch = state.epoch if state is not None else 0
        # Where it was trained by others, batches took as long as they did there.
        self._seconds_before = (
            state.seconds - BATCH_SECONDS * state.step if state is not None else 0.0
        )
        began = self._step - (state.batch if state is not None else 0)
        self._recipe, self._made, self._later = self._start.after(
            asked.scheduled, self._step, began
        )
        self._parameters = self._new_parameters()
        self._ruined = False
        self._healthy = (self._step, self._epoch)

    def events(self, run_id: str) -> Generator[Event, None, None]:
        if self._random.random() < 0.03:
            raise PlannedError("It failed [/] before it began.")
        examples = self._split
        held_out = len(examples.validation) if examples.validation is not None else 0
        try:
            steps = self._start.epoch_steps.in_epoch(1)
            sizes = (len(examples.train), held_out, len(examples.test))
            where = (self._last_epoch, steps, self._epoch, self._step)
            yield RunStarted(
                run_id, self._dataset.name, self._hyperparameters, 10, *sizes, *where,
                "cpu", "BLAS", 1, self._changes, self._last_epoch,
            )  # fmt: skip
            if self._random.random() < 0.05:
                yield CompilationFailed(self._step, "It is not compiled: [/] there is no g++.")
            if not self._resumed:
                yield self._evaluated()
            while self._epoch < self._last_epoch:
                yield from self._make_changes(TakesEffect.NEXT_EPOCH)
                if self._epoch < self._last_epoch:
                    yield from self._train_epoch()
            yield self._ended(RunCompleted, run_id)
        except StopTraining:
            yield self._ended(RunStopped, run_id)
        except GiveUp:
            yield self._ended(RunDiverged, run_id)

    def _train_epoch(self) -> Generator[Event, None, None]:
        while self._step < self._recipe.epoch_steps.end(self._epoch + 1):
            yield from self._make_changes(TakesEffect.NOW)
            time.sleep(BATCH_SECONDS)
            if self._random.random() < 0.001:
                raise PlannedError("The disk [red]is full.")
            yield self._batch()
            if self._random.random() < 0.2:
                yield SamplesPredicted(
                    self._step, self._epoch + 1, answer(self._logits(self._samples)),
                    self._parameters,
                )  # fmt: skip
            if self._random.random() < 0.05:
                yield CheckpointReached(self._step, self._epoch + 1, self._state())
            if not self._ruined and self._random.random() < 0.01:
                try:
                    yield self._divergence()
                except HalveLearningRate:
                    yield from self._halve()
                    return
                self._ruined = True
                self._parameters = tuple(each * np.float32("nan") for each in self._parameters)
        self._epoch += 1
        if not self._ruined:
            self._healthy = (self._step, self._epoch)
            self._parameters = self._new_parameters()
        yield self._evaluated()

    def _batch(self) -> BatchCompleted:
        before = self._step - self._recipe.epoch_steps.end(self._epoch)
        self._step += 1
        loss = math.nan if self._ruined else 2.3 / self._step + 0.1 * self._random.random()
        return BatchCompleted(
            self._step,
            self._epoch + 1,
            before + 1,
            loss,
            self._random.random(),
            self._recipe.learning_rate(self._step - 1),
            self._seconds,
            self._random.uniform(0, 10) if self._random.random() < 0.2 else None,
        )

    def _divergence(self) -> DivergenceDetected:
        reason = self._random.choice(list(DivergenceReason))
        loss = self._random.choice((math.nan, math.inf, 1e30))
        return DivergenceDetected(
            self._step, self._epoch + 1, loss, reason, self._healthy[0], "The rate [/] is too high."
        )

    def _halve(self) -> Generator[Event, None, None]:
        diverged = self._step
        self._step, self._epoch = self._healthy
        kept = [change for change in self._made if change.step <= self._step]
        self._recipe, self._made, later = self._start.after(kept, self._step, self._step)
        self._later = later + self._later
        yield RunRewound(self._step, self._epoch, diverged, self._state(), self._changes,
                         self._last_epoch)  # fmt: skip
        rate = self._recipe.hyperparameters.learning_rate / 2
        yield self._change("learning_rate", rate)

    def _make_changes(self, kind: TakesEffect) -> Generator[Event, None, None]:
        for field, value in self._asked.take(kind):
            if field == "epochs":
                self._last_epoch = max(int(value), self._epoch)
            yield self._change(field, value)

    def _change(self, field: str, value: float) -> HyperparameterChanged:
        previous = getattr(self._recipe.hyperparameters, field)
        change = Change(self._step, field, value)
        self._recipe = self._recipe.changed(change)
        self._made = [
            each for each in self._made if (each.step, each.field) != (change.step, field)
        ]
        self._made.append(change)
        epoch = self._epoch + 1
        return HyperparameterChanged(
            self._step, epoch, field, value, previous, self._last_epoch,
            self._recipe.epoch_steps.in_epoch(epoch), self._changes, self._last_epoch,
        )  # fmt: skip

    @property
    def _changes(self) -> tuple[Change, ...]:
        return (*self._made, *self._later)

    def _evaluated(self) -> EpochCompleted:
        test = evaluate(self._logits(self._split.test.images), self._split.test.labels)
        trained = self._epoch > 0
        held_out = self._split.validation is not None
        return EpochCompleted(
            self._epoch, self._step, test.loss if trained else None,
            test.accuracy if trained else None, test.loss if held_out else None,
            test.accuracy if held_out else None, test.loss, test.accuracy, BATCH_SECONDS, test,
            self._state(),
        )  # fmt: skip

    def _ended(self, kind: type[_Ended], run_id: str) -> _Ended:
        return kind(run_id, self._epoch, self._step, 0.5, 0.6, 0, 1.0, 1.0, 1000.0, self._state())

    def _state(self) -> TrainingState:
        batch = max(0, self._step - self._recipe.epoch_steps.end(self._epoch))
        return TrainingState(
            self._parameters, None, self._step, self._epoch, batch,
            best_test_accuracy=0.5, seconds=self._seconds,
        )  # fmt: skip

    @property
    def _seconds(self) -> float:
        return self._seconds_before + BATCH_SECONDS * self._step

    def _new_parameters(self) -> tuple[NDArray[np.float32], ...]:
        """Those of the network that the recipe asks for, unless that is a large one."""
        dataset = self._dataset
        sizes = layer_sizes(
            dataset.input_size, self._hyperparameters.hidden_sizes, dataset.class_count
        )
        if parameter_count(sizes) > _MOST_PARAMETERS:
            sizes = layer_sizes(dataset.input_size, (), dataset.class_count)
        numbers = np.random.default_rng(self._random.randrange(2**32))
        return tuple(
            numbers.normal(0, 0.1, shape).astype(np.float32)
            for inputs, outputs in pairwise(sizes)
            for shape in ((inputs, outputs), (outputs,))
        )

    def _logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return logits(self._parameters, images, self._hyperparameters, self._dataset)
