"""Every engine does the same work: the same figures from the same start in the same order."""

import sys
from dataclasses import replace
from inspect import getgeneratorlocals
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.blobs import blobs
from helpers.python_process import run_python
from mnist_core.backend.openblas import bundled_libraries
from mnist_core.benchmark.engines.engine import EpochTrained
from mnist_core.benchmark.engines.engine_registry import (
    ENGINES,
    PUBLISHED_SECONDS,
    EngineName,
    published_seconds,
    why_unavailable,
)
from mnist_core.benchmark.engines.numpy_engine import NumpyEngine
from mnist_core.benchmark.network_task import NetworkJob, NetworkTask
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.race import EntrantReady, Lap, RaceScore
from mnist_core.benchmark.runner import run_race
from mnist_core.benchmark.worker import EngineError, JobProcess, _settle
from mnist_core.data.dataset import Dataset
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.recipe.presets import presets

RECIPES: dict[str, dict[str, Any]] = {
    "relu": {"hidden_sizes": "8, 6", "batch_size": 16, "learning_rate": 0.1},
    "sigmoid": {
        "hidden_sizes": "8",
        "activation": "sigmoid",
        "batch_size": 32,
        "momentum": 0.5,
        "weight_decay": 0.01,
        "pixel_scaling": "standard",
    },
}

LARGER = Dataset("larger", blobs(70, 4, (14, 13), 1), blobs(30, 4, (14, 13), 2), tuple("abcd"),
                 (0, 1, 2, 3))  # fmt: skip


def needs(engine: EngineName) -> Any:
    """The engine as a parameter of a test; only PyTorch, an optional rival, may be missing."""
    if not engine.startswith("torch"):
        return engine
    reason = why_unavailable(engine)
    return pytest.param(engine, marks=pytest.mark.skipif(bool(reason), reason=str(reason)))


@pytest.fixture
def problem(tiny: Dataset) -> Problem:
    return Problem(make_hyperparameters(RECIPES["relu"]), tiny)


def without_time(trained: EpochTrained) -> EpochTrained:
    return replace(trained, seconds=0.0)


@pytest.mark.parametrize("engine", [needs(engine) for engine in ENGINES if engine != "numpy"])
@pytest.mark.parametrize("recipe", RECIPES)
def test_an_engine_trains_what_numpy_trains(engine: EngineName, recipe: str, tiny: Dataset) -> None:
    problem = Problem(make_hyperparameters(RECIPES[recipe]), tiny)
    reference = NumpyEngine(problem, threads=1)

    with JobProcess(NetworkJob(engine, problem, 1, None)) as process:
        description = process.wait_until_ready()
        told_of_threads = engine not in ("mlx-stock", "torch-gpu")
        assert description.endswith(", 1 thread") is told_of_threads
        for epoch in (1, 2):
            trained, expected = process.measure(), reference.train_epoch()
            assert (trained.epoch, trained.examples) == (epoch, 70)
            assert trained.seconds > 0
            assert trained.test_loss == pytest.approx(expected.test_loss, abs=1e-5)
            assert trained.test_accuracy == pytest.approx(expected.test_accuracy, abs=0.034)
            if engine == "mlx-stock":  # the published loop measures neither
                assert (trained.train_loss, trained.train_accuracy) == (None, None)
            else:
                assert trained.train_loss == pytest.approx(expected.train_loss, abs=1e-5)
                assert trained.train_accuracy == pytest.approx(expected.train_accuracy, abs=0.015)


def test_warming_up_leaves_no_trace(problem: Problem) -> None:
    cold, warm = (NumpyEngine(problem, threads=1) for _ in range(2))
    warm.warm_up()
    assert without_time(warm.train_epoch()) == without_time(cold.train_epoch())


