"""Training, as a generator of events: no thread, no I/O, nothing drawn."""

import math
import sys
import time
from collections.abc import Generator
from dataclasses import replace
from typing import Literal, TypeVar
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend import Backend, configure
from mnist_core.dataset import Dataset, Examples, split
from mnist_core.evaluation import Evaluation, answer, evaluate
from mnist_core.events import (
    BatchCompleted,
    CheckpointReached,
    CompilationFailed,
    DivergenceDetected,
    EpochCompleted,
    Event,
    RunCompleted,
    RunDiverged,
    RunStarted,
    RunStopped,
    SamplesPredicted,
    StopTraining,
    TrainingState,
)
from mnist_core.hyperparameters import Hyperparameters, learning_rate_at
from mnist_core.kernel_warmup import KernelWarmUp
from mnist_core.learner import Learner
from mnist_core.parameters import (
    batch_order,
    check_parameters,
    initial_parameters,
    layer_sizes,
    parameter_count,
)

_Ended = TypeVar("_Ended", RunCompleted, RunStopped, RunDiverged)

SAMPLES_INTERVAL = 0.5
"""Seconds between two looks at the samples on show."""
CHECKPOINT_INTERVAL = 30.0
"""Seconds in an epoch after which the state is told, so that little is lost with the process."""


def train(
    hyperparameters: Hyperparameters,
    dataset: Dataset,
    state: TrainingState | None = None,
    *,
    backend: Backend | None = None,
    until_epoch: int | None = None,
    samples: NDArray[np.uint8] | None = None,
    on_divergence: Literal["continue", "stop"] = "continue",
    run_id: str | None = None,
) -> Generator[Event, None, None]:
    """Train a network, telling each batch and epoch as it is done.

    Pause by not asking for the next event. Stop and keep what was learned by throwing
    `StopTraining` in: the answer is `RunStopped`. Abandon by closing.

    Args:
        hyperparameters: what to train and how.
        dataset: uint8 images of any size, with any number of classes.
        state: where to go on; None starts from the seed and evaluates epoch 0 first.
        backend: what MLX computes on; None takes the best there is, with all threads.
        until_epoch: the epoch to end with; None for `hyperparameters.epochs`. The schedule of the
            learning rate follows the planned epochs either way.
        samples: images (samples, height, width) to predict about twice a second.
        on_divergence: whether to go on when the loss is no longer finite.
        run_id: the name of this run in its events; made up if None.

    Raises:
        ValueError: a state or data set that does not fit the hyperparameters, as a sentence.
        BackendMissing: MLX cannot compute here, as a sentence.
    """
    backend = backend or configure("auto", None)
    run = _Run(hyperparameters, dataset, state, backend, run_id or uuid4().hex[:12])
    last_epoch = until_epoch or hyperparameters.epochs
    try:
        yield run.started(backend, last_epoch)
        if state is None:
            yield run.complete_epoch()
        next_look = 0.0
        while run.epoch < last_epoch:
            next_checkpoint = time.monotonic() + CHECKPOINT_INTERVAL
            for event in run.batches():
                yield event
                if isinstance(event, CompilationFailed):
                    continue
                if not math.isfinite(event.loss) and not run.diverged:
                    run.diverged = True
                    yield DivergenceDetected(event.step, event.epoch, event.loss)
                    if on_divergence == "stop":
                        yield run.ended(RunDiverged)
                        return
                if samples is not None and time.monotonic() >= next_look:
                    yield run.look_at(samples)
                    next_look = time.monotonic() + SAMPLES_INTERVAL
                if time.monotonic() >= next_checkpoint:
                    yield run.checkpoint()
                    next_checkpoint = time.monotonic() + CHECKPOINT_INTERVAL
            yield run.complete_epoch()
        yield run.ended(RunCompleted)
    except StopTraining:
        yield run.ended(RunStopped)
    finally:
        run.close()


