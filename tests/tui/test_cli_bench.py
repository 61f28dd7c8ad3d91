"""`mnist-tui bench`: flags, table and JSON; only one test lets an engine train."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mnist_core.benchmark.engines import EngineName
from mnist_core.benchmark.processes import EngineError
from mnist_core.benchmark.race import EngineDescribed, EpochMeasured, Race, RaceEvent
from mnist_core.dataset import Dataset, Examples
from mnist_core.loading import DatasetFailed, DatasetLoaded
from mnist_tui.bench.flags import BenchOptions
from mnist_tui.cli import EXIT_USAGE, run

EXAMPLES = Examples(np.zeros((1000, 2, 2), np.uint8), (np.arange(1000) % 2).astype(np.uint16))
DATASET = Dataset("digits", EXAMPLES, EXAMPLES, ("zero", "one"), (0, 1))

SECONDS: dict[EngineName, tuple[float, float, float]] = {
    "mlx": (0.10, 0.12, 0.10),
    "mlx-stock": (0.30, 0.36, 0.30),
    "numpy": (0.11, 0.12, 0.09),
}


def scripted_race(race: Race) -> Iterator[RaceEvent]:
    """What a race of these engines tells; mlx-stock trains a fifth of each epoch."""
    for engine in race.engines:
        yield EngineDescribed(race.recipe, engine, f"{engine} 1.0")
    for round_ in range(race.rounds):
        for engine in race.engines:
            yield EpochMeasured(
                recipe=race.recipe,
                engine=engine,
                round=round_ + 1,
                epoch=round_ + 1,
                timed_examples=200 if engine == "mlx-stock" else 1000,
                timed_seconds=SECONDS[engine][round_],
                epoch_examples=1000,
                train_loss=None if engine == "mlx-stock" else float("nan"),
                train_accuracy=None if engine == "mlx-stock" else 0.5,
                test_loss=0.25,
                test_accuracy=0.9,
            )


@pytest.fixture(autouse=True)
def _hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    # The command installs its own; these put back those of the tests.
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `mnist-tui bench` on an answer of the loader; the race follows `run_race`."""
    module = "mnist_tui.commands.bench_mlp"

    def start(
        *arguments: str,
        answer: DatasetLoaded | DatasetFailed | None = None,
        run_race: Callable[[Race], Iterator[RaceEvent]] | None = scripted_race,
    ) -> int:
        loaded = answer or DatasetLoaded(DATASET, None)
        loader = SimpleNamespace(cancel=lambda: None)
        monkeypatch.setattr(f"{module}.DatasetLoader", lambda _source, _cache: loader)
        monkeypatch.setattr(f"{module}.wait_for_dataset", lambda _loader, _stream: loaded)
        if run_race is not None:
            monkeypatch.setattr(f"{module}.run_race", run_race)
        return run(["bench", *arguments])

    return start


