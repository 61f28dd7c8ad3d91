"""Is `mx.eval` after every batch necessary? The published loop, evaluated less and less often."""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

from mnist_core.benchmark.engine import thread_count
from mnist_core.benchmark.memory import MemoryGrowth
from mnist_core.benchmark.messages import Begun
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.processes import JobProcess
from mnist_core.benchmark.quartiles import Quartiles, quartiles

if TYPE_CHECKING:
    from mnist_core.benchmark.stock_engine import StockEngine

Schedule = Literal["batch", "epoch", "end"]
"""When `mx.eval` is called: after each batch, after each epoch, or once at the end."""

SCHEDULES: tuple[Schedule, ...] = get_args(Schedule)


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

    schedule: Schedule
    problem: Problem
    epochs: int
    threads: int

    @property
    def engine(self) -> str:
        return "mlx"

    def begin(self) -> Begun[LazilyTrained]:
        from mnist_core.backend.backend import configure

        backend = configure("auto", self.threads)  # the loop gets the fast BLAS
        from mnist_core.benchmark.stock_engine import StockEngine

        engine = StockEngine(self.problem, None)
        engine.warm_up()
        threads = f", {thread_count(backend.threads)}" if backend.device == "cpu" else ""
        return Begun(
            f"MLX {backend.mlx_version} on the {backend.device}, {backend.blas}{threads}",
            partial(_measure, engine, self),
        )


def _measure(engine: "StockEngine", job: EvaluationJob) -> LazilyTrained:
    from mnist_core.backend.mlx import mx

    mx.reset_peak_memory()
    memory = MemoryGrowth()
    began = time.perf_counter()
    engine.train_lazily(job.epochs, job.schedule)
    seconds = time.perf_counter() - began
    peak_growth, mlx_peak = memory.peak(), mx.get_peak_memory()
    test = engine.test_evaluation()
    return LazilyTrained(seconds, peak_growth, mlx_peak, test.loss, test.accuracy)


@dataclass(frozen=True, slots=True)
class EvaluationRace:
    """What is trained how often."""

    recipe: str
    """The name of the problem's recipe."""
    problem: Problem
    rounds: int
    epochs: int
    """Of each training; from 2 on, `epoch` and `end` differ."""
    threads: int
    """CPU threads of the matrix products."""


@dataclass(frozen=True, slots=True)
class ScheduleMeasured:
    """One training with one schedule."""

    schedule: Schedule
    description: str
    """MLX, its device, BLAS and threads, for people."""
    round: int
    """From 1."""
    trained: LazilyTrained


def run_evaluation_race(race: EvaluationRace) -> Generator[ScheduleMeasured, None, None]:
    """Train with each schedule in turn, round after round; closing it ends the process.

    Each training has a process of its own, which has not taken memory for another one before.

    Raises:
        EngineError: MLX failed.
    """
    for round_ in range(1, race.rounds + 1):
        for schedule in SCHEDULES:
            job = EvaluationJob(schedule, race.problem, race.epochs, race.threads)
            with JobProcess(job) as process:
                description = process.wait_until_ready()
                yield ScheduleMeasured(schedule, description, round_, process.measure())


@dataclass(frozen=True, slots=True)
class ScheduleSummary:
    """One schedule in one race."""

    schedule: Schedule
    seconds: Quartiles
    """Of an epoch."""
    ratio: Quartiles | None
    """Its time over that of evaluating after each batch; None for that itself."""
    peak_growth: Quartiles
    """In bytes."""
    mlx_peak: Quartiles
    """In bytes."""
    test_loss: float
    test_accuracy: float


def summarize_evaluations(
    measurements: Sequence[ScheduleMeasured], epochs: int
) -> tuple[ScheduleSummary, ...]:
    """Each schedule of one race; ratios compare what was measured in the same round."""
    by_schedule = {
        schedule: [measured.trained for measured in measurements if measured.schedule == schedule]
        for schedule in SCHEDULES
    }
    each_batch = by_schedule["batch"]
    return tuple(
        ScheduleSummary(
            schedule=schedule,
            seconds=quartiles([one.seconds / epochs for one in trained]),
            ratio=None
            if schedule == "batch"
            else quartiles(
                [
                    one.seconds / other.seconds
                    for one, other in zip(trained, each_batch, strict=True)
                ]
            ),
            peak_growth=quartiles([one.peak_growth for one in trained]),
            mlx_peak=quartiles([one.mlx_peak for one in trained]),
            test_loss=trained[-1].test_loss,
            test_accuracy=trained[-1].test_accuracy,
        )
        for schedule, trained in by_schedule.items()
    )
