"""A run under way: its learner, what it follows, where it stands, and what it tells."""

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.backend import Backend
from mnist_core.data.dataset import Dataset, Examples, split
from mnist_core.events import (
    BatchCompleted,
    CheckpointReached,
    DivergenceDetected,
    DivergenceReason,
    EpochCompleted,
    GiveUp,
    HyperparameterChanged,
    RunCompleted,
    RunDiverged,
    RunRewound,
    RunStarted,
    RunStopped,
    SamplesPredicted,
    TrainingState,
)
from mnist_core.network.evaluation import Evaluation, answer, evaluate
from mnist_core.network.learner import Learner, WeightsSnapshot
from mnist_core.network.parameters import (
    batch_order,
    check_parameters,
    initial_parameters,
    layer_sizes,
    parameter_count,
)
from mnist_core.recipe.changes import Change, ChangeQueue, Value
from mnist_core.recipe.effective_recipe import EffectiveRecipe
from mnist_core.recipe.hyperparameters import Hyperparameters, TakesEffect
from mnist_core.training.divergence import (
    DivergenceGuard,
    chance_accuracy,
    likely_cause,
)
from mnist_core.training.kernel_warmup import KernelWarmUp

_Ended = TypeVar("_Ended", RunCompleted, RunStopped, RunDiverged)

_NORMS_PER_EPOCH = 10
_LEAST_STEPS_BETWEEN_NORMS = 40
"""A norm takes 1.0 to 1.3 times as long as an update: so they cost three per cent at most."""
_LEAST_SHARE = 2.0**-20
"""Of the learning rate at the start: below, halving it once more will not help."""


@dataclass(frozen=True, slots=True)
class HealthyState:
    """A state to go back to."""

    state: TrainingState
    """Without arrays of its own: those are in `weights`."""
    weights: WeightsSnapshot
    last_test: Evaluation | None
    examples: int


