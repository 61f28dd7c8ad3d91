"""`mnist-tui bench`: flags, table and JSON; only one test lets an engine train."""

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mnist_core.benchmark.engines.engine import EpochTrained
from mnist_core.benchmark.engines.engine_registry import Contestant, EngineName
from mnist_core.benchmark.network_task import LazilyTrained, NetworkTask
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.race import EntrantReady, Race, RaceProgress, RaceScore
from mnist_core.benchmark.runner import Task as RaceTask
from mnist_core.benchmark.worker import EngineError
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.loader import DatasetFailed, DatasetLoaded
from mnist_core.recipe.presets import presets
from mnist_tui.bench.bench_flags import BenchFlags, BenchOptions, Task, bench_options
from mnist_tui.bench.race_reports import NetworkReport
from mnist_tui.cli import run
from mnist_tui.commands.flags import UsageError
from mnist_tui.runtime.output import EXIT_USAGE

EXAMPLES = Examples(np.zeros((1000, 2, 2), np.uint8), (np.arange(1000) % 2).astype(np.uint16))
MANY = Examples(np.zeros((60_000, 2, 2), np.uint8), (np.arange(60_000) % 2).astype(np.uint16))
AS_LARGE_AS_MNIST = DatasetLoaded(Dataset("digits", MANY, EXAMPLES, ("zero", "one"), (0, 1)), None)
DATASET = Dataset("digits", EXAMPLES, EXAMPLES, ("zero", "one"), (0, 1))

SECONDS: dict[str, tuple[float, float, float]] = {
    "mlx": (0.10, 0.12, 0.10),
    "mlx-stock": (0.30, 0.36, 0.30),
    "numpy": (0.11, 0.12, 0.09),
    "numpy/2": (0.09, 0.13, 0.08),
    "mlx+busy": (0.20, 0.20, 0.20),
    "numpy+busy": (0.30, 0.30, 0.30),
    "numpy/2+busy": (0.90, 0.90, 0.90),
}


