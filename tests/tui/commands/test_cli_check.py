"""`mnist-tui check`: lines, JSON and exit codes; some tests let the checks of one concept run."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_core import checks as suite
from mnist_core.backend.backend import Backend
from mnist_core.backend.installation import BackendMissing
from mnist_core.checks.check import Check, CheckResult
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.registry import DatasetUnavailable
from mnist_core.network.models import ACTIVATIONS
from mnist_core.network.optimizers import OPTIMIZERS
from mnist_core.network.parameters import batch_order
from mnist_tui.cli import run
from mnist_tui.runtime.output import EXIT_USAGE

_LABELS = (np.arange(100) % 2).astype(np.uint16)
_IMAGES = np.random.default_rng(0).integers(0, 256, (100, 6, 6), np.uint8)
DIGITS = Dataset(
    "digits\x1b[2J",
    Examples(_IMAGES, _LABELS),
    Examples(_IMAGES, _LABELS),
    ("zero", "one"),
    (0, 1),
)
BACKEND = Backend("cpu", "a CPU", "OpenBLAS 0.3.34", 2, "0.32.4")

OK = CheckResult("Adam, 3 updates", "Claim.", 6.94e-6, 1e-4, True, "Where.", 0.25)
FAILED = CheckResult(
    "One SGD update", "It is w - lr * g.", 0.01, 1e-5, False, "The largest is in layer 2.", 0.5
)
BROKEN = CheckResult("Resumed", "Same.", None, None, False, "\x1b[31mIt broke off.", 0.5, "Trace")
NOT_RUN = CheckResult("As in PyTorch", "Same.", None, None, None, "It is not installed.", 0.0)

RunCheck = Callable[..., int]


@pytest.fixture(autouse=True)
def _process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLX_ENABLE_TF32", "0")


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lets every data set be `DIGITS`; the names and folders that were asked for."""
    asked: list[str] = []

    def load_dataset(source: str, _cache: Path) -> Dataset:
        asked.append(source)
        return DIGITS

    monkeypatch.setattr("mnist_core.data.registry.load_dataset", load_dataset)
    return asked


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, load: list[str]) -> RunCheck:
    """Runs `mnist-tui check` on results."""

    def start(results: Sequence[CheckResult], *arguments: str) -> int:
        monkeypatch.setattr("mnist_core.backend.backend.configure", lambda *_: BACKEND)
        monkeypatch.setattr(suite, "run_checks", lambda *_: iter(results))
        return run(["check", *arguments])

    return start


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch, load: list[str]) -> RunCheck:
    """Runs `mnist-tui check` on a part of the checks."""

    def start(checks: Sequence[Check], *arguments: str) -> int:
        monkeypatch.setattr(suite, "CHECKS", checks)
        return run(["check", "--device", "cpu", *arguments])

    return start


