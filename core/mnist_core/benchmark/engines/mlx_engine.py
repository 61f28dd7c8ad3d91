"""This program's own training, measured from outside: what a run of the app does."""

import time
from collections.abc import Iterator

from mnist_core.backend.backend import configure
from mnist_core.benchmark.engines.engine import EpochTrained, mlx_description
from mnist_core.benchmark.problem import Problem
from mnist_core.events import BatchCompleted, EpochCompleted, Event
from mnist_core.network.halves import stream_count
from mnist_core.training.kernel_warmup import KernelWarmUp
from mnist_core.training.train import train

_WITHOUT_END = 100_000
"""An epoch that no benchmark reaches; only a schedule would depend on the planned end."""


class MlxEngine:
    """Trains a problem with `train`, which measures loss and accuracy of every batch."""

    def __init__(self, problem: Problem, threads: int) -> None:
        self._problem = problem
        self._backend = configure("auto", threads)
        self._events: Iterator[Event] = self._begin()

    @property
    def description(self) -> str:
        return mlx_description(self._backend)

    def warm_up(self) -> None:
        """Train one epoch, and wait for the kernels that its run compiles on the side."""
        train_examples = len(self._problem.split.train)
        recipe, dataset = self._problem.hyperparameters, self._problem.dataset
        streams = stream_count(recipe, self._problem.shape, train_examples, self._backend)
        kernels = KernelWarmUp(recipe, dataset, train_examples, halved=streams == 2)
        if kernels.missing:
            kernels.start()
            try:
                kernels.wait(timeout=120)
            finally:
                kernels.close()
        self.train_epoch()
        self._events = self._begin()

    def train_epoch(self) -> EpochTrained:
        """Train the next epoch, timed from asking for it to the event of its last batch."""
        began = ended = time.perf_counter()
        for event in self._events:
            match event:
                case BatchCompleted():
                    ended = time.perf_counter()
                case EpochCompleted():
                    return EpochTrained(
                        epoch=event.epoch,
                        examples=len(self._problem.split.train),
                        seconds=ended - began,
                        train_loss=event.train_loss,
                        train_accuracy=event.train_accuracy,
                        test_loss=event.test_loss,
                        test_accuracy=event.test_accuracy,
                    )
                case _:
                    pass
        raise RuntimeError("Training ended before its epoch was complete.")

    def _begin(self) -> Iterator[Event]:
        """A new run, up to where its first epoch begins."""
        events = train(
            self._problem.hyperparameters,
            self._problem.dataset,
            backend=self._backend,
            until_epoch=_WITHOUT_END,
        )
        for event in events:
            if isinstance(event, EpochCompleted):
                break
        return events