class Trainer:
    """What `mnist_core.training.train` drives: each method takes one step of the story."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        state: TrainingState | None,
        backend: Backend,
        run_id: str,
        changes: ChangeQueue,
        until_epoch: int | None,
    ) -> None:
        """See `mnist_core.training.train.train`."""
        self._hyperparameters = hyperparameters
        self._dataset = dataset
        self._backend = backend
        self._run_id = run_id
        self._changes = changes
        self._until_epoch = until_epoch
        self._split = split(dataset, hyperparameters.validation)
        sizes = layer_sizes(dataset.input_size, hyperparameters.hidden_sizes, dataset.class_count)
        self._parameter_count = parameter_count(sizes)
        if state is not None:
            check_parameters(state.parameters, sizes)
        self._state = state or TrainingState(initial_parameters(sizes, hyperparameters.seed), None)
        """Where the run stands; its arrays are those it started from, the learner has the rest."""
        self._at_start = EffectiveRecipe.at_start(hyperparameters, len(self._split.train))
        self._recipe = self._at_start
        self._effective: list[Change] = []
        """Those that have taken effect, each at the step where it did."""
        self._scheduled = list(changes.scheduled)
        if state is not None:
            self._recipe, self._effective, self._scheduled = self._at_start.after(
                self._scheduled, state.step, state.step - state.batch
            )
        now = self._recipe.hyperparameters
        self._last_epoch = until_epoch or now.epochs
        self._kernels = self._kernels_missing()
        """What is compiled beside the first batches; None when the step is compiled at once."""
        self._learner = Learner(now, dataset, self._split.train, compiled=self._kernels is None)
        self._learner.load(self._state.parameters, self._state.optimizer_state)
        self._last_test: Evaluation | None = None
        self._started_at = self._state.seconds
        self._examples = 0
        self._guard = self._new_guard()

    @property
    def finished(self) -> bool:
        """Whether the last epoch is completed."""
        return self._state.epoch >= self._last_epoch

    @property
    def epoch_is_complete(self) -> bool:
        """Whether every batch of the epoch under way is done."""
        return self._state.batch >= self._recipe.epoch_steps.in_epoch(self._state.epoch + 1)

    def started(self) -> RunStarted:
        if self._kernels is not None:
            self._kernels.start()
        validation = self._split.validation
        return RunStarted(
            run_id=self._run_id,
            dataset=self._dataset.name,
            hyperparameters=self._hyperparameters,
            parameter_count=self._parameter_count,
            train_examples=len(self._split.train),
            validation_examples=len(validation) if validation else 0,
            test_examples=len(self._split.test),
            epochs=self._last_epoch,
            steps_per_epoch=self._at_start.epoch_steps.in_epoch(1),
            epoch=self._state.epoch,
            step=self._state.step,
            device=self._backend.device,
            blas=self._backend.blas,
            threads=self._backend.threads,
            changes=self._all_changes,
        )

    def close(self) -> None:
        """Stop compiling, if that still goes on."""
        if self._kernels is not None:
            self._kernels.close()
            self._kernels = None

    def begin_epoch(self) -> None:
        """Put the training examples into the order of the epoch under way."""
        recipe = self._hyperparameters
        self._order = batch_order(
            len(self._split.train), recipe.seed, self._state.epoch + 1, shuffle=recipe.shuffle
        )

    def train_batch(self) -> BatchCompleted:
        """Train on the next batch of the epoch under way."""
        began = time.perf_counter()
        state = self._state
        size = self._recipe.hyperparameters.batch_size
        rows = self._order[state.batch * size : (state.batch + 1) * size]
        learning_rate = self._recipe.learning_rate(state.step)
        if self._kernels is not None and self._kernels.finished:
            self._learner.compile_step()
            self.close()
        norm = None
        if state.step % self._norm_interval == 0:
            norm = self._learner.gradient_norm(rows, state.step)
        loss, correct = self._learner.update(rows, state.step, learning_rate)
        self._state = replace(
            state,
            step=state.step + 1,
            batch=state.batch + 1,
            loss_sum=state.loss_sum + loss * len(rows),
            correct=state.correct + correct,
            seconds=state.seconds + time.perf_counter() - began,
        )
        self._examples += len(rows)
        return BatchCompleted(
            step=self._state.step,
            epoch=self._state.epoch + 1,
            batch=self._state.batch,
            loss=loss,
            accuracy=correct / len(rows),
            learning_rate=learning_rate,
            seconds=self._state.seconds,
            gradient_norm=norm,
        )

    def take_compile_failure(self) -> str | None:
        """Why the steps could not be compiled, in sentences; None: they could, or it was told."""
        return self._learner.take_compile_failure()

    def complete_epoch(self) -> EpochCompleted:
        """Evaluate; after training, close the epoch under way."""
        state = self._state
        trained = state.batch > 0
        seen = len(self._split.train)
        validation = self._evaluate(self._split.validation) if self._split.validation else None
        test = self._last_test = self._evaluate(self._split.test)
        epoch = state.epoch + 1 if trained else state.epoch
        best_test, better = _better(test, state.best_test_accuracy)
        best_validation = None
        if validation:
            best_validation, better = _better(validation, state.best_validation_accuracy)
        self._state = replace(
            state,
            epoch=epoch,
            batch=0,
            loss_sum=0.0,
            correct=0,
            best_test_accuracy=best_test,
            best_validation_accuracy=best_validation,
            best_epoch=epoch if better else state.best_epoch,
            epoch_began=state.seconds,
        )
        if not trained:
            # A run that goes back to its start has been evaluated there.
            self._guard = self._new_guard()
        return EpochCompleted(
            epoch=epoch,
            step=state.step,
            train_loss=state.loss_sum / seen if trained else None,
            train_accuracy=state.correct / seen if trained else None,
            validation_loss=validation.loss if validation else None,
            validation_accuracy=validation.accuracy if validation else None,
            test_loss=test.loss,
            test_accuracy=test.accuracy,
            seconds=state.seconds - state.epoch_began,
            test=test,
            state=self._snapshot(),
        )

    def checkpoint(self) -> CheckpointReached:
        """The state in the middle of an epoch."""
        return CheckpointReached(self._state.step, self._state.epoch + 1, self._snapshot())

    def predict_samples(self, samples: NDArray[np.uint8]) -> SamplesPredicted:
        """Predict images (samples, height, width) with the model as it is now."""
        return SamplesPredicted(
            self._state.step,
            self._state.epoch + 1,
            answer(self._learner.logits(samples)),
            self._learner.parameters(),
        )

    def ended(self, end: type[_Ended]) -> _Ended:
        """The event that ends this run."""
        seconds = self._state.seconds - self._started_at
        return end(
            run_id=self._run_id,
            epoch=self._state.epoch,
            step=self._state.step,
            test_accuracy=self._last_test.accuracy if self._last_test else None,
            best_test_accuracy=self._state.best_test_accuracy,
            best_epoch=self._state.best_epoch,
            test_loss=self._last_test.loss if self._last_test else None,
            seconds=self._state.seconds,
            examples_per_second=self._examples / seconds if seconds else 0.0,
            state=self._snapshot(),
        )

    # -- changes ---------------------------------------------------------------------------------

    def make_changes(self, kind: TakesEffect) -> Iterator[HyperparameterChanged]:
        """Make the changes of this kind that are due: before a batch, or between two epochs."""
        if not self._scheduled and not self._changes.asked:
            return
        if kind is TakesEffect.NEXT_EPOCH and self._state.batch:
            return
        due: dict[str, Value] = {}
        last_epoch = self._last_epoch
        for change in self._scheduled:
            if change.takes_effect is kind and change.step <= self._state.step:
                due[change.field] = change.value
        if "epochs" in due and self._until_epoch is None:
            last_epoch = int(due["epochs"])
        self._scheduled = [
            change
            for change in self._scheduled
            if change.takes_effect is not kind or change.step > self._state.step
        ]
        for field, value in self._changes.take(kind):
            due[field] = value
            if field == "epochs":
                last_epoch = int(value)
        last_epoch = max(last_epoch, self._state.epoch)
        for field, value in due.items():
            same = value == getattr(self._recipe.hyperparameters, field)
            if not same or (field == "epochs" and last_epoch != self._last_epoch):
                yield self._change(field, value, last_epoch)

    def _change(self, field: str, value: Value, last_epoch: int) -> HyperparameterChanged:
        before = self._recipe.hyperparameters
        change = Change(self._state.step, field, value)
        self._recipe = self._recipe.changed(change)
        self._effective = [
            each for each in self._effective if (each.step, each.field) != (change.step, field)
        ]
        self._effective.append(change)
        self._last_epoch = last_epoch
        self._follow(before)
        epoch = self._state.epoch + 1
        return HyperparameterChanged(
            step=change.step,
            epoch=epoch,
            field=field,
            value=value,
            previous=getattr(before, field),
            epochs=last_epoch,
            steps_per_epoch=self._recipe.epoch_steps.in_epoch(epoch),
            changes=self._all_changes,
        )

    def _follow(self, before: Hyperparameters) -> None:
        """Let the learner take what is in force now, where `before` was."""
        now = self._recipe.hyperparameters
        self._learner.follow(now)
        if (before.dropout > 0, before.batch_size) == (now.dropout > 0, now.batch_size):
            return
        # Dropout, and batches of one example, take kernels of their own.
        self.close()
        self._kernels = self._kernels_missing()
        if self._kernels is None:
            self._learner.compile_step()
        else:
            self._learner.run_uncompiled()
            self._kernels.start()

    # -- divergence ------------------------------------------------------------------------------

    def watch_batch(self, batch: BatchCompleted) -> DivergenceDetected | None:
        """Look whether the run has diverged with this batch."""
        reason = self._guard.after_batch(batch.step, batch.loss, self._healthy_state)
        return self._detected(reason, batch.epoch, batch.loss) if reason is not None else None

    def watch_epoch(self, epoch: EpochCompleted) -> DivergenceDetected | None:
        """Look whether the run has diverged in this epoch of training."""
        reason = self._guard.after_epoch(epoch.step, epoch.test_accuracy, self._healthy_state)
        loss = math.nan if epoch.train_loss is None else epoch.train_loss
        return self._detected(reason, epoch.epoch, loss) if reason is not None else None

    def _detected(self, reason: DivergenceReason, epoch: int, loss: float) -> DivergenceDetected:
        cause = likely_cause(self._recipe.hyperparameters)
        return DivergenceDetected(
            self._state.step, epoch, loss, reason, self._guard.healthy_step, cause
        )

    def halve_learning_rate(self) -> Iterator[RunRewound | HyperparameterChanged]:
        """Go back to the last healthy state, and on from there with half the learning rate.

        Raises:
            GiveUp: it has been halved so often that once more will not help.
        """
        before = self._recipe.hyperparameters
        rate = before.learning_rate / 2
        if rate < _LEAST_SHARE * self._hyperparameters.learning_rate:
            raise GiveUp
        diverged_step, healthy = self._state.step, self._guard.go_back()
        state = self._state = healthy.state
        self._learner.go_back(healthy.weights)
        self._last_test, self._examples = healthy.last_test, healthy.examples
        kept = [change for change in self._effective if change.step <= state.step]
        self._recipe, self._effective, later = self._at_start.after(
            kept, state.step, state.step - state.batch
        )
        self._scheduled = later + self._scheduled
        self._follow(before)
        yield RunRewound(
            state.step, state.epoch, diverged_step, self._snapshot(), self._all_changes
        )
        yield self._change("learning_rate", rate, self._last_epoch)

    def _new_guard(self) -> DivergenceGuard[HealthyState]:
        """A guard of a run that begins, or goes on, where this one stands."""
        return DivergenceGuard(
            self._healthy_state(), self._state.step, chance_accuracy(self._split.test.labels)
        )

    def _healthy_state(self) -> HealthyState:
        return HealthyState(self._state, self._learner.snapshot(), self._last_test, self._examples)

    # -- inside ----------------------------------------------------------------------------------

    def _kernels_missing(self) -> KernelWarmUp | None:
        now = self._recipe.hyperparameters
        return _kernels_to_make(now, self._dataset, len(self._split.train), self._backend)

    @property
    def _all_changes(self) -> tuple[Change, ...]:
        return (*self._effective, *self._scheduled)

    @property
    def _norm_interval(self) -> int:
        """Updates from one measured gradient norm to the next."""
        steps = self._recipe.epoch_steps.in_epoch(self._state.epoch + 1)
        return max(_LEAST_STEPS_BETWEEN_NORMS, math.ceil(steps / _NORMS_PER_EPOCH))

    def _snapshot(self) -> TrainingState:
        parameters, optimizer_state = self._learner.arrays()
        return replace(self._state, parameters=parameters, optimizer_state=optimizer_state)

    def _evaluate(self, examples: Examples) -> Evaluation:
        return evaluate(self._learner.logits(examples.images), examples.labels)


def _better(found: Evaluation, best: float | None) -> tuple[float, bool]:
    """The best accuracy with this one, and whether this one is it."""
    if best is None or found.accuracy > best:
        return found.accuracy, True
    return best, False


def _kernels_to_make(
    hyperparameters: Hyperparameters, dataset: Dataset, examples: int, backend: Backend
) -> KernelWarmUp | None:
    """The kernels that would hold up the next batch for seconds; None if there are none."""
    if sys.platform != "linux" or backend.device != "cpu":
        return None
    kernels = KernelWarmUp(hyperparameters, dataset, examples)
    return kernels if kernels.possible and not kernels.ready else None
