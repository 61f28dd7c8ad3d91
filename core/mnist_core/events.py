"""What a run tells: past-tense facts of plain Python and NumPy values, and their mailbox.

A run ends with exactly one of :data:`RunEnded`. Accuracies are fractions, losses the mean
cross-entropy of a sample in nats, times seconds.

Here too: the state that a run goes on from, what may be thrown into it, and its events as JSON.
"""

import math
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.installation import BackendMissing
from mnist_core.distributed.errors import RanksError
from mnist_core.network.distributions import Distributions
from mnist_core.network.evaluation import Answers, Evaluation
from mnist_core.recipe.changes import Change, Value
from mnist_core.recipe.early_stopping import StopRule
from mnist_core.recipe.hyperparameters import Hyperparameters, to_json
from mnist_core.recipe.plan import OnDivergence


class DivergenceReason(StrEnum):
    """What the divergence guard noticed."""

    LOSS_NOT_FINITE = "loss_not_finite"
    ACCURACY_AT_CHANCE = "accuracy_at_chance"


@dataclass(frozen=True, slots=True)
class GuardState:
    """What the divergence guard of a run has seen: with it, a continued run decides as before."""

    first_loss: float | None = None
    """That of the first batch; None before it."""
    lowest: float | None = None
    """The lowest mean loss of a window; None before the first one ends."""
    healthy_lowest: float | None = None
    """What `lowest` was in the healthy state."""
    window: tuple[float, ...] = ()
    """The losses since the last window ended."""
    was_huge: bool = False
    """Whether the loss was so large that the weights may be ruined."""
    ignored: bool = False
    """Whether it diverged and was to go on all the same."""
    diverged: DivergenceReason | None = None
    """Why it has diverged, until somebody decides what comes of that."""
    healthy: "TrainingState | None" = None
    """The state to go back to; None: the one that this belongs to."""


@dataclass(frozen=True, slots=True)
class TrainingState:
    """Everything a run needs to go on exactly: all arrays are NumPy, none is shared with MLX."""

    parameters: tuple[NDArray[np.float32], ...]
    """Weight (inputs, outputs) and bias (outputs,) of each layer in turn."""
    optimizer_state: tuple[NDArray[np.float32], ...] | None
    """The arrays of `mnist_core.network.optimizers`, in their order; None for a new optimizer."""
    step: int = 0
    """Updates done since the start of the run."""
    epoch: int = 0
    """Epochs completed."""
    batch: int = 0
    """Batches done in the epoch after those."""
    loss_sum: float = 0.0
    """Sum of the losses of the examples seen in the unfinished epoch."""
    correct: int = 0
    """How many of those examples were predicted right."""
    best_test_accuracy: float | None = None
    """The best of the evaluated epochs; None before the first evaluation."""
    best_validation_accuracy: float | None = None
    """The same of the validation set; None also where there is none."""
    best_epoch: int = 0
    """The one with the best validation accuracy, or test accuracy where nothing is held out."""
    seconds: float = 0.0
    """Training time so far, evaluation and pauses apart."""
    epoch_began: float = 0.0
    """What `seconds` was when the unfinished epoch began."""
    test_loss: float | None = None
    """After the last completed epoch, as is the accuracy; None before the first evaluation."""
    test_accuracy: float | None = None
    guard: GuardState | None = None
    """None: nothing has been seen, or a version that did not keep it made this state."""

    @property
    def best_accuracy(self) -> float | None:
        """That of the best epoch; None before the first evaluation."""
        best = self.best_validation_accuracy
        return self.best_test_accuracy if best is None else best


@dataclass(frozen=True, slots=True)
class RunStarted:
    run_id: str
    dataset: str
    hyperparameters: Hyperparameters
    parameter_count: int
    train_examples: int
    validation_examples: int
    test_examples: int
    epochs: int
    """The epoch this run is to end with."""
    steps_per_epoch: int
    epoch: int
    """Epochs completed before; above 0 when a run is continued."""
    step: int
    """Updates done before."""
    device: str
    """What MLX computes on: cpu or gpu."""
    blas: str
    """The library behind MLX's matrix products, in words."""
    threads: int
    """Threads of that library."""
    changes: tuple[Change, ...] = ()
    """Those of the run so far that hold on, and those known for later."""
    until_epoch: int | None = None
    """What of `RunPlan` says so."""
    on_divergence: OnDivergence | None = None
    """The same; None: a person is asked."""
    streams: int = 1
    """MLX streams that the run is computed in: 2 is a network in halves."""
    ranks: int = 1
    """Processes that train it together, each on its share of every batch."""


