"""The tasks that train a network: `mlp` compares engines, `evaluations` how often MLX evaluates."""

import contextlib
import re
import resource
import sys
import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast, get_args

import numpy as np

from mnist_core.benchmark.engines.engine import EpochTrained, mlx_description
from mnist_core.benchmark.engines.engine_registry import (
    Contestant,
    EngineName,
    make_engine,
    why_unsuited,
)
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.race import CurveReached, Lap, Race, TaskName
from mnist_core.benchmark.runner import Task
from mnist_core.benchmark.worker import Begun
from mnist_core.network.evaluation import evaluate, logits

if TYPE_CHECKING:
    from mnist_core.benchmark.engines.stock_engine import StockEngine


@dataclass(frozen=True)
class _RecipeTask(Task):
    """A recipe on a data set."""

    name: ClassVar[TaskName]

    recipe: str
    """The name of the problem's recipe."""
    problem: Problem
    threads: int

    @abstractmethod
    def engine_of(self, entrant: str) -> EngineName:
        """What an entrant trains with."""

    def race(self, entrants: tuple[str, ...], rounds: int) -> Race:
        """The first of the entrants is what the others are compared with.

        Raises:
            ValueError: one of them cannot train the recipe, or the images are too small for it, as
                a sentence.
        """
        for entrant in entrants:
            reason = why_unsuited(self.engine_of(entrant), self.problem.hyperparameters)
            if reason is not None:
                raise ValueError(f"{reason} Leave it out, or choose another recipe.")
        split, dataset = self.problem.split, self.problem.dataset
        return Race(
            self.name, entrants, entrants[0], rounds, self.threads, len(split.train),
            len(split.test), self.problem.sizes, self.recipe, dataset.name, dataset.synthetic,
        )  # fmt: skip


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
class NetworkTask(_RecipeTask):
    """Its entrants are engines, as the texts of `Contestant`.

    Rounds continue one run, so accuracy grows from round to round.
    """

    name = "mlp"

    epochs: int = 1
    """Epochs in a turn; each is a lap."""
    stock_batches: int | None = None
    """As of `NetworkJob`."""
    busy: int = 0
    """Busy loops beside the contestants that say so."""

    def engine_of(self, entrant: str) -> EngineName:
        return Contestant.of(entrant).engine

    def job(self, entrant: str) -> NetworkJob:
        contestant = Contestant.of(entrant)
        threads = contestant.threads or self.threads
        return NetworkJob(contestant.engine, self.problem, threads, self.stock_batches)

    def busy_loops(self, entrant: str) -> int:
        return self.busy if Contestant.of(entrant).busy else 0

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
        problem = self.problem
        test, together = problem.split.test, 1000
        parts = [
            logits(
                problem.initial_parameters(),
                test.images[start : start + together],
                problem.hyperparameters,
                problem.dataset,
            )
            for start in range(0, len(test), together)
        ]
        return evaluate(np.concatenate(parts), test.labels).accuracy


EvaluationTime = Literal["batch", "epoch", "end"]
"""When `mx.eval` is called: after each batch, after each epoch, or once at the end."""

EVALUATION_TIMES: tuple[EvaluationTime, ...] = get_args(EvaluationTime)


@dataclass(frozen=True, slots=True)
class LazilyTrained:
    """One training from the start."""

    seconds: float
    """Building the graphs and evaluating them; testing apart."""
    peak_growth: int
    """Bytes by which the process grew at most: its resident memory, graphs and all."""
    mlx_peak: int
    """Bytes that MLX's arrays took at most, those of the data set included."""
    test_loss: float
    test_accuracy: float


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """The job of training so many epochs with evaluations at these times."""

    time: EvaluationTime
    problem: Problem
    epochs: int
    threads: int

    @property
    def engine(self) -> str:
        return "mlx"

    def begin(self) -> Begun[LazilyTrained]:
        from mnist_core.backend.backend import configure

        backend = configure("auto", self.threads)  # the loop gets the fast BLAS
        from mnist_core.benchmark.engines.stock_engine import StockEngine

        engine = StockEngine(self.problem, None)
        engine.warm_up()
        return Begun(mlx_description(backend), partial(_measure, engine, self))


def _measure(engine: "StockEngine", job: EvaluationJob) -> LazilyTrained:
    from mnist_core.backend.mlx import mx

    mx.reset_peak_memory()
    memory = MemoryGrowth()
    began = time.perf_counter()
    engine.train_lazily(job.epochs, evaluate_each=job.time)
    seconds = time.perf_counter() - began
    peak_growth, mlx_peak = memory.peak(), mx.get_peak_memory()
    test = engine.test_evaluation()
    return LazilyTrained(seconds, peak_growth, mlx_peak, test.loss, test.accuracy)


@dataclass(frozen=True)
class EvaluationTask(_RecipeTask):
    """Is `mx.eval` after every batch necessary? Its entrants are `EVALUATION_TIMES`.

    The published loop is trained from the start, evaluated less and less often.
    """

    name = "evaluations"
    new_process_per_lap = True
    """Only such a process has not taken memory for another training before."""

    epochs: int
    """Of each training; from 2 on, `epoch` and `end` differ."""

    def engine_of(self, entrant: str) -> EngineName:
        return "mlx-stock"

    def job(self, entrant: str) -> EvaluationJob:
        when = cast(EvaluationTime, entrant)
        return EvaluationJob(when, self.problem, self.epochs, self.threads)

    def lap(self, entrant: str, round_: int, measured: LazilyTrained) -> Lap:
        pace = measured.seconds / self.epochs
        return Lap(entrant, round_, pace, measured.test_accuracy, measured)


_PROCESS = Path("/proc/self")


class MemoryGrowth:
    """Measures from where it is made how much memory work takes in this process.

    Elsewhere than on Linux only what exceeds the earlier peak counts, so make it after small work
    only.
    """

    def __init__(self) -> None:
        if sys.platform == "linux":
            # Sets the peak to what is resident now; where that is forbidden the old peak stands.
            with contextlib.suppress(OSError):
                (_PROCESS / "clear_refs").write_text("5")
        self._before = _peak_bytes()

    def peak(self) -> int:
        """Bytes by which the resident memory has grown at most."""
        return _peak_bytes() - self._before


def _peak_bytes() -> int:
    if sys.platform == "linux":
        found = re.search(r"VmHWM:\s*(\d+) kB", (_PROCESS / "status").read_text())
        if found:
            return int(found[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes there, kilobytes elsewhere
