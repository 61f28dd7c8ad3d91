"""The tasks `linear` and `logistic`: forms of one regression."""

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from typing import Any, cast

import numpy as np

from mnist_core.benchmark.engines.engine_registry import ITERATIONS_PER_CALL
from mnist_core.benchmark.race import CurveReached, Lap, Race
from mnist_core.benchmark.regression import (
    FORMS,
    NumpyRegression,
    Regression,
    RegressionForm,
    RegressionMetrics,
    RegressionProblem,
    metrics,
)
from mnist_core.benchmark.runner import Task
from mnist_core.benchmark.worker import Begun

MEASURED_SECONDS = 0.25
"""A measurement trains again from the start until so much time is spent training."""

_WARM_UP_CALLS = 20


@dataclass(frozen=True, slots=True)
class RegressionTrained:
    """One measurement: the same training, once or more."""

    iterations: int
    """Updates of one training; `logistic` counts those before it stopped."""
    trainings: int
    seconds: float
    """Of all trainings together, without the metrics below."""
    train_loss: float
    test_error: float | None
    train_accuracy: float | None
    test_accuracy: float | None
    gradient_difference: float | None
    """As `Regression.gradient_difference` says."""


@dataclass(frozen=True, slots=True)
class RegressionJob:
    """The job of training a problem in one form."""

    engine: RegressionForm
    problem: RegressionProblem
    threads: int
    iterations_per_call: int
    """Of mlx-fast."""

    def begin(self) -> Begun[RegressionTrained]:
        if self.engine == "mlx-fast":
            stay_on_one_core()
        regression = make_regression(
            self.engine, self.problem, self.threads, self.iterations_per_call
        )
        # As many as leave the same rest, which mlx-fast compiles too.
        rest = self.problem.iterations % self.iterations_per_call
        some = rest + _WARM_UP_CALLS * self.iterations_per_call
        regression.descend(min(self.problem.iterations, some))
        return Begun(
            regression.description,
            partial(measure, regression, self.problem),
            partial(trace, regression, self.problem, self.iterations_per_call),
        )


def stay_on_one_core() -> None:
    """Keep this process on the last of its cores; only Linux lets it.

    MLX computes in a thread of its own, and these operations are so small that, on two idle cores,
    they were seen to take 1.5 to 1.7 times as long as on one. NumPy took as long on either.
    """
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def make_regression(
    form: RegressionForm, problem: RegressionProblem, threads: int, iterations_per_call: int
) -> Regression:
    """Make a form in this process; each library is imported only where its form is made.

    Raises:
        BackendMissing: MLX cannot compute here, as a sentence.
        ImportError: PyTorch cannot be imported.
    """
    match form:
        case "numpy-float64" | "numpy-float32":
            return NumpyRegression(problem, form.removeprefix("numpy-"), threads)
        case "torch":
            from mnist_core.benchmark.regression_torch import TorchRegression

            return TorchRegression(problem, threads)
        case "mlx-stock":
            # Importing it imports MLX, which keeps the BLAS that it then finds: its own.
            import_module("mnist_core.benchmark.engines.stock_engine")
    from mnist_core.benchmark.regression_mlx import MlxFast, MlxLike, MlxPublished

    match form:
        case "mlx-fast":
            return MlxFast(problem, threads, iterations_per_call)
        case "mlx-like":
            return MlxLike(problem, threads)
        case "mlx-published" | "mlx-stock":
            return MlxPublished(problem, threads)


def measure(regression: Regression, problem: RegressionProblem) -> RegressionTrained:
    """Train from the start, again and again for `MEASURED_SECONDS`."""
    trainings, seconds = 0, 0.0
    while seconds < MEASURED_SECONDS:
        began = time.perf_counter()
        descent = regression.descend(problem.iterations)
        seconds += time.perf_counter() - began
        trainings += 1
    return RegressionTrained(
        iterations=descent.iterations,
        trainings=trainings,
        seconds=seconds,
        gradient_difference=regression.gradient_difference(),
        **asdict(metrics(problem, descent.weights)),
    )


def trace(
    regression: Regression, problem: RegressionProblem, iterations_per_call: int
) -> list[tuple[int, float]]:
    """Train from the start, twice as far each time, until another doubling would reach the end.

    Returns updates done, ascending from 0, each with the value of the curve after them.

    All of it together takes about as long as one whole training, whose end `measure` tells. The
    iterations are multiples of `iterations_per_call`, for which mlx-fast has compiled its calls.
    """
    points = [(0, _curve_value(metrics(problem, np.zeros(problem.features))))]
    until = iterations_per_call
    while until < problem.iterations:
        descent = regression.descend(until)
        if descent.iterations < until:
            break
        points.append((until, _curve_value(metrics(problem, descent.weights))))
        until *= 2
    return points


def _curve_value(found: RegressionMetrics | RegressionTrained) -> float:
    """The test error of `linear`, the training accuracy of `logistic`."""
    value = found.train_accuracy if found.test_error is None else found.test_error
    assert value is not None, "each regression has one of them"
    return value


@dataclass(frozen=True)
class RegressionTask(Task):
    """A regression; its entrants are names of `FORMS`."""

    problem: RegressionProblem
    threads: int
    iterations_per_call: int = ITERATIONS_PER_CALL
    """Of mlx-fast."""

    def race(self, entrants: tuple[str, ...], rounds: int) -> Race:
        """The first of the `references` is what the others are compared with."""
        problem = self.problem
        return Race(
            problem.task, entrants, references(entrants)[0], rounds, self.threads,
            problem.examples, problem.examples, (problem.features, 1),
        )  # fmt: skip

    def job(self, entrant: str) -> RegressionJob:
        form = cast(RegressionForm, entrant)
        return RegressionJob(form, self.problem, self.threads, self.iterations_per_call)

    def lap(self, entrant: str, round_: int, measured: RegressionTrained) -> Lap:
        pace = measured.iterations * measured.trainings / measured.seconds
        result = measured.test_accuracy if measured.test_error is None else measured.test_error
        assert result is not None, "each regression has one of them"
        return Lap(entrant, round_, pace, result, measured)

    def curve_after(self, lap: Lap, trace: Callable[[], Any]) -> CurveReached | None:
        """The whole curve after the first lap: its trace, and the end that was measured."""
        if lap.round > 1:
            return None
        points: list[tuple[int, float]] = trace()
        points.append((lap.metrics.iterations, _curve_value(lap.metrics)))
        work, values = zip(*points, strict=True)
        return CurveReached(lap.entrant, work, values)


def references(forms: Sequence[str]) -> tuple[str, ...]:
    """What the others are compared to: the NumPy forms, or else the first form."""
    return tuple(form for form in forms if FORMS[form].engine == "numpy") or tuple(forms[:1])