@dataclass(frozen=True, slots=True)
class BatchCompleted:
    step: int
    """Updates done since the start of the run, this one included."""
    epoch: int
    """The epoch under way, from 1."""
    batch: int
    """Batches done in this epoch, this one included."""
    loss: float
    """Mean over the batch, before its update; with label smoothing, the smoothed loss."""
    accuracy: float
    learning_rate: float
    seconds: float = field(default=0.0, compare=False)
    """Training time of the run so far, evaluation and pauses apart; no part of what was learned."""
    gradient_norm: float | None = None
    """Euclidean norm of all gradients of this batch; measured up to ten times an epoch."""


@dataclass(frozen=True, slots=True)
class SamplesPredicted:
    """What the model under way says of the samples on show."""

    step: int
    epoch: int
    answers: Answers
    parameters: tuple[NDArray[np.float32], ...] = ()
    """Weight (inputs, outputs) and bias (outputs,) of each layer in turn, as they answered."""


@dataclass(frozen=True, slots=True)
class HyperparameterChanged:
    """A hyperparameter has another value from the next update on."""

    step: int
    """Updates done before."""
    epoch: int
    """The epoch of the next update, from 1."""
    field: str
    """The name, as in `Hyperparameters`."""
    value: Value
    previous: Value
    epochs: int
    """The epoch the run is to end with now."""
    steps_per_epoch: int
    """Updates in each epoch from now on."""
    changes: tuple[Change, ...] = ()
    """All of the run so far, this one included, and those known for later."""
    until_epoch: int | None = None
    """What of `RunPlan` says so now."""


@dataclass(frozen=True, slots=True)
class ChangePlanned:
    """A hyperparameter was asked to have another value from the next epoch on."""

    step: int
    """Updates done before."""
    epoch: int
    """The epoch under way, from 1."""
    field: str
    value: Value
    changes: tuple[Change, ...]
    """All of the run so far, and those known for later, this one included."""
    until_epoch: int | None = None
    """What of `RunPlan` says so now."""


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """What is measured of an epoch: events, rows of the store and exports are made from this."""

    epoch: int
    """0 is the evaluation before any update."""
    step: int
    train_loss: float | None
    """Mean over the epoch's examples, each measured before its batch's update."""
    train_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    test_loss: float
    test_accuracy: float
    seconds: float
    """Training this epoch took, evaluation apart."""

    def metrics(self) -> dict[str, Any]:
        """The values above by name, in their order."""
        return {each.name: getattr(self, each.name) for each in fields(EpochMetrics)}


@dataclass(frozen=True, slots=True)
class EpochCompleted(EpochMetrics):
    test: Evaluation
    state: TrainingState
    distributions: Distributions | None = None
    """Of weights, of the gradients of the epoch's last batch at these weights, and of the
    activations of test samples; None in the ranks that follow."""


@dataclass(frozen=True, slots=True)
class CheckpointReached:
    """A while has passed in an epoch: here is what a run needs to go on from there."""

    step: int
    epoch: int
    """The epoch under way, from 1."""
    state: TrainingState


@dataclass(frozen=True, slots=True)
class DivergenceDetected:
    """The run no longer learns. Who is told decides: see `HalveLearningRate` and `GiveUp`."""

    step: int
    epoch: int
    """The epoch of that update, from 1."""
    loss: float
    """Of the batch; of the whole epoch where it was the epoch's accuracy that told."""
    reason: DivergenceReason
    healthy_step: int
    """Updates done in the last healthy state, which the run can go back to."""
    cause: str
    """The likely cause and what would help, in sentences."""


@dataclass(frozen=True, slots=True)
class RunRewound:
    """The run went back to its last healthy state: what came after it is as if it never was."""

    step: int
    """Updates done there."""
    epoch: int
    """Epochs completed there."""
    diverged_step: int
    """Updates that had been done."""
    state: TrainingState
    changes: tuple[Change, ...]
    """Those of the run up to there, and those known for later."""
    until_epoch: int | None = None
    """What of `RunPlan` says so."""


@dataclass(frozen=True, slots=True)
class CompilationFailed:
    """The run goes on with uncompiled steps: the same numbers, a little slower."""

    step: int
    message: str
    """Why and what to do, in sentences."""


@dataclass(frozen=True, slots=True)
class StepsStalled:
    """The run goes on, with steps that take several times as long as they could."""

    step: int
    message: str
    """Why and what to do, in sentences."""


@dataclass(frozen=True, slots=True)
class _Ended:
    run_id: str
    epoch: int
    """Epochs completed."""
    step: int
    test_accuracy: float | None
    """After the last epoch that was evaluated; None before the first."""
    best_test_accuracy: float | None
    best_epoch: int
    test_loss: float | None
    seconds: float
    """Training alone, over all its parts if it was continued."""
    examples_per_second: float
    """Since it was started or last continued."""
    state: TrainingState
    changes: tuple[Change, ...] | None = None
    """All of the run so far, and those to come if it goes on, also those just asked for; None: as
    it told before."""
    until_epoch: int | None = None
    """What of `RunPlan` says so."""
    best_validation_accuracy: float | None = None
    """That of the best epoch, which it decides; None: nothing is held out, and the test set does.
    """