def test_each_check_is_a_line_and_the_last_one_sums_up(
    scripted: RunCheck, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scripted([OK, replace(OK, name="Lion", figure=0.0, tolerance=0.0)]) == 0

    *lines, last = capsys.readouterr().out.splitlines()
    assert lines == [
        "digits␛[2J: 100 training examples, 100 test examples",
        "MLX 0.32.4 on cpu; OpenBLAS 0.3.34; 2 threads",
        "ok       Adam, 3 updates                          6.9e-06 <= 0.0001",
        "ok       Lion                                           0 <= 0",
    ]
    assert last.startswith("2 checks, all passed in ")
    assert last.endswith(" s")


def test_a_failure_says_where_and_what_was_claimed(
    scripted: RunCheck, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert scripted([OK, FAILED, BROKEN], "--home", str(tmp_path)) == 1

    lines = capsys.readouterr().out.splitlines()[3:]
    assert lines[:6] == [
        "FAILED   One SGD update                              0.01 >  1e-05",
        "         The largest is in layer 2.",
        "         It is w - lr * g.",
        "FAILED   Resumed",
        "         ␛[31mIt broke off.",
        "         Same.",
    ]
    assert lines[6].startswith("3 checks, 2 FAILED in ")
    assert lines[7] == "  One SGD update; Resumed"
    logs = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert any("Trace" in log for log in logs)


def test_what_was_not_run_is_not_counted_as_passed(
    scripted: RunCheck, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scripted([OK, NOT_RUN]) == 0

    lines = capsys.readouterr().out.splitlines()[3:]
    assert lines[:2] == ["not run  As in PyTorch", "         It is not installed."]
    assert lines[2].startswith("1 check, all passed in ")
    assert lines[2].endswith("; 1 not run")


def test_each_check_is_told_before_the_next_one_begins(
    monkeypatch: pytest.MonkeyPatch, load: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[int] = []

    def results(*_: Any) -> Iterator[CheckResult]:
        for _round in range(3):
            told.append(capsys.readouterr().out.count("ok "))
            yield OK

    monkeypatch.setattr(suite, "run_checks", results)
    assert run(["check", "--device", "cpu"]) == 0
    assert told == [0, 1, 1]


def test_json_is_an_object_a_line_and_a_summary(
    scripted: RunCheck, capsys: pytest.CaptureFixture[str]
) -> None:
    nan = replace(FAILED, figure=float("nan"))
    assert scripted([OK, nan, NOT_RUN], "--json") == 1

    ok, failed, not_run, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert ok == {
        "event": "check_completed",
        "name": "Adam, 3 updates",
        "description": "Claim.",
        "status": "ok",
        "passed": True,
        "figure": 6.94e-6,
        "tolerance": 1e-4,
        "detail": "Where.",
        "seconds": 0.25,
    }
    assert (failed["status"], failed["passed"], failed["figure"]) == ("failed", False, None)
    assert (not_run["status"], not_run["passed"]) == ("not run", None)
    assert summary.pop("seconds") > 0
    assert summary == {
        "event": "checks_completed",
        "passed": False,
        "checks": 2,
        "failed": ["One SGD update"],
        "not_run": ["As in PyTorch"],
        "dataset": "digits\x1b[2J",
        "synthetic": False,
        "device": "cpu",
        "blas": "OpenBLAS 0.3.34",
        "threads": 2,
        "mlx_version": "0.32.4",
    }


def of(*words: str) -> list[Check]:
    """The checks with any of these in their names."""
    return [check for check in suite.CHECKS if any(word in check.name for word in words)]


def test_a_broken_optimizer_exits_1_and_names_the_layer(
    real: RunCheck, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = OPTIMIZERS["sgd"]

    def wrong(settings: Any) -> Any:
        return settings._replace(learning_rate=1.01 * settings.learning_rate)

    def apply(parameter: Any, gradient: Any, remembered: Any, settings: Any) -> Any:
        return honest.apply(parameter, gradient, remembered, wrong(settings))

    factor = honest.factor
    monkeypatch.setitem(
        OPTIMIZERS, "sgd", replace(honest, apply=apply, factor=lambda it: factor(wrong(it)))
    )
    assert real(of(" updates", "One SGD update", " as in NumPy")) == 1

    out = capsys.readouterr().out
    broken = [line.partition("  ")[2].strip() for line in out.splitlines() if "FAILED  " in line]
    assert [" ".join(line.split()[:4]) for line in broken] == [
        "One SGD update, w",
        "SGD without momentum, 3",
        "SGD with momentum, 3",
        "SGD with weight decay,",
        "200 batches as in",
    ]
    assert " ".join(out.split()).count("of layer ") == 5
    assert "ok       Adam, 3 updates" in out
    assert "11 checks, 5 FAILED in " in out


def test_a_broken_sigmoid_exits_1_and_names_the_layer(
    real: RunCheck, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The factor 1 - s is missing.
    broken = ACTIVATIONS["sigmoid"]._replace(slope=lambda _, s: s)
    monkeypatch.setitem(ACTIVATIONS, "sigmoid", broken)
    assert real(of("Gradients with")) == 1

    out = capsys.readouterr().out
    assert "FAILED   Gradients with sigmoid, by hand" in out
    assert "FAILED   Gradients with sigmoid, differences" in out
    assert out.count("The largest is in the ") == " ".join(out.split()).count("of layer ") == 2
    assert "ok       Gradients with tanh, differences" in out
    assert "8 checks, 2 FAILED in " in out


def test_broken_batches_exit_1_and_name_an_example(
    real: RunCheck, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def repeating(examples: int, seed: int, epoch: int, *, shuffle: bool) -> Any:
        order = batch_order(examples, seed, epoch, shuffle=shuffle)
        order[-1] = order[0]
        return order

    monkeypatch.setattr("mnist_core.training.train.batch_order", repeating)
    assert real(suite.batches.CHECKS) == 1

    out = capsys.readouterr().out
    assert "FAILED   Every example once, shuffled" in out
    assert "FAILED   Every example once, unshuffled" in out
    assert " times." in out
    assert "ok       Orders of epochs and seeds" in out


@pytest.mark.parametrize(
    ("arguments", "cached", "expected"),
    [
        ([], True, "mnist"),
        ([], False, "synthetic"),
        (["--data", "synthetic"], True, "synthetic"),
        (["--data", "kmnist"], True, "kmnist"),
        (["--data", "/some/folder"], False, "/some/folder"),
    ],
)
def test_the_data_are_those_that_are_here(
    arguments: list[str],
    cached: bool,
    expected: str,
    scripted: RunCheck,
    load: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mnist_core.data.registry.is_cached", lambda *_: cached)

    assert scripted([OK], *arguments) == 0
    assert load == [expected]


def test_nothing_is_downloaded(
    scripted: RunCheck, load: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert scripted([OK], "--data", "kmnist") == 1

    output = capsys.readouterr()
    assert output.out == ""
    assert output.err == (
        "kmnist is not here, and check downloads nothing. mnist-tui data fetch kmnist does.\n"
    )
    assert load == []


def test_a_stand_in_for_mnist_is_called_one(
    scripted: RunCheck, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = replace(DIGITS, name="synthetic", synthetic=True)
    monkeypatch.setattr("mnist_core.data.registry.load_dataset", lambda *_: drawn)
    scripted([OK])

    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("synthetic (drawn here; --data names others): 100 training examples")


@pytest.mark.parametrize(
    "error", [BackendMissing("No MLX\x07 here."), DatasetUnavailable("No \x1b[0m folder.")]
)
def test_without_mlx_or_data_it_says_so_and_exits_1(
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    load: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: Any) -> None:
        raise error

    monkeypatch.setattr("mnist_core.backend.backend.configure", refuse)
    assert run(["check"]) == 1

    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("No ")
    assert "\x1b" not in output.err
    assert "\x07" not in output.err


def test_an_interrupt_ends_it_with_130(
    monkeypatch: pytest.MonkeyPatch, load: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    def results(*_: Any) -> Iterator[CheckResult]:
        yield OK
        raise KeyboardInterrupt

    monkeypatch.setattr(suite, "run_checks", results)
    assert run(["check", "--device", "cpu"]) == 130

    output = capsys.readouterr()
    assert "ok       Adam" in output.out
    assert output.err == "Stopped before all checks were made.\n"


def test_the_machine_flags_reach_mlx(
    load: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[Any, ...]] = []

    def configure(*arguments: Any) -> Backend:
        asked.append(arguments)
        return BACKEND

    monkeypatch.setattr("mnist_core.backend.backend.configure", configure)
    monkeypatch.setattr(suite, "run_checks", lambda *_: iter([OK]))

    assert run(["check", "--device", "cpu", "--threads", "3"]) == 0
    assert asked == [("cpu", 3)]


@pytest.mark.parametrize(
    "arguments", [["--data", ""], ["extra"], ["--device", "tpu"], ["--threads", "0"], ["--jsno"]]
)
def test_wrong_usage_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", *arguments]) == EXIT_USAGE
    assert capsys.readouterr().err.count("\n") == 1
