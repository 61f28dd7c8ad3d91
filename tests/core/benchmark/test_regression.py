"""Regressions: every form does the same work, and stops at the same iteration."""

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from helpers.python_process import run_python
from mnist_core.benchmark.engines.engine_registry import is_importable
from mnist_core.benchmark.network_task import (
    EVALUATION_TIMES,
    EvaluationTask,
    MemoryGrowth,
)
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.race import EntrantReady, Lap, RaceScore
from mnist_core.benchmark.regression import (
    FORMS,
    Descent,
    NumpyRegression,
    RegressionForm,
    RegressionProblem,
    metrics,
    relative_difference,
)
from mnist_core.benchmark.regression_task import (
    RegressionTask,
    RegressionTrained,
    make_regression,
    references,
)
from mnist_core.benchmark.runner import run_race
from mnist_core.data.dataset import Dataset
from mnist_core.recipe.hyperparameters import make_hyperparameters

LINEAR = RegressionProblem("linear", examples=200, features=9, learning_rate=0.05, iterations=50)
LOGISTIC = RegressionProblem(
    "logistic", examples=200, features=40, learning_rate=0.02, iterations=200
)
PROBLEMS = {"linear": LINEAR, "logistic": LOGISTIC}

HERE: list[Any] = [
    pytest.param(
        form,
        marks=pytest.mark.skipif(
            FORMS[form].engine == "torch" and not is_importable("torch"),
            reason="PyTorch is no dependency: it is tested where it is installed",
        ),
    )
    for form in FORMS
    if form not in ("mlx-stock", "numpy-float64")  # another process's BLAS; the reference
]


def by_the_book(problem: RegressionProblem) -> Descent:
    """The textbook's loop, with a forward pass for the accuracy of its own."""
    features, targets = problem.train
    weights = np.zeros(problem.features)
    for iteration in range(problem.iterations):
        outputs = features @ weights
        if problem.task == "logistic":
            if np.mean((outputs > 0) == (targets > 0)) > 0.95:
                return Descent(weights, iteration)
            outputs = 1 / (1 + np.exp(-outputs))
        step = np.zeros(problem.features)
        for example, error in zip(features, outputs - targets, strict=True):
            step += error * example / problem.examples
        weights = weights - problem.learning_rate * step
    return Descent(weights, problem.iterations)


@pytest.mark.parametrize("task", PROBLEMS)
@pytest.mark.parametrize("form", HERE)
def test_a_form_learns_what_the_textbook_learns(task: str, form: RegressionForm) -> None:
    problem = PROBLEMS[task]
    expected = by_the_book(problem)
    descent = make_regression(form, problem, 1, 7).descend(problem.iterations)
    assert descent.weights.shape == (problem.features,)
    assert descent.weights.dtype == np.float32
    assert descent.iterations == expected.iterations
    assert relative_difference(descent.weights, expected.weights) < 1e-5


@pytest.mark.parametrize("task", PROBLEMS)
def test_numpy_in_float64_is_the_textbook(task: str) -> None:
    expected = by_the_book(PROBLEMS[task])
    regression = make_regression("numpy-float64", PROBLEMS[task], 1, 1)
    descent = regression.descend(PROBLEMS[task].iterations)
    assert descent.iterations == expected.iterations
    assert relative_difference(descent.weights, expected.weights) < 1e-12


def test_logistic_stops_between_the_limits() -> None:
    # Otherwise the tests of its stop would test nothing.
    assert 20 < by_the_book(LOGISTIC).iterations < LOGISTIC.iterations


@pytest.mark.parametrize("per_call", [1, 3, 10, 64])
def test_the_stop_is_exact_however_many_iterations_a_call_does(per_call: int) -> None:
    expected = by_the_book(LOGISTIC)
    descent = make_regression("mlx-fast", LOGISTIC, 1, per_call).descend(LOGISTIC.iterations)
    assert descent.iterations == expected.iterations
    assert relative_difference(descent.weights, expected.weights) < 1e-5


@pytest.mark.parametrize("task", PROBLEMS)
@pytest.mark.parametrize("form", ["mlx-fast", "mlx-like", "mlx-published", "numpy-float32"])
def test_the_last_call_does_no_iteration_too_many(task: str, form: RegressionForm) -> None:
    problem = replace(PROBLEMS[task], iterations=13)
    descent = make_regression(form, problem, 1, 10).descend(13)
    assert descent.iterations == 13
    assert relative_difference(descent.weights, by_the_book(problem).weights) < 1e-5


@pytest.mark.parametrize("task", PROBLEMS)
@pytest.mark.parametrize("form", HERE)
def test_the_gradient_by_hand_is_the_library_s(task: str, form: RegressionForm) -> None:
    difference = make_regression(form, PROBLEMS[task], 1, 2).gradient_difference()
    if FORMS[form].engine == "numpy":
        assert difference is None
    else:
        assert difference is not None
        assert difference < 1e-5


@pytest.mark.parametrize("task", PROBLEMS)
def test_the_gradient_by_hand_is_that_of_central_differences(task: str) -> None:
    problem = PROBLEMS[task]
    weights, step = np.linspace(-1, 1, problem.features), 1e-6
    numeric = [
        (
            metrics(problem, weights + shift).train_loss
            - metrics(problem, weights - shift).train_loss
        )
        / (2 * step)
        for shift in np.eye(problem.features) * step
    ]
    by_hand = NumpyRegression(problem, np.float64, 1).gradient(weights)
    assert relative_difference(by_hand, np.array(numeric)) < 1e-7


@pytest.mark.parametrize(
    ("examples", "needed"), [(1000, 951), (200, 191), (10, 10), (39, 38), (20, 20)]
)
def test_enough_is_more_than_the_percentage(examples: int, needed: int) -> None:
    assert replace(LOGISTIC, examples=examples).needed_right == needed