def scripted_race(task: RaceTask, race: Race) -> Iterator[RaceProgress]:
    """What a race of these engines tells; mlx-stock trains a fifth of each epoch."""
    for engine in race.entrants:
        yield EntrantReady(engine, f"{engine} 1.0")
    for round_ in range(race.rounds):
        for engine in race.entrants:
            stock = engine == "mlx-stock"
            trained = EpochTrained(
                epoch=round_ + 1,
                examples=race.train_examples // 5 if stock else race.train_examples,
                seconds=SECONDS[engine][round_],
                train_loss=None if stock else float("nan"),
                train_accuracy=None if stock else 0.5,
                test_loss=0.25,
                test_accuracy=0.9 + round_ / 1000,
            )
            yield task.lap(engine, round_ + 1, trained)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `mnist-tui bench` on an answer of the loader; the race follows `run_race`."""
    module = "mnist_tui.bench.bench_command"

    def start(
        *arguments: str,
        answer: DatasetLoaded | DatasetFailed | None = None,
        run_race: Callable[[RaceTask, Race], Iterator[RaceProgress]] | None = scripted_race,
    ) -> int:
        loaded = answer or DatasetLoaded(DATASET, None)
        loader = SimpleNamespace(leave=lambda: None)
        monkeypatch.setattr("mnist_tui.bench.bench_flags.available_cores", lambda: 2)
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
        "mlx            mlx 1.0",
        "mlx-stock      mlx-stock 1.0",
        "numpy          numpy 1.0",
        "",
        "torch-sigmoid: 4-512-256-2 sigmoid, sgd 0.01, momentum 0.5, batch 32",
        "",
        "engine      s/epoch       quartiles  x mlx       quartiles  test accuracy",
        "mlx           0.100  0.100 to 0.110      1                         0.9020",
        "mlx-stock*    1.500  1.500 to 1.650  15.00  15.00 to 15.00         0.9020",
        "numpy         0.110  0.100 to 0.115   1.00    0.95 to 1.05         0.9020",
        "Medians. Test accuracy is that after 3 epochs.",
        "* mlx-stock trained on 200 examples of each epoch only: its seconds are scaled up to all "
        "1 000 examples, its accuracy is what so little training gives.",
        "mlx is 15.00x as fast as mlx-stock and 1.00x as fast as numpy.",
        "MLX takes the GPU where it has one, Apple's or NVIDIA's; what it took here stands above, "
        "at its engine.",
        "mx.eval after every batch, every epoch or at the end: mnist-tui bench --task evaluations "
        "--preset torch-sigmoid",
        "",
        "test accuracy after each epoch",
        "",
        "epoch            1       2       3",
        "mlx         0.9000  0.9010  0.9020",
        "mlx-stock*  0.9000  0.9010  0.9020",
        "numpy       0.9000  0.9010  0.9020",
    ]


def test_published_times_stand_beside_those_measured(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--preset", "mlx-wide", "--rounds", "1", "--threads", "1"]
    assert bench(*flags, "--engine", "mlx,numpy", answer=AS_LARGE_AS_MNIST) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[7:11] == [
        "engine  s/epoch       quartiles  x mlx     quartiles  published (M1)  test accuracy",
        "mlx       0.100  0.100 to 0.100      1                          0.21         0.9000",
        "numpy     0.110  0.110 to 0.110   1.10  1.10 to 1.10                         0.9000",
        "Medians. Test accuracy is that after 1 epoch.",
    ]
    assert (
        lines[12] == "Published for engines that are not in this race: torch 0.39, torch-gpu 0.53."
    )

    assert bench(*flags, "--engine", "mlx,numpy", "--json", answer=AS_LARGE_AS_MNIST) == 0
    *_, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert [engine["published"] for engine in summary["engines"]] == [0.21, None]

    assert bench(*flags, "--engine", "mlx,numpy") == 0  # an epoch of other data is no comparison
    assert "ublished" not in capsys.readouterr().out


def test_mlx_is_spoken_of_only_where_it_races(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("--engine", "numpy", "--rounds", "1") == 0
    assert "mx.eval" not in capsys.readouterr().out
    assert bench("--engine", "mlx-stock", "--rounds", "1") == 0
    assert "mx.eval" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("epochs", "shown"),
    [
        (11, list(range(1, 12))),
        (12, [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12]),
        (101, [1, 11, 21, 31, 41, 51, 61, 71, 81, 91, 101]),
    ],
)
def test_many_epochs_are_shown_at_about_equal_distances(epochs: int, shown: list[int]) -> None:
    problem = Problem(presets()["mlx-docs"].hyperparameters, DATASET)
    task = NetworkTask("mlx-docs", problem, 1)
    report = NetworkReport(task, ("numpy",), epochs)
    score = RaceScore(report.race)
    for epoch in range(1, epochs + 1):
        trained = EpochTrained(epoch, 1000, 1.0, None, None, 1.0, epoch / 1000)
        score.apply(task.lap("numpy", epoch, trained))

    title, _, heads, line = report.table(score)[-4:]

    which = "each epoch" if epochs == 11 else f"11 of the {epochs} epochs"
    assert title == f"test accuracy after {which}"
    assert heads.split()[1:] == [str(epoch) for epoch in shown]
    assert line.split()[1:] == [f"{epoch / 1000:.4f}" for epoch in shown]
    assert max(map(len, (heads, line))) <= 98


def test_rivals_run_with_one_thread_and_with_all_alone_and_beside_busy_loops(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("--engine", "mlx,numpy", "--rounds", "3", "--busy", "4") == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines[2:8]]
    assert names == ["mlx", "numpy", "numpy/2", "mlx+busy", "numpy+busy", "numpy/2+busy"]
    assert "mlx is 0.90x as fast as numpy/2, the better one of numpy's." in lines
    assert (
        "Beside 4 busy loops: mlx takes 2.00 times as long as alone, and is 1.50x as fast as "
        "numpy and 4.50x as fast as numpy/2."
    ) in lines
    assert bench("--engine", "mlx,numpy", "--rounds", "1", "--busy", "4", "--json") == 0
    *_, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert (summary["threads"], summary["busy_loops"]) == (1, 4)


@pytest.mark.parametrize("name", ["mlx", "numpy/2", "torch-gpu+busy", "numpy/16+busy"])
def test_a_contestant_is_its_name(name: str) -> None:
    assert str(Contestant.of(name)) == name


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
    assert out.count("numpy/2 1.0") == 1


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
    assert ours["seconds"] == {"lower": 0.1, "median": 0.1, "upper": 0.1}
    assert (ours["test_accuracies"], ours["published"]) == ([0.9], None)
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


def test_what_is_doubtful_about_the_data_is_said(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    odd = Dataset("odd", EXAMPLES, EXAMPLES, ("zero",), (0,), doubts=("All is of one class.",))
    answer = DatasetLoaded(odd, None)
    assert bench("--engine", "numpy", "--rounds", "1", answer=answer) == 0
    assert capsys.readouterr().err == "All is of one class.\n"


def test_without_data_nothing_is_measured(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(answer=DatasetFailed("No such data.", "Traceback")) == 1
    output = capsys.readouterr()
    assert (output.out, output.err) == ("", "No such data.\n")


def test_an_engine_that_fails_is_a_sentence_and_a_log_entry(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    def failing(_task: RaceTask, _race: Race) -> Iterator[RaceProgress]:
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

    def interrupted(_task: RaceTask, _race: Race) -> Iterator[RaceProgress]:
        try:
            yield EntrantReady("numpy", "NumPy")
            raise KeyboardInterrupt
        finally:
            closed.append(True)

    assert bench("--engine", "numpy", run_race=interrupted) == 130
    assert closed == [True]
    assert capsys.readouterr().err == "Stopped before the benchmark was complete.\n"


def test_a_real_engine_answers(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--json", "--engine", "numpy", "--rounds", "2", "--threads", "1"]
    assert bench(*flags, run_race=None) == 0
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

    monkeypatch.setattr("mnist_tui.bench.bench_command.run_benchmark", take)
    flags = ["--data", "kmnist", "--epochs", "2", "--stock-batches", "9", "--threads", "3"]
    assert run(["bench", "--task", "mlp", *flags]) == 0
    (options,) = seen
    given = options.flags
    assert (given.task, options.presets, given.rounds) == ("mlp", ("mlx-docs",), None)
    assert [str(each) for each in options.contestants[:3]] == ["mlx", "mlx-stock", "numpy"]
    assert (given.data, given.epochs, given.stock_batches) == ("kmnist", 2, 9)
    assert (given.threads, given.json) == (3, False)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--engine", "mlx,jax"], "There is no engine 'jax'; choose from mlx, mlx-stock, numpy,"),
        (["--engine", ""], "There is no engine ''"),
        (["--preset", "mlx"], "There is no preset 'mlx'; choose from mlx-docs, "),
        (["--task", "cnn"], '"cnn" for --task. Choose from: "mlp", "linear", "logistic",'),
        (["--task", "linear", "--preset", "mlx-docs"], "--task linear takes no --preset, which"),
        (["--task", "logistic", "--data", "kmnist"], "--task logistic takes no --data, which"),
        (
            ["--task", "linear", "--epochs", "2"],
            "--epochs, which is for mlp and evaluations; leave it out.",
        ),
        (
            ["--task", "linear", "--stock-batches", "2"],
            "takes no --stock-batches, which is for mlp;",
        ),
        (
            ["--task", "evaluations", "--engine", "numpy"],
            "--task evaluations takes no --engine, which",
        ),
        (["--iterations-per-call", "5"], "--task mlp takes no --iterations-per-call, which"),
        (["--task", "linear", "--iterations-per-call", "0"], '"0" for --iterations-per-call'),
        (
            ["--task", "linear", "--engine", "mlx,jax"],
            "There is no engine 'jax'; choose from mlx, mlx-stock, numpy, torch.",
        ),
        (
            ["--task", "linear", "--engine", "torch-gpu"],
            "The engine torch-gpu is for --task mlp; leave it out.",
        ),
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


def unavailable(*engines: EngineName) -> Callable[[EngineName], str | None]:
    """Stands in for `why_unavailable` on a machine without these engines."""
    return lambda engine: f"The engine {engine} is not here." if engine in engines else None


def test_an_engine_that_cannot_be_used_says_why(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_tui.bench.bench_flags.why_unavailable", unavailable("torch"))
    assert run(["bench", "--engine", "torch"]) == EXIT_USAGE
    assert capsys.readouterr().err == (
        "The engine torch is not here. Leave it out; docs/installing.md says how to have it here.\n"
    )


@pytest.mark.parametrize(
    ("task", "missing", "expected"),
    [
        ("mlp", (), ("mlx", "mlx-stock", "numpy", "torch", "torch-gpu")),
        ("mlp", ("torch-gpu",), ("mlx", "mlx-stock", "numpy", "torch")),
        ("linear", (), ("mlx", "mlx-stock", "numpy", "torch")),
        ("logistic", ("torch", "torch-gpu"), ("mlx", "mlx-stock", "numpy")),
    ],
)
def test_without_a_choice_all_engines_that_are_there_race(
    monkeypatch: pytest.MonkeyPatch,
    task: Task,
    missing: tuple[EngineName, ...],
    expected: tuple[EngineName, ...],
) -> None:
    monkeypatch.setattr("mnist_tui.bench.bench_flags.why_unavailable", unavailable(*missing))
    monkeypatch.setattr("mnist_tui.bench.bench_flags.available_cores", lambda: 4)
    found = [str(each) for each in bench_options(BenchFlags(task=task)).contestants]
    assert [name for name in found if "/" not in name] == list(expected)
    rivals = [f"{name}/4" for name in expected if task == "mlp" and name in ("numpy", "torch")]
    assert [name for name in found if "/" in name] == rivals
    # More threads than their cores are nobody's choice.
    alone = bench_options(BenchFlags(task=task, threads=1)).contestants
    assert [str(each) for each in alone] == list(expected)


def test_engines_that_cannot_train_a_preset_stay_out(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_tui.bench.bench_flags.why_unavailable", unavailable())
    options = bench_options(BenchFlags(preset=["mlx-docs,lenet"], threads=1))
    assert [str(each) for each in options.contestants] == ["mlx", "torch", "torch-gpu"]
    for arguments in (["--engine", "mlx,numpy"], ["--task", "evaluations"]):
        assert run(["bench", "--preset", "lenet", *arguments]) == EXIT_USAGE
        assert "knows dense layers only, and lenet has convolutions. " in capsys.readouterr().err


def test_an_engine_may_take_part_with_several_numbers_of_threads() -> None:
    options = bench_options(BenchFlags(engine=["mlx,mlx/2", "numpy/3"], busy=1))
    assert [str(each) for each in options.contestants] == [
        "mlx", "mlx/2", "numpy/3", "mlx+busy", "mlx/2+busy", "numpy/3+busy",
    ]  # fmt: skip


@pytest.mark.parametrize("engine", ["mlx/", "mlx/0", "mlx/x", "mlx/2000", "numpy/-1"])
def test_a_number_of_threads_that_cannot_be_is_refused(engine: str) -> None:
    with pytest.raises(UsageError, match="number of threads"):
        bench_options(BenchFlags(engine=[engine]))


@pytest.mark.parametrize("task", ["evaluations", "monitor"])
def test_a_task_without_engines_looks_for_none(monkeypatch: pytest.MonkeyPatch, task: Task) -> None:
    asked: list[EngineName] = []
    monkeypatch.setattr("mnist_tui.bench.bench_flags.why_unavailable", asked.append)
    assert bench_options(BenchFlags(task=task)).contestants == ()
    assert asked == []


def scripted_evaluations(task: RaceTask, race: Race) -> Iterator[RaceProgress]:
    times = {"batch": 2.0, "epoch": 3.0, "end": 4.0}
    for round_ in range(1, race.rounds + 1):
        for schedule, seconds in times.items():
            yield EntrantReady(schedule, "MLX 1.0")
            trained = LazilyTrained(seconds, int(seconds * 1e6), 50_000_000, 0.25, 0.9)
            yield task.lap(schedule, round_, trained)


def test_evaluations_in_a_table_and_in_json(
    bench: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("--task", "evaluations", "--rounds", "2", run_race=scripted_evaluations) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("; 2 rounds of 2 epochs, each in a process of its own")
    assert lines[4:8] == [
        "mx.eval            s/epoch       quartiles  x batch     quartiles  memory growth  "
        "MLX arrays  test accuracy",
        "after every batch    1.000  1.000 to 1.000        1                         2 MB  "
        "     50 MB         0.9000",
        "after every epoch    1.500  1.500 to 1.500     1.50  1.50 to 1.50           3 MB  "
        "     50 MB         0.9000",
        "once, at the end     2.000  2.000 to 2.000     2.00  2.00 to 2.00           4 MB  "
        "     50 MB         0.9000",
    ]

    flags = ["--task", "evaluations", "--rounds", "1", "--epochs", "4", "--json"]
    assert bench(*flags, run_race=scripted_evaluations) == 0
    *measured, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert [each["schedule"] for each in measured] == ["batch", "epoch", "end"]
    assert measured[1] == {
        "event": "evaluations_measured",
        "task": "evaluations",
        "recipe": "mlx-docs",
        "schedule": "epoch",
        "description": "MLX 1.0",
        "round": 1,
        "epochs": 4,
        "seconds": 3.0,
        "peak_growth": 3_000_000,
        "mlx_peak": 50_000_000,
        "test_loss": 0.25,
        "test_accuracy": 0.9,
    }
    assert (summary["event"], summary["task"]) == ("race_completed", "evaluations")
    assert summary["schedules"][2]["seconds"]["median"] == 1.0
    assert summary["schedules"][2]["ratio"]["median"] == 2.0
