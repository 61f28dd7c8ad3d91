"""Training, as a generator of events: no thread, no I/O, nothing drawn."""

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import TypeVar
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.backend import Backend, configure
from mnist_core.data.dataset import Dataset, Examples, split
from mnist_core.distributed.group import Group
from mnist_core.distributed.message import Told
from mnist_core.events import (
    BatchCompleted,
    ChangePlanned,
    CheckpointReached,
    CompilationFailed,
    DivergenceDetected,
    DivergenceReason,
    EpochCompleted,
    Event,
    GiveUp,
    HalveLearningRate,
    HyperparameterChanged,
    PruneTraining,
    RunCompleted,
    RunDiverged,
    RunPruned,
    RunRewound,
    RunStarted,
    RunStopped,
    SamplesPredicted,
    StepsStalled,
    StopTraining,
    TrainingState,
)
from mnist_core.network.distributions import EXAMPLES, Distributions, parameter_names
from mnist_core.network.evaluation import Evaluation, answer, evaluate
from mnist_core.network.halves import stream_count
from mnist_core.network.parameters import (
    batch_order,
    check_parameters,
    initial_parameters,
    parameter_count,
)
from mnist_core.network.shape import NetworkShape
from mnist_core.recipe.changes import ChangeQueue
from mnist_core.recipe.hyperparameters import Hyperparameters, TakesEffect
from mnist_core.recipe.plan import OnDivergence
from mnist_core.training.divergence import (
    DivergenceGuard,
    chance_accuracy,
    likely_cause,
)
from mnist_core.training.halts import seconds_at_work
from mnist_core.training.healthy_state import HealthyState
from mnist_core.training.kernel_warmup import StepCompilation
from mnist_core.training.live_recipe import LiveRecipe
from mnist_core.training.ranks import ranks_of
from mnist_core.training.stalls import StallGuard
from mnist_core.training.state import after_batch, after_epoch

_Ended = TypeVar("_Ended", RunCompleted, RunStopped, RunPruned, RunDiverged)

SAMPLES_INTERVAL = 0.5
"""Seconds between two looks at the samples on show."""
CHECKPOINT_INTERVAL = 30.0
"""Seconds in an epoch after which the state is told, so that little is lost with the process."""
_NORMS_PER_EPOCH = 10
_LEAST_STEPS_BETWEEN_NORMS = 40
"""A norm takes 1.0 to 1.3 times as long as an update: so they cost three per cent at most."""
_LEAST_SHARE = 2.0**-20
"""Of the learning rate at the start: below, halving it once more will not help."""


def train(
    hyperparameters: Hyperparameters,
    dataset: Dataset,
    state: TrainingState | None = None,
    *,
    backend: Backend | None = None,
    until_epoch: int | None = None,
    samples: NDArray[np.uint8] | None = None,
    changes: ChangeQueue | None = None,
    on_divergence: OnDivergence | None = "continue",
    run_id: str | None = None,
    group: Group | None = None,
) -> Generator[Event, None, None]:
    """Train a network, telling each batch and epoch as it is done.

    Pause by not asking for the next event. Stop and keep what was learned by throwing
    `StopTraining` in: the answer is `RunStopped`. So with `PruneTraining` and `RunPruned`. Abandon
    by closing. When it tells `DivergenceDetected`, throw `HalveLearningRate` or `GiveUp` in to
    decide; asking for the next event leaves that to `on_divergence`.

    Args:
        hyperparameters: what to train and how, before any change.
        dataset: uint8 images of any size, with any number of classes.
        state: where to go on; None starts from the seed and evaluates epoch 0 first.
        backend: what MLX computes on; None takes the best there is.
        until_epoch: the last epoch, whatever `changes.scheduled` says of epochs; None for those of
            `hyperparameters`. The schedule of the learning rate follows the planned epochs, and
            patience and target accuracy may end it before, either way.
        samples: images (samples, height, width) to predict about twice a second.
        changes: what changes on the way, and the place to ask for more; of a run that goes on,
            also the changes before `state`, which are made without being told again.
        on_divergence: what to do where whoever is told does not decide; None for "continue" in a
            run about which a person is asked.
        run_id: the name of this run in its events; made up if None.
        group: the ranks that train this run together, each with the same arguments; None: this
            process does alone. What is asked of rank 0, a stop or a change, reaches the others, of
            which nothing may be asked; `on_divergence` decides for all. They have no answers in
            their epochs.

    Raises:
        ValueError: a state or data set that does not fit the hyperparameters, as a sentence.
        RanksError: another rank is gone, as a sentence.
        BackendMissing: MLX cannot compute here, as a sentence.
    """
    trainer = Trainer(
        hyperparameters,
        dataset,
        state,
        backend or configure("auto", None),
        run_id or uuid4().hex[:12],
        changes or ChangeQueue(),
        until_epoch,
        samples,
        on_divergence,
        group,
    )
    yield from trainer.events()