def test_a_part_of_an_epoch_is_told_and_scaled_up(problem: Problem) -> None:
    task = NetworkTask("relu", problem, 1, stock_batches=3)
    race = task.race(("mlx-stock",), 1)
    (lap,) = (event for event in run_race(task, race) if isinstance(event, Lap))
    assert (lap.metrics.examples, race.train_examples) == (48, 70)
    assert lap.pace == pytest.approx(lap.metrics.seconds * 70 / 48)


def test_a_timed_part_counts_as_a_whole_epoch(problem: Problem) -> None:
    task = NetworkTask("relu", problem, 1)

    def lap(engine: str, examples: int, seconds: float) -> Lap:
        return task.lap(engine, 1, EpochTrained(1, examples, seconds, None, None, 1.0, 0.1))

    score = RaceScore(task.race(("mlx", "mlx-stock"), 1))
    score.apply(lap("mlx", 70, 1.0))
    score.apply(lap("mlx-stock", 14, 3.0))
    stock, ratio = score.pace("mlx-stock"), score.ratio("mlx-stock")
    assert stock is not None
    assert stock.median == pytest.approx(15)
    assert ratio is not None
    assert ratio.median == pytest.approx(15)


def test_engines_take_turns(problem: Problem) -> None:
    task = NetworkTask("relu", problem, threads=1, epochs=2)
    events = list(run_race(task, task.race(("numpy", "mlx-stock"), rounds=2)))
    described = [event.entrant for event in events if isinstance(event, EntrantReady)]
    turns = [
        (event.round, event.entrant, event.metrics.epoch)
        for event in events
        if isinstance(event, Lap)
    ]
    assert described == ["numpy", "mlx-stock"]
    assert turns == [
        (1, "numpy", 1), (1, "numpy", 2), (1, "mlx-stock", 1), (1, "mlx-stock", 2),
        (2, "numpy", 3), (2, "numpy", 4), (2, "mlx-stock", 3), (2, "mlx-stock", 4),
    ]  # fmt: skip


@pytest.mark.skipif(
    sys.platform != "linux" or bundled_libraries() is None,
    reason="about the BLAS in MLX's CPU wheel for Linux",
)
def test_the_stock_engine_computes_on_the_blas_of_the_wheel() -> None:
    (mapped,) = run_python(
        "from pathlib import Path\n"
        "from mnist_core.benchmark.engines.engine_registry import make_engine\n"
        "from mnist_core.benchmark.problem import Problem\n"
        "from mnist_core.recipe.hyperparameters import Hyperparameters\n"
        "import numpy as np\n"
        "from mnist_core.data.dataset import Dataset, Examples\n"
        "some = Examples(np.zeros((8, 2, 2), np.uint8), np.zeros(8, np.uint16))\n"
        "dataset = Dataset('none', some, some, ('zero',), (0,))\n"
        "make_engine('mlx-stock', Problem(Hyperparameters(), dataset), 1, None).train_epoch()\n"
        "maps = Path('/proc/self/maps').read_text().split()\n"
        "print(*sorted({Path(word).name for word in maps if 'blas' in word}))"
    )
    libraries = mapped.split()
    assert any(name.startswith("libblas-") for name in libraries)
    # NumPy brings an OpenBLAS for itself, whose symbols are its own; there is no other.
    assert [name for name in libraries if "openblas" in name and "64_" not in name] == []


def test_a_recipe_that_an_engine_cannot_train_is_a_sentence(problem: Problem) -> None:
    recipe = problem.hyperparameters.model_copy(update={"validation": 1000})
    wrong = replace(problem, hyperparameters=recipe)
    with (
        JobProcess(NetworkJob("numpy", wrong, 1, None)) as process,
        pytest.raises(
            EngineError, match=r"engine numpy failed\. Validation asks for 1000"
        ) as error,
    ):
        process.wait_until_ready()
    assert "Traceback" in error.value.details


def test_a_process_that_dies_is_a_sentence(problem: Problem) -> None:
    with JobProcess(NetworkJob("numpy", problem, 1, None)) as process:
        process.wait_until_ready()
        process.process.kill()
        process.process.wait()
        with pytest.raises(EngineError, match=r"numpy failed\. Its process ended with signal 9"):
            process.measure()