@dataclass(frozen=True, slots=True)
class RunCompleted(_Ended):
    """Every planned epoch was trained, or the run was good enough before."""

    stopped_by: StopRule | None = None
    """What of its hyperparameters ended it before the planned epoch; None: nothing did."""


@dataclass(frozen=True, slots=True)
class RunStopped(_Ended):
    """The user stopped it; what was learned is in `state`."""


@dataclass(frozen=True, slots=True)
class RunPruned(_Ended):
    """A sweep ended it early, since others of its trials were better; `state` is where it stood."""


@dataclass(frozen=True, slots=True)
class RunDiverged(_Ended):
    """It was given up because it no longer learned, or went on to its end and never learned again;
    `state` is its last healthy one.
    """


@dataclass(frozen=True, slots=True)
class RunFailed:
    message: str
    """A sentence for the user."""
    traceback: str = field(repr=False)
    """For the log file."""


class StopTraining(Exception):  # noqa: N818 - a request, not an error
    """Thrown into the training generator to ask for the end now: it answers with RunStopped."""


class PruneTraining(Exception):  # noqa: N818 - a request, not an error
    """Thrown into the training generator to ask for the end now: it answers with RunPruned."""


class GiveUp(Exception):  # noqa: N818 - a request, not an error
    """Thrown into the training generator at DivergenceDetected: it answers with RunDiverged."""


class HalveLearningRate(Exception):  # noqa: N818 - a request, not an error
    """Thrown into the training generator at DivergenceDetected: it answers with RunRewound.

    The run goes on from its last healthy state with half the learning rate.
    """


RunEnded = RunCompleted | RunStopped | RunPruned | RunDiverged | RunFailed
Event = (
    RunStarted
    | BatchCompleted
    | SamplesPredicted
    | EpochCompleted
    | HyperparameterChanged
    | ChangePlanned
    | CheckpointReached
    | DivergenceDetected
    | RunRewound
    | CompilationFailed
    | StepsStalled
    | RunEnded
)


def event_name(event: Event) -> str:
    """The name in snake case: `batch_completed`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def json_number(value: float | None) -> float | None:
    """None in the place of a number that is not finite, since JSON has no word for it."""
    return value if value is not None and math.isfinite(value) else None


def json_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with None in the place of numbers that are not finite."""
    return {
        name: json_number(value) if isinstance(value, float) else value
        for name, value in values.items()
    }


def epoch_to_json(epoch: EpochMetrics) -> dict[str, Any]:
    """What :func:`event_to_json` gives of an EpochCompleted."""
    return json_values({"event": "epoch_completed", **epoch.metrics()})


_NOT_TOLD = {"traceback", "until_epoch", "on_divergence"}
"""Fields of events."""


def event_to_json(event: Event) -> dict[str, Any]:
    """The event's plain values under their names; arrays, states and tracebacks are left out.

    So is what only matters to a run that goes on. Numbers that are not finite become None.
    """
    out: dict[str, Any] = {"event": event_name(event)}
    for item in fields(event):
        value = getattr(event, item.name)
        if isinstance(value, Hyperparameters):
            out[item.name] = to_json(value)
        elif isinstance(value, str | int | float | None) and item.name not in _NOT_TOLD:
            out[item.name] = value
    return json_values(out)


_NO_THREAD = ("can't start new thread", "Resource temporarily unavailable")
"""What Python and MLX say where the system starts no thread for them."""


def known_failure(error: BaseException) -> str | None:
    """What happened and what to do; None where the error's message was not made for users."""
    words = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "bad_alloc" in words or "Unable to allocate" in words:
        return "There is not enough memory for this run. Use smaller layers or a smaller batch."
    if isinstance(error, RuntimeError) and words in _NO_THREAD:
        return (
            "The system starts no more threads for this program. End other programs, or raise the "
            "limit of processes (ulimit -u)."
        )
    return words if isinstance(error, BackendMissing | RanksError | ValueError) and words else None


def failure_sentence(error: BaseException) -> str:
    """The known failure, or that it was none."""
    words = " ".join(str(error).split())
    what = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return known_failure(error) or f"Something unexpected went wrong ({what})."


Item = TypeVar("Item")


class Mailbox(Generic[Item]):
    """Takes items from any thread, and gives them all at once to whoever looks."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._lock = threading.Lock()

    def post(self, item: Item) -> None:
        with self._lock:
            self._items.append(item)

    def drain(self) -> list[Item]:
        """The items since the last call, oldest first."""
        with self._lock:
            items, self._items = self._items, []
        return items