class _Run:
    """The run under way: its learner, where it stands, and the events that tell of it."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        state: TrainingState | None,
        backend: Backend,
        run_id: str,
    ) -> None:
        self._hyperparameters = hyperparameters
        self._dataset = dataset
        self._run_id = run_id
        self._split = split(dataset, hyperparameters.validation)
        self._steps_per_epoch = math.ceil(len(self._split.train) / hyperparameters.batch_size)
        sizes = layer_sizes(dataset.input_size, hyperparameters.hidden_sizes, dataset.class_count)
        self._parameter_count = parameter_count(sizes)
        if state is not None:
            check_parameters(state.parameters, sizes)
        self._state = state or TrainingState(initial_parameters(sizes, hyperparameters.seed), None)
        """Where the run stands; its arrays are those it started from, the learner has the rest."""
        self._kernels = _kernels_to_make(hyperparameters, dataset, len(self._split.train), backend)
        """What is compiled beside the first batches; None when the step is compiled at once."""
        self._learner = Learner(
            hyperparameters, dataset, self._split.train, compiled=self._kernels is None
        )
        self._learner.load(self._state.parameters, self._state.optimizer_state)
        self._last_test: Evaluation | None = None
        self._started_at = self._state.seconds
        self._examples = 0
        self.diverged = False

    @property
    def epoch(self) -> int:
        """Epochs completed."""
        return self._state.epoch

    def started(self, backend: Backend, last_epoch: int) -> RunStarted:
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
            epochs=last_epoch,
            steps_per_epoch=self._steps_per_epoch,
            epoch=self._state.epoch,
            step=self._state.step,
            device=backend.device,
            blas=backend.blas,
            threads=backend.threads,
        )

    def close(self) -> None:
        """Stop compiling, if that still goes on."""
        if self._kernels is not None:
            self._kernels.close()
            self._kernels = None

    def batches(self) -> Generator[BatchCompleted | CompilationFailed, None, None]:
        """Train the rest of the epoch under way, a batch an event."""
        hyperparameters = self._hyperparameters
        size = hyperparameters.batch_size
        planned_steps = hyperparameters.epochs * self._steps_per_epoch
        epoch = self._state.epoch + 1
        order = batch_order(
            len(self._split.train), hyperparameters.seed, epoch, shuffle=hyperparameters.shuffle
        )
        for batch in range(self._state.batch, self._steps_per_epoch):
            began = time.perf_counter()
            rows = order[batch * size : (batch + 1) * size]
            state = self._state
            learning_rate = learning_rate_at(hyperparameters, state.step, planned_steps)
            if self._kernels is not None and self._kernels.finished:
                self._learner.compile_step()
                self.close()
            loss, correct = self._learner.update(rows, state.step, learning_rate)
            self._state = replace(
                state,
                step=state.step + 1,
                batch=batch + 1,
                loss_sum=state.loss_sum + loss * len(rows),
                correct=state.correct + correct,
                seconds=state.seconds + time.perf_counter() - began,
            )
            self._examples += len(rows)
            yield BatchCompleted(
                step=self._state.step,
                epoch=epoch,
                batch=batch + 1,
                loss=loss,
                accuracy=correct / len(rows),
                learning_rate=learning_rate,
                seconds=self._state.seconds,
            )
            failure = self._learner.take_compile_failure()
            if failure is not None:
                yield CompilationFailed(self._state.step, failure)

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

    def look_at(self, samples: NDArray[np.uint8]) -> SamplesPredicted:
        """Predict images (samples, height, width) with the model as it is now."""
        answers = answer(self._learner.logits(samples))
        return SamplesPredicted(self._state.step, self._state.epoch + 1, answers)

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
    """The kernels that would hold up the first batch for seconds; None if there are none."""
    if sys.platform != "linux" or backend.device != "cpu":
        return None
    kernels = KernelWarmUp(hyperparameters, dataset, examples)
    return kernels if kernels.possible and not kernels.ready else None
