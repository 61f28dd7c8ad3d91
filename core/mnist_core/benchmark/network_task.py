"""The task `mlp`: engines training the same recipe on the same data, an epoch at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np

from mnist_core.benchmark.engines.engine import EpochTrained
from mnist_core.benchmark.engines.engine_registry import EngineName, make_engine
from mnist_core.benchmark.engines.numpy_engine import NumpyNetwork
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.race import CurveReached, Lap, Race, TaskName
from mnist_core.benchmark.runner import Task
from mnist_core.benchmark.worker import Begun
from mnist_core.network.evaluation import evaluate


@dataclass(frozen=True, slots=True)
class NetworkJob:
    """The job of training a problem, epoch by epoch."""

    engine: EngineName
    problem: Problem
    threads: int
    stock_batches: int | None
    """How many batches of each epoch mlx-stock trains; None for all."""

    def begin(self) -> Begun[EpochTrained]:
        engine = make_engine(self.engine, self.problem, self.threads, self.stock_batches)
        engine.warm_up()
        return Begun(engine.description, engine.train_epoch)


@dataclass(frozen=True)
class NetworkTask(Task):
    """A recipe on a data set. Rounds continue one run, so accuracy grows from round to round."""

    recipe: str
    """The name of the problem's recipe."""
    problem: Problem
    threads: int
    epochs: int = 1
    """Epochs in a turn; each is a lap."""
    stock_batches: int | None = None
    """As of `NetworkJob`."""

    def race(self, entrants: tuple[str, ...], rounds: int) -> Race:
        """The first of the engines is what the others are compared with."""
        return network_race("mlp", self.recipe, self.problem, self.threads, entrants, rounds)

    def job(self, entrant: str) -> NetworkJob:
        engine = cast(EngineName, entrant)
        return NetworkJob(engine, self.problem, self.threads, self.stock_batches)

    def lap(self, entrant: str, round_: int, measured: EpochTrained) -> Lap:
        """Its pace is that of a whole epoch, at the speed that was timed."""
        pace = measured.seconds * len(self.problem.split.train) / measured.examples
        return Lap(entrant, round_, pace, measured.test_accuracy, measured)

    @property
    def laps_per_turn(self) -> int:
        return self.epochs

    def curve_before(self, entrant: str) -> CurveReached:
        return CurveReached(entrant, (0,), (self._untrained_accuracy,))

    def curve_after(self, lap: Lap, trace: Callable[[], Any]) -> CurveReached:
        return CurveReached(lap.entrant, (lap.metrics.epoch,), (lap.result,))

    @cached_property
    def _untrained_accuracy(self) -> float:
        """On the test examples, of the parameters that every engine starts from."""
        activation = self.problem.hyperparameters.activation
        assert activation in ("relu", "sigmoid"), "a Problem allows no other"
        network = NumpyNetwork(self.problem.initial_parameters(), activation, batch_size=1)
        test = self.problem.split.test
        logits = network.logits(self.problem.inputs(test.images))
        return evaluate(logits.astype(np.float32), test.labels).accuracy


def network_race(
    task: TaskName,
    recipe: str,
    problem: Problem,
    threads: int,
    entrants: tuple[str, ...],
    rounds: int,
) -> Race:
    """A race that trains a network; the first of the entrants is its baseline."""
    split, dataset = problem.split, problem.dataset
    return Race(
        task, entrants, entrants[0], rounds, threads, len(split.train), len(split.test),
        problem.sizes, recipe, dataset.name, dataset.synthetic,
    )  # fmt: skip
