"""What a benchmark asks of an engine, what every engine tells, and the loop that rivals share."""

import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_core.benchmark.problem import Problem
from mnist_core.network.evaluation import evaluate

if TYPE_CHECKING:
    from mnist_core.backend.backend import Backend

WARM_UP_BATCHES = 20
"""Batches trained and forgotten before the first epoch, while threads and kernels are set up."""


@dataclass(frozen=True, slots=True)
class EpochTrained:
    """One epoch, or the first batches of one."""

    epoch: int
    """From 1."""
    examples: int
    """How many were trained on: fewer than there are when only a part was timed."""
    seconds: float
    """Training alone, choosing the batches included, evaluation apart."""
    train_loss: float | None
    """Mean over the examples, each before its batch's update; None: the engine measures none."""
    train_accuracy: float | None
    """Share of right predictions among them; None: the engine measures none."""
    test_loss: float
    """Mean cross-entropy of the test examples after these batches."""
    test_accuracy: float
    """Share of right predictions among them."""


def thread_count(threads: int) -> str:
    """2 as "2 threads"."""
    return f"{threads} thread{'' if threads == 1 else 's'}"


def mlx_description(backend: "Backend") -> str:
    """MLX with its version, device, BLAS and threads, as it was configured."""
    threads = f", {thread_count(backend.threads)}" if backend.device == "cpu" else ""
    return f"MLX {backend.mlx_version} on the {backend.device}, {backend.blas}{threads}"


class Engine(Protocol):
    """Trains one `Problem`, epoch by epoch."""

    @property
    def description(self) -> str:
        """The library with its version, device, BLAS and number of threads, for people."""

    def warm_up(self) -> None:
        """Train `WARM_UP_BATCHES` or more, and forget them."""

    def train_epoch(self) -> EpochTrained:
        """Train the next epoch; the first one starts from the problem's initial parameters."""


class LoopEngine(Engine):
    """Reads loss and accuracy of every batch in a loop of its own, as our training does."""

    def __init__(self, problem: Problem) -> None:
        """Whoever inherits calls `_start` once it has the data."""
        self._problem = problem
        self._epoch = 0

    @property
    @abstractmethod
    def parameters(self) -> Sequence[NDArray[Any]]:
        """Weight (inputs, outputs) and bias (outputs,) of each layer as they are now."""

    def warm_up(self) -> None:
        for _ in islice(self._batches(1), WARM_UP_BATCHES):
            pass
        self._start()

    def train_epoch(self) -> EpochTrained:
        self._epoch += 1
        examples, loss_sum, right = 0, 0.0, 0
        # An accelerator works on while Python goes on: the clock waits for it at both ends.
        self._synchronize()
        began = time.perf_counter()
        for batch, loss, correct in self._batches(self._epoch):
            examples += batch
            loss_sum += loss * batch
            right += correct
        self._synchronize()
        seconds = time.perf_counter() - began
        test = self._problem.split.test
        evaluation = evaluate(self._logits(self._problem.inputs(test.images)), test.labels)
        return EpochTrained(
            epoch=self._epoch,
            examples=examples,
            seconds=seconds,
            train_loss=loss_sum / examples,
            train_accuracy=right / examples,
            test_loss=evaluation.loss,
            test_accuracy=evaluation.accuracy,
        )

    def batch_losses(self) -> Iterator[float]:
        """Train from the start, batch after batch without end, telling the mean loss of each."""
        self._start()
        for epoch in count(1):
            for _, loss, _ in self._batches(epoch):
                yield loss

    @abstractmethod
    def _start(self) -> None:
        """Make the network and its optimizer anew, from the problem's initial parameters."""

    @abstractmethod
    def _batches(self, epoch: int) -> Iterator[tuple[int, float, int]]:
        """Train on each batch of an epoch; how many examples, their mean loss, how many right."""

    @abstractmethod
    def _logits(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (examples, classes) of `inputs` (examples, pixels)."""

    def _synchronize(self) -> None:
        """Wait until all that was asked of the device is done."""
