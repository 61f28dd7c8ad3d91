"""The task `evaluations`: is `mx.eval` after every batch necessary?

The published loop is trained from the start, evaluated less and less often.
"""

import contextlib
import re
import resource
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast, get_args

from mnist_core.benchmark.engines.engine import mlx_description
from mnist_core.benchmark.network_task import network_race
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.race import Lap, Race
from mnist_core.benchmark.runner import Task
from mnist_core.benchmark.worker import Begun

if TYPE_CHECKING:
    from mnist_core.benchmark.engines.stock_engine import StockEngine

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
class EvaluationTask(Task):
    """A recipe on a data set; its entrants are `EVALUATION_TIMES`."""

    recipe: str
    """The name of the problem's recipe."""
    problem: Problem
    threads: int
    epochs: int
    """Of each training; from 2 on, `epoch` and `end` differ."""

    def race(self, entrants: tuple[str, ...], rounds: int) -> Race:
        return network_race(
            "evaluations", self.recipe, self.problem, self.threads, entrants, rounds
        )

    def job(self, entrant: str) -> EvaluationJob:
        when = cast(EvaluationTime, entrant)
        return EvaluationJob(when, self.problem, self.epochs, self.threads)

    def lap(self, entrant: str, round_: int, measured: LazilyTrained) -> Lap:
        pace = measured.seconds / self.epochs
        return Lap(entrant, round_, pace, measured.test_accuracy, measured)

    @property
    def new_process_per_lap(self) -> bool:
        """Only such a process has not taken memory for another training before."""
        return True


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
