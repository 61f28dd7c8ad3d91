"""Forms of one regression, measured in turns."""

import os
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module

import numpy as np

from mnist_core.benchmark.messages import Begun
from mnist_core.benchmark.processes import JobProcess, ProcessGroup
from mnist_core.benchmark.quartiles import Quartiles, quartiles
from mnist_core.benchmark.regression import (
    FORMS,
    Floats,
    Regression,
    RegressionForm,
    RegressionProblem,
    figures,
)

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
    """Of all trainings together, without the figures below."""
    train_loss: float
    test_error: float | None
    train_accuracy: float | None
    test_accuracy: float | None
    gradient_difference: float | None
    """As `Regression.gradient_difference` says."""


@dataclass(frozen=True, slots=True)
class RegressionTrace:
    """What one training leads through."""

    iterations: tuple[int, ...]
    """Updates done, ascending from 0."""
    values: tuple[float, ...]
    """After each: the test error of `linear`, the training accuracy of `logistic`."""


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
            from mnist_core.benchmark.regression_numpy import NumpyRegression

            return NumpyRegression(problem, form.removeprefix("numpy-"), threads)
        case "torch":
            from mnist_core.benchmark.regression_torch import TorchRegression

            return TorchRegression(problem, threads)
        case "mlx-stock":
            # Importing it imports MLX, which keeps the BLAS that it then finds: its own.
            import_module("mnist_core.benchmark.stock_engine")
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
        **asdict(figures(problem, descent.weights)),
    )


def trace(
    regression: Regression, problem: RegressionProblem, iterations_per_call: int
) -> RegressionTrace:
    """Train from the start, twice as far each time, until another doubling would reach the end.

    All of it together takes about as long as one whole training, whose end `measure` tells. The
    iterations are multiples of `iterations_per_call`, for which mlx-fast has compiled its calls.
    """
    done, values = [0], [_traced_value(problem, np.zeros(problem.features))]
    until = iterations_per_call
    while until < problem.iterations:
        descent = regression.descend(until)
        if descent.iterations < until:
            break
        done.append(until)
        values.append(_traced_value(problem, descent.weights))
        until *= 2
    return RegressionTrace(tuple(done), tuple(values))


def _traced_value(problem: RegressionProblem, weights: Floats) -> float:
    found = figures(problem, weights)
    value = found.test_error if problem.task == "linear" else found.train_accuracy
    assert value is not None, "each task has its own figure"
    return value


@dataclass(frozen=True, slots=True)
class RegressionRace:
    """Which forms train what, how often."""

    problem: RegressionProblem
    forms: tuple[RegressionForm, ...]
    rounds: int
    threads: int
    """CPU threads of each form's matrix products."""
    iterations_per_call: int
    """Of mlx-fast."""


@dataclass(frozen=True, slots=True)
class FormDescribed:
    """A form is warmed up and waits for its turn."""

    form: RegressionForm
    description: str


@dataclass(frozen=True, slots=True)
class FormMeasured:
    """One measurement of one form."""

    form: RegressionForm
    round: int
    """From 1."""
    trained: RegressionTrained

    @property
    def iterations_per_second(self) -> float:
        return self.trained.iterations * self.trained.trainings / self.trained.seconds


@dataclass(frozen=True, slots=True)
class FormTraced:
    """What one training of a form leads through."""

    form: RegressionForm
    trace: RegressionTrace


def run_regression_race(
    race: RegressionRace, group: ProcessGroup | None = None, *, traced: bool = False
) -> Generator[FormDescribed | FormMeasured | FormTraced, None, None]:
    """Start a process for each form, then measure each in turn, round after round.

    Turns alternate, so that what else the machine does hits all forms alike. Closing the generator
    ends the processes; killing `group`, which they join, does so from another thread. With `traced`
    each form is traced once, after its first measurement; what is measured stays the same.

    Raises:
        EngineError: a form failed.
    """
    with ExitStack() as started:
        processes: list[tuple[RegressionForm, JobProcess[RegressionTrained]]] = []
        for form in race.forms:
            job = RegressionJob(form, race.problem, race.threads, race.iterations_per_call)
            process = started.enter_context(JobProcess(job, group))
            yield FormDescribed(form, process.wait_until_ready())
            processes.append((form, process))
        for round_ in range(1, race.rounds + 1):
            for form, process in processes:
                yield FormMeasured(form, round_, process.measure())
                if traced and round_ == 1:
                    yield FormTraced(form, process.trace())


@dataclass(frozen=True, slots=True)
class FormSummary:
    """One form in one race."""

    form: RegressionForm
    iterations_per_second: Quartiles
    ratios: dict[RegressionForm, Quartiles]
    """Its rate over that of each reference, round by round; above 1, this form is faster."""
    last: RegressionTrained
    """Its last measurement; all end with the same weights."""


def references(forms: Sequence[RegressionForm]) -> tuple[RegressionForm, ...]:
    """What the others are compared to: the NumPy forms, or else the first form."""
    return tuple(form for form in forms if FORMS[form].engine == "numpy") or tuple(forms[:1])


def summarize_regression(measurements: Sequence[FormMeasured]) -> tuple[FormSummary, ...]:
    """Each form of one race, in the order of its turns.

    Ratios compare what was measured in the same round: there, the machine was in the same mood.
    """
    by_form: dict[RegressionForm, list[FormMeasured]] = {}
    for measured in measurements:
        by_form.setdefault(measured.form, []).append(measured)
    rates = {
        form: [measured.iterations_per_second for measured in of_form]
        for form, of_form in by_form.items()
    }
    return tuple(
        FormSummary(
            form=form,
            iterations_per_second=quartiles(rates[form]),
            ratios={
                reference: quartiles(
                    [
                        ours / theirs
                        for ours, theirs in zip(rates[form], rates[reference], strict=True)
                    ]
                )
                for reference in references(tuple(by_form))
                if reference != form
            },
            last=of_form[-1].trained,
        )
        for form, of_form in by_form.items()
    )
