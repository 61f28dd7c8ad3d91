"""What the store keeps of a run, as plain values and NumPy arrays."""

import platform
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import metadata
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mnist_core.events import (
    BatchCompleted,
    EpochCompleted,
    EpochMetrics,
    RunCompleted,
    RunDiverged,
    RunEnded,
    RunFailed,
    RunPruned,
    RunStarted,
    RunStopped,
)
from mnist_core.network.evaluation import Evaluation
from mnist_core.recipe.changes import Change
from mnist_core.recipe.early_stopping import StopRule, rule_met
from mnist_core.recipe.effective_recipe import EffectiveRecipe
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.recipe.plan import OnDivergence, RunPlan


class StoreError(Exception):
    """The message is a sentence for the user: what happened, with which run or file, what to do."""


class RunState(StrEnum):
    """How a run stands; `INTERRUPTED` is read off its lock, never written."""

    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    STOPPED = "stopped"
    PRUNED = "pruned"
    DIVERGED = "diverged"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def is_live(self) -> bool:
        """Whether a process is training it."""
        return self in (RunState.RUNNING, RunState.PAUSED)


END_STATES: Mapping[type[RunEnded], RunState] = {
    RunCompleted: RunState.COMPLETED,
    RunStopped: RunState.STOPPED,
    RunPruned: RunState.PRUNED,
    RunDiverged: RunState.DIVERGED,
    RunFailed: RunState.FAILED,
}
"""How a run stands after each of its ends."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a run was trained with."""

    device: str
    """cpu or gpu."""
    blas: str
    threads: int
    host: str
    platform: str
    versions: dict[str, str]
    """Of mnist-tui, mlx, numpy and python."""
    streams: int = 1
    """What of `RunStarted` says so, as is the next; a version that did not say it had one."""
    ranks: int = 1

    @classmethod
    def of(cls, started: RunStarted) -> "Environment":
        """That of a run which this process has started."""
        versions = {name: metadata.version(name) for name in ("mnist-tui", "mlx", "numpy")}
        return cls(
            started.device,
            started.blas,
            started.threads,
            socket.gethostname(),
            platform.platform(),
            {**versions, "python": platform.python_version()},
            started.streams,
            started.ranks,
        )


@dataclass(frozen=True, slots=True)
class TrialPlace:
    """Where a run belongs that is a part of a sweep."""

    study: str
    number: int
    """Of the trial, from 0."""


