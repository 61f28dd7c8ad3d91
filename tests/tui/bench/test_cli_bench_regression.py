"""`mnist-tui bench --task linear` and `logistic`: tables and JSON of scripted races."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from mnist_core.benchmark.race import EntrantReady, Race, RaceProgress
from mnist_core.benchmark.regression import FORMS
from mnist_core.benchmark.regression_task import RegressionTrained
from mnist_core.benchmark.runner import Task
from mnist_core.benchmark.worker import EngineError
from mnist_tui.cli import run


def scripted_regression(task: Task, race: Race) -> Iterator[RaceProgress]:
    """Rates of 200, 100 and 400 iterations per second; the second form never stops early."""
    for form in race.entrants:
        yield EntrantReady(form, f"{form} 1.0")
    for round_ in range(1, race.rounds + 1):
        for form, seconds in zip(race.entrants, (1.0, 2.0, 0.5), strict=True):
            if race.task == "linear":
                trained = RegressionTrained(200, 1, seconds, 5e-5, 1.2e-5, None, None, 2e-7)
            else:
                accuracy = 0.95 if seconds == 2.0 else 0.951
                trained = RegressionTrained(200, 1, seconds, 0.35, None, accuracy, 0.9, None)
            yield task.lap(form, round_, trained)


FORMS_RACED = ("mlx-fast", "mlx-published", "numpy-float64")


@pytest.fixture
def regress(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs a regression task on a scripted race of three forms."""
    module = "mnist_tui.bench.bench_command"
    monkeypatch.setattr(
        f"{module}.FORMS", {form: FORMS[form] for form in FORMS if form in FORMS_RACED}
    )
    monkeypatch.setattr(f"{module}.run_race", scripted_regression)
    flags = ("--engine", "mlx,numpy", "--rounds", "3", "--threads", "2")
    return lambda task, *others: run(["bench", "--task", task, *flags, *others])


def test_a_linear_race_says_where_mlx_loses(
    regress: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert regress("linear", "--iterations-per-call", "7") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2] == "3 rounds, the forms in turn; 2 threads; mlx-fast does 7 iterations a call"
    assert lines[10:19] == [
        "form           iterations/s   quartiles  published (M1)  x numpy-float64     quartiles",
        "mlx-fast                200  200 to 200                             0.50  0.50 to 0.50",
        "mlx-published           100  100 to 100          10 348             0.25  0.25 to 0.25",
        "numpy-float64           400  400 to 400           8 320                1",
        "",
        "form           iterations  initial test error  test error  train loss",
        "mlx-fast              200               101.3   1.200e-05   5.000e-05",
        "mlx-published         200               101.3   1.200e-05   5.000e-05",
        "numpy-float64         200               101.3   1.200e-05   5.000e-05",
    ]
    assert lines[20] == (
        "Against numpy-float64: mlx-fast loses (0.50), mlx-published loses (0.25)."
    )
    assert lines[-1].endswith("differ by at most 2.0e-07 of the largest component.")


def test_a_logistic_race_says_who_never_stopped(
    regress: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert regress("logistic") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[15:18] == [
        "form           stopped at iteration    loss  training accuracy  test accuracy",
        "mlx-fast                        200  0.3500             0.9510         0.9000",
        "mlx-published       never, 200 done  0.3500             0.9500         0.9000",
    ]


def test_json_of_a_regression(
    regress: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert regress("logistic", "--json") == 0
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["event"] for each in objects] == [
        *["engine_described"] * 3, *["regression_measured"] * 9, "race_completed",
    ]  # fmt: skip
    assert objects[4] == {
        "event": "regression_measured",
        "task": "logistic",
        "engine": "mlx",
        "form": "mlx-published",
        "round": 1,
        "iterations_per_second": 100.0,
        "iterations": 200,
        "trainings": 1,
        "seconds": 2.0,
        "train_loss": 0.35,
        "test_error": None,
        "train_accuracy": 0.95,
        "test_accuracy": 0.9,
        "gradient_difference": None,
    }
    summary = objects[-1]
    assert (summary["task"], summary["rounds"], summary["threads"]) == ("logistic", 3, 2)
    assert (summary["examples"], summary["features"], summary["seed"]) == (1000, 100, 0)
    assert summary["initial"]["train_loss"] == pytest.approx(np.log(2))
    fast, published, numpy_ = summary["forms"]
    assert fast["iterations_per_second"] == {"lower": 200.0, "median": 200.0, "upper": 200.0}
    assert fast["ratios"]["numpy-float64"]["median"] == 0.5
    assert (fast["published"], published["published"], numpy_["published"]) == (None, 1628, 3858)
    assert (fast["stopped"], published["stopped"]) == (True, False)


def test_a_regression_that_fails_is_a_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    def failing(_task: Task, _race: Race) -> Iterator[RaceProgress]:
        raise EngineError("mlx-fast", "There is not enough memory.", "the traceback")
        yield

    monkeypatch.setattr("mnist_tui.bench.bench_command.run_race", failing)
    assert run(["bench", "--task", "linear", "--engine", "mlx", "--home", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(
        "The engine mlx-fast failed. There is not enough memory. The details are in "
    )