class Trainer:
    """Trains a network, and tells of it."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        state: TrainingState | None,
        backend: Backend,
        run_id: str,
        changes: ChangeQueue,
        until_epoch: int | None,
        samples: NDArray[np.uint8] | None,
        on_divergence: OnDivergence | None,
        group: Group | None,
    ) -> None:
        """See `train`."""
        self._hyperparameters = hyperparameters
        self._dataset = dataset
        self._backend = backend
        self._run_id = run_id
        self._samples = samples
        self._on_divergence = on_divergence
        self._next_prediction = 0.0
        self._started_anew = state is None
        self._split = split(dataset, hyperparameters.validation)
        sizes = NetworkShape.of(hyperparameters, dataset.image_shape, dataset.class_count)
        self._parameter_count = parameter_count(sizes)
        if state is not None:
            check_parameters(state.parameters, sizes)
        self._state = state or TrainingState(initial_parameters(sizes, hyperparameters.seed), None)
        """Where the run stands; its arrays are those it started from, the learner has the rest."""
        train = self._split.train
        self._ranks = ranks_of(changes, group, self._parameter_count)
        self._recipe = LiveRecipe(
            hyperparameters, len(train), self._ranks.changes, until_epoch, state
        )
        now = self._recipe.now.hyperparameters
        self._streams = stream_count(hyperparameters, sizes, len(train), backend)
        self._compilation = StepCompilation(
            now, dataset, train, backend, self._ranks.rounds, halved=self._streams == 2
        )
        self._learner = self._compilation.learner
        self._learner.load(self._state.parameters, self._state.optimizer_state)
        self._stalls = StallGuard(backend.threads)
        self._started_at = self._state.seconds
        self._examples = 0
        seen = self._state.guard
        self._guard = DivergenceGuard(chance_accuracy(self._split.test.labels), seen)
        self._healthy = self._healthy_state()
        if seen is not None and seen.healthy is not None:
            self._healthy = self._healthy_state_of(seen.healthy)

    def events(self) -> Generator[Event, None, None]:
        """The whole run; see `train`."""
        try:
            self._compilation.start()
            yield self._started()
            if self._started_anew:
                yield self._complete_epoch(None)[0]
            else:
                yield from self._judge_again()
            while True:
                self._ranks.before_epoch()
                yield from self._make_changes(TakesEffect.NEXT_EPOCH)
                state = self._state
                if state.epoch >= self._recipe.last_epoch or self._recipe.rule_met(state):
                    break
                yield from self._train_epoch()
            self._ranks.end(stopped=False)
            self._recipe.take_asked(self._state)
            yield self._at_its_end()
        except StopTraining:
            self._ranks.end(stopped=True)
            if self._on_divergence is None and self._guard.state.diverged is not None:
                # Whoever stops it now does not wait to be asked.
                yield self._given_up()
                return
            self._recipe.take_asked(self._state)
            # Whoever stops a run that has nothing left to do is too late.
            over = self._recipe.ends_at(self._state)
            yield self._at_its_end() if over else self._ended(RunStopped)
        except PruneTraining:
            yield self._ended(RunPruned)
        except GiveUp:
            yield self._given_up()
        finally:
            self._compilation.close()
            self._learner.rest()

    def _train_epoch(self) -> Generator[Event, None, None]:
        """Train the rest of the epoch under way; it is left early where the run goes back."""
        next_checkpoint = time.monotonic() + CHECKPOINT_INTERVAL
        recipe = self._hyperparameters
        order = batch_order(
            len(self._split.train), recipe.seed, self._state.epoch + 1, shuffle=recipe.shuffle
        )
        while self._state.batch < self._recipe.now.epoch_steps.in_epoch(self._state.epoch + 1):
            self._ranks.before_batch()
            yield from self._make_changes(TakesEffect.NOW)
            seconds = self._state.seconds
            try:
                batch = self._train_batch(order)
            except Told as told:
                self._ranks.obey(told.message)
                continue
            # Whoever stops it here has the guard in the state too, which saw this batch.
            reason, healthy = self._guard.after_batch(batch.loss)
            if healthy:
                self._healthy = self._healthy_state()
            yield batch
            failure = self._learner.take_compile_failure()
            if failure is not None:
                yield CompilationFailed(batch.step, failure)
            stall = self._stalls.after_step(self._state.seconds - seconds)
            if stall:
                yield StepsStalled(batch.step, stall)
            if reason is not None and (yield from self._went_back(reason, batch.epoch, batch.loss)):
                return
            if self._samples is not None and time.monotonic() >= self._next_prediction:
                yield self._predict_samples(self._samples)
                self._next_prediction = time.monotonic() + SAMPLES_INTERVAL
            if time.monotonic() >= next_checkpoint:
                yield CheckpointReached(self._state.step, self._state.epoch + 1, self._snapshot())
                next_checkpoint = time.monotonic() + CHECKPOINT_INTERVAL
        completed, reason = self._complete_epoch(order)
        yield completed
        if reason is not None:
            loss = math.nan if completed.train_loss is None else completed.train_loss
            yield from self._went_back(reason, completed.epoch, loss)

    def _judge_again(self) -> Generator[Event, None, None]:
        """Tell of the divergence that the run was stopped at before anybody had decided."""
        reason = self._guard.state.diverged
        if reason is not None:
            under_way = self._state.epoch + (self._state.batch > 0)
            yield from self._went_back(reason, under_way, math.nan)

    def _went_back(
        self, reason: DivergenceReason, epoch: int, loss: float
    ) -> Generator[Event, None, bool]:
        """Tell of a divergence and do what is decided; whether the run went back."""
        step, healthy_step = self._state.step, self._healthy.state.step
        recipe = self._recipe
        cause = likely_cause(recipe.now.hyperparameters, recipe.before(healthy_step))
        try:
            yield DivergenceDetected(step, epoch, loss, reason, healthy_step, cause)
            if self._on_divergence == "stop":
                raise GiveUp
            if self._on_divergence != "halve":
                self._guard.ignore()
                return False
        except HalveLearningRate:
            pass
        yield from self._halve_learning_rate()
        return True

    def _make_changes(self, kind: TakesEffect) -> Iterator[HyperparameterChanged | ChangePlanned]:
        for changed in self._recipe.take_due(kind, self._state):
            self._compilation.follow(self._recipe.now.hyperparameters)
            # Other steps may take another time.
            self._stalls = StallGuard(self._backend.threads)
            yield changed

    def _started(self) -> RunStarted:
        validation = self._split.validation
        return RunStarted(
            run_id=self._run_id,
            dataset=self._dataset.name,
            hyperparameters=self._hyperparameters,
            parameter_count=self._parameter_count,
            train_examples=len(self._split.train),
            validation_examples=len(validation) if validation else 0,
            test_examples=len(self._split.test),
            epochs=self._recipe.last_epoch,
            steps_per_epoch=self._recipe.at_start.epoch_steps.in_epoch(1),
            epoch=self._state.epoch,
            step=self._state.step,
            device=self._backend.device,
            blas=self._backend.blas,
            threads=self._backend.threads,
            streams=self._streams,
            ranks=self._ranks.size,
            changes=self._recipe.changes,
            until_epoch=self._recipe.until_epoch,
            on_divergence=self._on_divergence,
        )

    def _train_batch(self, order: NDArray[np.int32]) -> BatchCompleted:
        """Train on the next batch of the epoch under way, which has its examples in `order`."""
        began, cpu_began = time.perf_counter(), time.process_time()
        state = self._state
        size = self._recipe.now.hyperparameters.batch_size
        rows = order[state.batch * size : (state.batch + 1) * size]
        learning_rate = self._recipe.now.learning_rate(state.step)
        self._compilation.look()
        norm = None
        if state.step % self._norm_interval == 0:
            norm = self._learner.gradient_norm(rows, state.step)
        loss, correct = self._learner.update(
            rows, state.step, learning_rate, self._next_batch(order)
        )
        wall, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        took = seconds_at_work(wall, cpu, state.seconds / state.step if state.step else 0.0)
        self._state = after_batch(state, loss, correct, len(rows), state.seconds + took)
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

    def _next_batch(self, order: NDArray[np.int32]) -> tuple[NDArray[np.int32], float] | None:
        """Rows and learning rate of the batch after the one under way, if nothing changes."""
        size, batch = self._recipe.now.hyperparameters.batch_size, self._state.batch + 1
        rows = order[batch * size : (batch + 1) * size]
        if not len(rows):
            return None
        return rows, self._recipe.now.learning_rate(self._state.step + 1)

    def _complete_epoch(
        self, order: NDArray[np.int32] | None
    ) -> tuple[EpochCompleted, DivergenceReason | None]:
        """Evaluate and, after training in this `order`, close the epoch under way; why the run
        diverged in it.
        """
        state = self._state
        trained = state.batch > 0
        seen = len(self._split.train)
        gradients = () if order is None else self._last_gradients(order)
        validation = self._evaluate(self._split.validation) if self._split.validation else None
        test = self._evaluate(self._split.test)
        self._state = after_epoch(state, test, validation)
        train_loss = state.loss_sum / seen if trained else None
        # What nothing was trained on yet is healthy.
        reason, healthy = None, True
        if train_loss is not None:
            reason, healthy = self._guard.after_epoch(train_loss, test.accuracy)
        if healthy:
            self._healthy = self._healthy_state()
        completed = EpochCompleted(
            epoch=self._state.epoch,
            step=state.step,
            train_loss=train_loss,
            train_accuracy=state.correct / seen if trained else None,
            validation_loss=validation.loss if validation else None,
            validation_accuracy=validation.accuracy if validation else None,
            test_loss=test.loss,
            test_accuracy=test.accuracy,
            seconds=state.seconds - state.epoch_began,
            test=test,
            state=(snapshot := self._snapshot()),
            distributions=self._distributions(snapshot.parameters, gradients),
        )
        return completed, reason

    def _last_gradients(self, order: NDArray[np.int32]) -> tuple[NDArray[np.float32], ...]:
        """Those of the last batch that was trained on, at the weights that it led to.

        So they are the same where a run is stopped before its epoch is told, and goes on. All ranks
        take part.
        """
        state, size = self._state, self._recipe.now.hyperparameters.batch_size
        rows = order[(state.batch - 1) * size : state.batch * size]
        while True:
            try:
                return self._learner.gradients(rows, state.step)
            except Told as told:
                self._ranks.obey(told.message)

    def _distributions(
        self,
        parameters: tuple[NDArray[np.float32], ...],
        gradients: tuple[NDArray[np.float32], ...],
    ) -> Distributions | None:
        """Those of the epoch that is completed."""
        if not self._ranks.tells:
            return None
        arrays: dict[str, NDArray[np.float32]] = {}
        for kind, found in (("weights", parameters), ("gradients", gradients)):
            arrays |= {
                f"{kind}/{name}": each
                for name, each in zip(parameter_names(len(found)), found, strict=True)
            }
        outputs = self._learner.activations(self._split.test.images[:EXAMPLES])
        arrays |= {f"activations/layers.{index}": each for index, each in enumerate(outputs)}
        return Distributions.of(arrays)

    def _predict_samples(self, samples: NDArray[np.uint8]) -> SamplesPredicted:
        """Predict images (samples, height, width) with the model as it is now."""
        return SamplesPredicted(
            self._state.step,
            self._state.epoch + 1,
            answer(self._learner.logits(samples)),
            self._learner.parameters(),
        )

    def _ended(self, end: type[_Ended], state: TrainingState | None = None) -> _Ended:
        """The event that ends this run, which may go on from `state`; None: where it stands."""
        seconds = self._state.seconds - self._started_at
        return end(
            run_id=self._run_id,
            epoch=self._state.epoch,
            step=self._state.step,
            test_accuracy=self._state.test_accuracy,
            best_test_accuracy=self._state.best_test_accuracy,
            best_epoch=self._state.best_epoch,
            test_loss=self._state.test_loss,
            seconds=self._state.seconds,
            examples_per_second=self._examples / seconds if seconds else 0.0,
            state=state or self._snapshot(),
            changes=self._recipe.changes,
            until_epoch=self._recipe.until_epoch,
            best_validation_accuracy=self._state.best_validation_accuracy,
        )

    # -- divergence ------------------------------------------------------------------------------

    def _at_its_end(self) -> RunCompleted | RunDiverged:
        """The end of a run that has done all that it was to do."""
        if self._guard.is_lost(self._state.test_loss, self._state.test_accuracy):
            return self._given_up()
        stopped_by = self._recipe.rule_met(self._state)
        return replace(self._ended(RunCompleted), stopped_by=stopped_by)

    def _given_up(self) -> RunDiverged:
        self._guard.go_back()
        return self._ended(RunDiverged, replace(self._healthy.whole, guard=self._guard.state))

    def _halve_learning_rate(self) -> Iterator[RunRewound | HyperparameterChanged]:
        """Go back to the last healthy state, and on from there with half the learning rate.

        Raises:
            GiveUp: it has been halved so often that once more will not help.
        """
        before = self._recipe.now.hyperparameters
        rate = before.learning_rate / 2
        if rate < _LEAST_SHARE * self._hyperparameters.learning_rate:
            raise GiveUp
        diverged_step, healthy = self._state.step, self._healthy
        self._guard.go_back()
        state = self._state = healthy.state
        self._learner.go_back(healthy.weights)
        self._examples = healthy.examples
        # It may be from before this run was continued.
        self._started_at = min(self._started_at, state.seconds)
        self._recipe.go_back(state)
        self._compilation.follow(self._recipe.now.hyperparameters)
        yield RunRewound(
            state.step,
            state.epoch,
            diverged_step,
            self._snapshot(),
            self._recipe.changes,
            self._recipe.until_epoch,
        )
        halved = self._recipe.change("learning_rate", rate, state)
        self._compilation.follow(self._recipe.now.hyperparameters)
        yield halved

    def _healthy_state(self) -> HealthyState:
        """Where the run stands now, to go back to."""
        return HealthyState(self._state, self._learner.snapshot(), self._examples)

    def _healthy_state_of(self, state: TrainingState) -> HealthyState:
        """One from before this run was continued."""
        weights = self._learner.snapshot_of(state.parameters, state.optimizer_state or ())
        return HealthyState(replace(state, parameters=(), optimizer_state=None), weights, 0)

    # -- inside ----------------------------------------------------------------------------------

    @property
    def _norm_interval(self) -> int:
        """Updates from one measured gradient norm to the next."""
        steps = self._recipe.now.epoch_steps.in_epoch(self._state.epoch + 1)
        return max(_LEAST_STEPS_BETWEEN_NORMS, math.ceil(steps / _NORMS_PER_EPOCH))

    def _snapshot(self) -> TrainingState:
        parameters, optimizer_state = self._learner.arrays()
        healthy = None if self._healthy.state is self._state else self._healthy.whole
        return replace(
            self._state,
            parameters=parameters,
            optimizer_state=optimizer_state,
            guard=replace(self._guard.state, healthy=healthy),
        )

    def _evaluate(self, examples: Examples) -> Evaluation:
        return self._ranks.evaluate(
            lambda: evaluate(self._learner.logits(examples.images), examples.labels)
        )