def test_the_problem_is_the_one_that_was_published() -> None:
    problem = RegressionProblem("linear")
    features, targets = problem.train
    assert (features.shape, problem.iterations, problem.learning_rate) == (
        (1000, 100),
        10_000,
        0.01,
    )
    noise = targets - features @ problem.true_weights
    assert np.std(noise) == pytest.approx(0.01, rel=0.1)
    labels = RegressionProblem("logistic").train[1]
    np.testing.assert_array_equal(labels, targets > 0)


def test_perfect_weights_have_no_test_error() -> None:
    linear = metrics(LINEAR, LINEAR.true_weights)
    assert linear.test_error == pytest.approx(0, abs=1e-20)
    assert linear.train_loss == pytest.approx(0.01**2 / 2, rel=0.3)
    assert metrics(LOGISTIC, LOGISTIC.true_weights).test_accuracy == 1
    assert metrics(LOGISTIC, np.zeros(LOGISTIC.features)).train_loss == pytest.approx(np.log(2))


def test_forms_take_turns_in_processes_of_their_own() -> None:
    task = RegressionTask(LOGISTIC, threads=1, iterations_per_call=4)
    events = list(run_race(task, task.race(("mlx-stock", "numpy-float64"), 2)))
    described = {one.entrant: one.description for one in events if isinstance(one, EntrantReady)}
    turns = [each for each in events if isinstance(each, Lap)]
    assert list(described) == ["mlx-stock", "numpy-float64"]
    assert described["numpy-float64"].startswith("NumPy ")
    assert "OpenBLAS" not in described["mlx-stock"]
    assert [(each.round, each.entrant) for each in turns] == [
        (1, "mlx-stock"), (1, "numpy-float64"), (2, "mlx-stock"), (2, "numpy-float64"),
    ]  # fmt: skip
    assert len(events) == len(described) + len(turns), "nobody asked for curves"
    assert {each.metrics.iterations for each in turns} == {by_the_book(LOGISTIC).iterations}
    assert all(each.metrics.train_accuracy == 0.955 for each in turns)
    assert all(each.pace > 0 for each in turns)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process on a core")
def test_only_the_fast_form_stays_on_one_core() -> None:
    cores = run_python(
        "import os\n"
        "from mnist_core.benchmark.regression import RegressionProblem\n"
        "from mnist_core.benchmark.regression_task import RegressionJob\n"
        "problem = RegressionProblem('linear', examples=20, features=3, iterations=5)\n"
        "before = len(os.sched_getaffinity(0))\n"
        "RegressionJob('numpy-float32', problem, 1, 2).begin()\n"
        "print(len(os.sched_getaffinity(0)) == before)\n"
        "RegressionJob('mlx-fast', problem, 1, 2).begin()\n"
        "print(len(os.sched_getaffinity(0)))"
    )
    assert cores == ["True", "1"]


def scored(*laps: tuple[RegressionForm, int, float]) -> RaceScore:
    """The score of a race in which these forms needed so many seconds in these rounds."""
    task = RegressionTask(LOGISTIC, threads=1)
    score = RaceScore(task.race(tuple(dict.fromkeys(form for form, _, _ in laps)), 2))
    for form, round_, seconds in laps:
        trained = RegressionTrained(100, 2, seconds, 0.5, None, 0.96, 0.9, None)
        score.apply(task.lap(form, round_, trained))
    return score


def test_ratios_are_those_of_a_round() -> None:
    score = scored(
        ("mlx-like", 1, 4.0), ("numpy-float64", 1, 2.0),
        ("mlx-like", 2, 1.0), ("numpy-float64", 2, 1.0),
    )  # fmt: skip
    rate, ratio = score.pace("mlx-like"), score.ratio("mlx-like", "numpy-float64")
    assert rate is not None
    assert rate.median == pytest.approx((50 + 200) / 2)
    assert ratio is not None
    assert ratio.median == pytest.approx(0.75)
    assert references(score.race.entrants) == ("numpy-float64",)
    assert score.ratio("numpy-float64") is None


def test_without_numpy_the_first_form_is_the_reference() -> None:
    score = scored(("mlx-like", 1, 1.0), ("mlx-fast", 1, 0.5))
    assert score.race.baseline == "mlx-like"
    ratio = score.ratio("mlx-fast")
    assert ratio is not None
    assert ratio.median == 2


def test_seldom_evaluations_end_with_the_same_network(tiny: Dataset) -> None:
    recipe = make_hyperparameters({"hidden_sizes": "8", "batch_size": 16, "learning_rate": 0.1})
    task = EvaluationTask("tiny", Problem(recipe, tiny), threads=1, epochs=2)
    score = RaceScore(task.race(EVALUATION_TIMES, rounds=1))
    for event in run_race(task, score.race):
        score.apply(event)
    assert [lap.entrant for lap in score.laps] == list(EVALUATION_TIMES)
    each_batch, *others = (lap.metrics for lap in score.laps)
    for other in others:
        assert other.test_loss == pytest.approx(each_batch.test_loss, rel=1e-5)
    assert each_batch.test_loss < np.log(4)  # it has learned
    assert all(lap.metrics.peak_growth >= 0 < lap.metrics.mlx_peak for lap in score.laps)
    pace = score.pace("batch")
    assert pace is not None
    assert pace.median == pytest.approx(each_batch.seconds / 2)
    assert score.ratio("batch") is None
    assert score.ratio("end") is not None


def test_memory_that_is_taken_and_given_back_counts() -> None:
    memory = MemoryGrowth()
    array = np.ones(8_000_000)
    del array
    assert memory.peak() > 50_000_000