def test_closing_a_race_ends_its_processes(problem: Problem) -> None:
    task = NetworkTask("relu", problem, 1)
    events = run_race(task, task.race(("numpy",), 100))
    next(events)
    worker = getgeneratorlocals(events)["process"].process
    events.close()
    assert worker.returncode is not None


def test_an_engine_answers_only_when_its_threads_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu_seconds = iter([0.0, 0.02, 0.02, 0.04, 0.04, 0.0401])  # before and after each look
    looks: list[float] = []
    clock = SimpleNamespace(
        monotonic=lambda: 0.0, process_time=lambda: next(cpu_seconds), sleep=looks.append
    )
    monkeypatch.setattr("mnist_core.benchmark.worker.time", clock)
    _settle()
    assert len(looks) == 3


def test_threads_that_never_rest_hold_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)

    def sleep(seconds: float) -> None:
        clock.now += seconds

    clock.sleep, clock.monotonic, clock.process_time = sleep, lambda: clock.now, lambda: clock.now
    monkeypatch.setattr("mnist_core.benchmark.worker.time", clock)
    _settle()
    assert clock.now == pytest.approx(1.0, abs=0.05)


def test_the_problem_visits_every_example_once(problem: Problem) -> None:
    batches = list(problem.batches(1))
    assert [len(rows) for rows in batches] == [16] * 4 + [6]
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(70))


def test_what_was_published_goes_with_its_recipe_and_engine() -> None:
    def published(recipe: str, examples: int) -> list[float | None]:
        seconds = published_seconds(recipe, examples)
        return [seconds.get(engine) for engine in ENGINES]

    assert ENGINES == ("mlx", "mlx-stock", "numpy", "torch", "torch-gpu")
    assert published("mlx-wide", 60_000) == [0.21, None, None, 0.39, 0.53]
    assert published("mlx-docs", 60_000) == [None] * 5
    assert published("mlx-wide", 12_000) == [None] * 5


def test_what_was_published_is_of_presets_and_engines() -> None:
    assert PUBLISHED_SECONDS.keys() <= presets().keys()
    assert {name for of_recipe in PUBLISHED_SECONDS.values() for name in of_recipe} <= set(ENGINES)


@pytest.mark.parametrize("engine", ["numpy", "mlx-stock"])
def test_engines_of_dense_layers_refuse_lenet_in_a_sentence(engine: EngineName) -> None:
    problem = Problem(presets()["lenet"].hyperparameters, LARGER)
    task = NetworkTask("lenet", problem, 1)
    with pytest.raises(ValueError, match="knows dense layers only, and lenet has convolutions"):
        task.race((engine,), 1)
    assert task.race(("mlx", "torch"), 1).sizes == (16, 120, 84, 4)


def test_plain_engines_refuse_a_schedule_in_a_sentence(tiny: Dataset) -> None:
    task = NetworkTask("own", Problem(make_hyperparameters({"schedule": "cosine"}), tiny), 1)
    with pytest.raises(ValueError, match=r"numpy knows a constant learning rate only, not a cos"):
        task.race(("mlx", "numpy"), 1)


@pytest.mark.parametrize("engine", [needs("torch")])
def test_pytorch_trains_lenet_to_the_same_figures(engine: EngineName) -> None:
    recipe = make_hyperparameters(
        {"model": "lenet", "hidden_sizes": "8", "batch_size": 16, "schedule": "cosine", "epochs": 2}
    )
    problem = Problem(recipe, LARGER)
    ours, theirs = (
        NetworkJob(each, problem, 1, None).begin().measure() for each in ("mlx", engine)
    )
    assert ours.train_loss == pytest.approx(theirs.train_loss, rel=1e-3)
    assert ours.test_loss == pytest.approx(theirs.test_loss, rel=1e-3)