@dataclass(frozen=True, slots=True)
class Score:
    """An accuracy that runs are ranked by."""

    value: float
    measured_on: Literal["validation", "test"]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run without its curves. Times are seconds since 1970, `seconds` those spent training."""

    id: str
    name: str
    """Text from the user, as are note and tags: draw it as plain text."""
    note: str
    tags: tuple[str, ...]
    hyperparameters: Hyperparameters
    dataset: str
    data: str
    """What --data takes to find the data set again: its name, or its folder."""
    fingerprint: str
    """Of the data set."""
    environment: Environment
    state: RunState
    failure: str
    """Why it failed, as a sentence; else empty."""
    started: float
    updated: float
    """When it last told anything."""
    ended: float | None
    parameter_count: int
    train_examples: int
    validation_examples: int
    test_examples: int
    steps_per_epoch: int
    epochs: int
    """The epoch it is to end with; more than the hyperparameters plan if some were added."""
    epoch: int
    """Epochs completed."""
    step: int
    """Updates done."""
    test_loss: float | None
    test_accuracy: float | None
    """Both after the last completed epoch, as are those of validation."""
    validation_loss: float | None
    validation_accuracy: float | None
    best_test_accuracy: float | None
    best_validation_accuracy: float | None
    best_epoch: int
    seconds: float
    examples_per_second: float | None
    pid: int
    host: str
    """Of the process that trains it, or did last."""
    owner: str = ""
    """Whoever trained it last: another one for each time that it was started or continued."""
    transposed: bool = False
    """Whether it was trained on images with rows and columns swapped."""
    until_epoch: int | None = None
    """Of its plan, as is the next."""
    on_divergence: OnDivergence = "continue"
    study: str = ""
    """The sweep that it is a part of; empty: none."""
    trial: int | None = None
    """The number of its trial there."""
    changes: tuple[Change, ...] = ()
    """Those made during the run and those known for later, in the order of their steps."""

    @property
    def plan(self) -> RunPlan:
        """What it is to do from its seed to its end."""
        return RunPlan(self.hyperparameters, self.changes, self.until_epoch, self.on_divergence)

    @property
    def recipe(self) -> EffectiveRecipe:
        """The recipe with the changes that have taken effect."""
        return EffectiveRecipe.at(
            self.hyperparameters,
            self.train_examples,
            self.steps_per_epoch,
            self.changes,
            self.step,
        )

    def as_started(self, epoch: int = 0, step: int = 0) -> RunStarted:
        """How it would tell that it starts after `epoch` epochs and `step` updates."""
        return RunStarted(
            run_id=self.id,
            dataset=self.dataset,
            hyperparameters=self.hyperparameters,
            parameter_count=self.parameter_count,
            train_examples=self.train_examples,
            validation_examples=self.validation_examples,
            test_examples=self.test_examples,
            epochs=self.epochs,
            steps_per_epoch=self.steps_per_epoch,
            epoch=epoch,
            step=step,
            device=self.environment.device,
            blas=self.environment.blas,
            threads=self.environment.threads,
            streams=self.environment.streams,
            ranks=self.environment.ranks,
            changes=self.changes,
            until_epoch=self.until_epoch,
            on_divergence=self.on_divergence,
        )

    @property
    def best(self) -> Score | None:
        """What ranks it: the best validation accuracy, or the best test accuracy without one."""
        return _score(self.best_validation_accuracy, self.best_test_accuracy)

    @property
    def best_accuracy(self) -> float | None:
        """The value of `best`."""
        return None if self.best is None else self.best.value

    @property
    def stopped_by(self) -> StopRule | None:
        """What of `RunCompleted` says so; None also where it did not complete."""
        if self.state is not RunState.COMPLETED or self.epoch >= self.epochs:
            return None
        return rule_met(self.recipe.hyperparameters, self)

    @property
    def last(self) -> Score | None:
        """The accuracy after the last completed epoch, measured as `best` is."""
        return _score(self.validation_accuracy, self.test_accuracy)


def _score(validation: float | None, test: float | None) -> Score | None:
    if validation is not None:
        return Score(validation, "validation")
    return None if test is None else Score(test, "test")


@dataclass(frozen=True, slots=True)
class EpochRecord(EpochMetrics):
    """The metrics of an epoch, as they are kept."""

    run_seconds: float
    """Training the run took up to its end."""


@dataclass(frozen=True, slots=True)
class EpochRow(EpochRecord):
    """The metrics of an epoch, and of the best one up to it."""

    best_test_accuracy: float | None
    best_validation_accuracy: float | None
    best_epoch: int

    @classmethod
    def of(cls, event: EpochCompleted) -> "EpochRow":
        state = event.state
        return cls(
            **event.metrics(),
            run_seconds=state.seconds,
            best_test_accuracy=state.best_test_accuracy,
            best_validation_accuracy=state.best_validation_accuracy,
            best_epoch=state.best_epoch,
        )


BATCH_DTYPE = np.dtype(
    [("loss", "<f4"), ("accuracy", "<f4"), ("learning_rate", "<f4"), ("seconds", "<f8")]
)
"""One batch as it is stored; batch k of the array is that of update k + 1."""


def batch_array(batches: Sequence[BatchCompleted]) -> NDArray[np.void]:
    """(batches,) of `BATCH_DTYPE`."""
    rows = [(batch.loss, batch.accuracy, batch.learning_rate, batch.seconds) for batch in batches]
    with np.errstate(over="ignore"):
        return np.array(rows, BATCH_DTYPE)


NORM_DTYPE = np.dtype([("step", "<i8"), ("norm", "<f8")])
"""The norm of the gradients of one update, counted from 1."""


@dataclass(frozen=True, slots=True)
class StoredAnswers:
    """What the model of one epoch said of every test sample, and how sure it was."""

    epoch: int
    predictions: NDArray[np.uint8] | NDArray[np.uint16]
    """(examples,)."""
    losses: NDArray[np.float16]
    """(examples,), nats."""
    confidences: NDArray[np.float16]
    """(examples,), of the predicted class."""
    logits: NDArray[np.float32] | None = field(default=None)
    """(examples, classes); kept for the best and the last epoch only."""

    @classmethod
    def of(cls, epoch: int, test: Evaluation) -> "StoredAnswers":
        """What is kept of an evaluation; a loss above 65 504 becomes infinite."""
        answers = test.answers
        with np.errstate(over="ignore"):
            losses = test.losses.astype(np.float16)
        confidences = answers.confidences.astype(np.float16)
        logits = answers.logits.astype(np.float32, copy=False)
        return cls(epoch, answers.predictions, losses, confidences, logits)


@dataclass(frozen=True, slots=True)
class StoredLabels:
    """What the test samples of a data set really are."""

    test: NDArray[np.uint16]
    """(examples,), a class for each of the whole test set, in the order of its file."""
    class_names: tuple[str, ...]
    """Text from outside, as the latest run on these data had it: draw it as plain text."""
    class_labels: tuple[int, ...]
    """The label that the files use for each class."""

    def name(self, index: int) -> str:
        """The name of a class; its number where there is none."""
        return self.class_names[index] if index < len(self.class_names) else str(index)

    def label(self, index: int) -> int:
        """What the files call a class; its number where that is not kept."""
        return self.class_labels[index] if index < len(self.class_labels) else index


@dataclass(frozen=True, slots=True)
class StoredPixels:
    """What the images of a data set are like, under the names that `Dataset` has for it."""

    image_shape: tuple[int, int]
    """(height, width)."""
    pixel_mean: float
    """Of all training pixels, 0 to 255, as is the deviation."""
    pixel_deviation: float


_ID = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)


def is_id(found: object) -> bool:
    """Whether it can be the id of a run or a recording, by which its files are called.

    The database may be another's: with an id such as ../.. a deletion would leave the home folder.
    """
    return isinstance(found, str) and _ID.fullmatch(found) is not None


def storable(text: str) -> str:
    """`text` as SQLite takes it: bytes of a path or argument that are no UTF-8 become \\udcXX.

    It is for what people read; what is to be found again is kept by :func:`storable_path`.
    """
    return text.encode(errors="backslashreplace").decode()


_ESCAPED_BYTE = re.compile(r"\\udc([89a-f][0-9a-f])")
"""As `storable` writes it, which earlier versions did with paths too."""


def storable_path(path: str) -> str | bytes:
    """`path` as SQLite takes it, so that :func:`stored_path` gives it back: bytes are no text."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return path.encode(errors="surrogateescape")
    # As text it would be taken for one of an earlier version.
    return path.encode() if _ESCAPED_BYTE.search(path) else path


def stored_path(stored: object) -> str:
    """A path that was kept by this version, or by an earlier one."""
    if isinstance(stored, bytes):
        return stored.decode(errors="surrogateescape")
    return _ESCAPED_BYTE.sub(lambda found: chr(0xDC00 + int(found[1], 16)), str(stored))