def test_the_table_aligns_and_says_what_was_left_out(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--engine", "mlx,mlx-stock,numpy", "--rounds", "3", "--threads", "2"]
    assert bench(*flags, "--preset", "torch-sigmoid") == 0
    assert capsys.readouterr().out.splitlines() == [
        "digits: 1 000 training examples, 1 000 test examples",
        "3 rounds of 1 epoch, the engines in turn; 2 threads; evaluation is not timed",
        "mlx        mlx 1.0",
        "mlx-stock  mlx-stock 1.0",
        "numpy      numpy 1.0",
        "",
        "torch-sigmoid: 4-512-256-2 sigmoid, sgd 0.01, momentum 0.5, batch 32",
        "",
        "engine      s/epoch       quartiles  x mlx       quartiles  test accuracy",
        "mlx           0.100  0.100 to 0.110      1                         0.9000",
        "mlx-stock*    1.500  1.500 to 1.650  15.00  15.00 to 15.00         0.9000",
        "numpy         0.110  0.100 to 0.115   1.00    0.95 to 1.05         0.9000",
        "Medians. Test accuracy is that after 3 epochs.",
        "* mlx-stock trained on 200 examples of each epoch only: its seconds are scaled up to all "
        "1 000 examples, its accuracy is what so little training gives.",
    ]


def test_each_preset_gets_a_table_and_the_engines_are_described_once(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--engine", "numpy", "--rounds", "1", "--preset", "mlx-docs,mlx-wide"]
    assert bench(*flags, "--preset", "mlx-docs") == 0
    out = capsys.readouterr().out
    assert [line.partition(":")[0] for line in out.splitlines() if " relu, " in line] == [
        "mlx-docs",
        "mlx-wide",
    ]
    assert out.count("numpy 1.0") == 1


def test_json_is_an_object_for_each_epoch_and_one_for_the_race(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("--json", "--engine", "mlx,mlx-stock", "--rounds", "1", "--threads", "1") == 0
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["event"] for each in objects] == [
        "engine_described",
        "engine_described",
        "epoch_measured",
        "epoch_measured",
        "race_completed",
    ]
    assert objects[3] == {
        "event": "epoch_measured",
        "task": "mlp",
        "recipe": "mlx-docs",
        "engine": "mlx-stock",
        "round": 1,
        "epoch": 1,
        "seconds": pytest.approx(1.5),
        "timed_seconds": 0.3,
        "timed_examples": 200,
        "epoch_examples": 1000,
        "train_loss": None,
        "train_accuracy": None,
        "test_loss": 0.25,
        "test_accuracy": 0.9,
    }
    assert objects[2]["train_loss"] is None  # it was not a number
    summary = objects[4]
    assert (summary["recipe"], summary["dataset"], summary["baseline"]) == (
        "mlx-docs", "digits", "mlx",
    )  # fmt: skip
    assert (summary["threads"], summary["rounds"], summary["synthetic"]) == (1, 1, False)
    ours, stock = summary["engines"]
    assert ours["ratio"] is None
    assert stock["ratio"]["median"] == pytest.approx(15)
    assert stock["timed_share"] == 0.2


def test_synthetic_digits_are_said(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = Dataset("synthetic", EXAMPLES, EXAMPLES, ("zero",), (0,), synthetic=True)
    answer = DatasetLoaded(drawn, "MNIST could not be had.")
    assert bench("--engine", "numpy", "--rounds", "1", answer=answer) == 0
    output = capsys.readouterr()
    assert output.out.startswith("synthetic, drawn here and easier than MNIST: 1 000 training")
    assert output.err == "MNIST could not be had.\n"


def test_without_data_nothing_is_measured(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(answer=DatasetFailed("No such data.", "Traceback")) == 1
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "No such data.\n")


def test_an_engine_that_fails_is_a_sentence_and_a_log_entry(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    def failing(_race: Race) -> Iterator[RaceEvent]:
        raise EngineError("numpy", "There is not enough memory.", "the traceback")
        yield

    assert bench("--engine", "numpy", "--home", str(tmp_path), run_race=failing) == 1
    log = tmp_path / "mnist-tui.log"
    assert capsys.readouterr().err == (
        f"The engine numpy failed. There is not enough memory. The details are in {log}.\n"
    )
    assert "the traceback" in log.read_text()


def test_an_interrupted_race_ends_its_engines(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    closed = []

    def interrupted(race: Race) -> Iterator[RaceEvent]:
        try:
            yield EngineDescribed(race.recipe, "numpy", "NumPy")
            raise KeyboardInterrupt
        finally:
            closed.append(True)

    assert bench("--engine", "numpy", run_race=interrupted) == 130
    assert closed == [True]
    assert capsys.readouterr().err == "Stopped before the benchmark was complete.\n"


def test_a_real_engine_answers(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("--json", "--engine", "numpy", "--rounds", "2", run_race=None) == 0
    described, *measured, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert described["description"].startswith("NumPy ")
    assert [each["epoch"] for each in measured] == [1, 2]
    assert all(each["seconds"] > 0 for each in measured)
    assert summary["engines"][0]["epochs"] == 2


def test_the_flags_reach_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[BenchOptions] = []

    def take(options: BenchOptions) -> int:
        seen.append(options)
        return 0

    monkeypatch.setattr("mnist_tui.commands.bench.resolve_name", lambda _name: take)
    flags = ["--data", "kmnist", "--epochs", "2", "--stock-batches", "9", "--threads", "3"]
    assert run(["bench", "--task", "mlp", *flags]) == 0
    (options,) = seen
    assert (options.task, options.presets, options.rounds) == ("mlp", ("mlx-docs",), None)
    assert options.engines[:3] == ("mlx", "mlx-stock", "numpy")
    assert (options.data, options.epochs, options.stock_batches) == ("kmnist", 2, 9)
    assert (options.threads, options.as_json) == (3, False)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--engine", "mlx,jax"], "There is no engine 'jax'; choose from mlx, mlx-stock, numpy,"),
        (["--engine", ""], "There is no engine ''"),
        (["--preset", "mlx"], "There is no preset 'mlx'; choose from mlx-docs, "),
        (["--task", "cnn"], '"cnn" for --task. Choose from: "mlp", "monitor".'),
        (["--rounds", "0"], '"0" for --rounds'),
        (["--data", ""], "--data needs the name of a data set or a folder."),
        (["--learning-rate", "1"], "--learning-rate"),
    ],
)
def test_wrong_usage_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert run(["bench", *arguments]) == EXIT_USAGE
    output = capsys.readouterr()
    assert expected in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""


def test_an_engine_that_is_not_installed_says_where_to_look(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_tui.bench.flags.is_importable", lambda engine: engine != "torch")
    assert run(["bench", "--engine", "torch"]) == EXIT_USAGE
    assert "The engine torch is not installed. Leave it out" in capsys.readouterr().err
