"""Races in a thread: scripted ones, and real processes that are stopped or fail."""

import threading
from collections.abc import Generator

import pytest

from mnist_core.backend.backend import available_cores
from mnist_core.benchmark.network_task import NetworkTask
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.race import EntrantReady, Lap, RaceProgress, RaceScore
from mnist_core.benchmark.regression import RegressionName, RegressionProblem
from mnist_core.benchmark.regression_task import RegressionJob, RegressionTask
from mnist_core.benchmark.runner import (
    RaceCompleted,
    RaceEnded,
    RaceEvent,
    RaceFailed,
    RaceRun,
    RaceStopped,
    race_run,
)
from mnist_core.benchmark.worker import EngineError, JobProcess, ProcessGroup
from mnist_core.data.dataset import Dataset
from mnist_core.recipe.presets import presets

Progress = Generator[RaceProgress, None, None]


def lap(round_: int) -> Lap:
    return Lap("numpy", round_, 0.5, 0.9)


def finish(run: RaceRun) -> list[RaceEvent]:
    assert run.join(300), "the race's thread did not end"
    events = run.drain()
    assert sum(isinstance(event, RaceEnded) for event in events) == 1
    assert isinstance(events[-1], RaceEnded)
    return events


def test_events_arrive_in_order_and_end_once() -> None:
    def script(_group: ProcessGroup) -> Progress:
        yield lap(1)
        yield lap(2)

    run = RaceRun(script)
    run.start()
    assert finish(run) == [lap(1), lap(2), RaceCompleted()]
    assert run.drain() == []


@pytest.mark.usefixtures("no_more_threads")
def test_a_race_without_a_thread_has_failed() -> None:
    run = RaceRun(lambda _group: pytest.fail("it has begun"))
    run.start()
    (end,) = finish(run)
    assert isinstance(end, RaceFailed)
    assert "starts no more threads" in end.message


def test_a_stop_ends_the_generator() -> None:
    measured, closed = threading.Event(), threading.Event()

    def script(_group: ProcessGroup) -> Progress:
        try:
            for round_ in range(1, 1_000_000):
                yield lap(round_)
                measured.set()
        finally:
            closed.set()

    run = RaceRun(script)
    run.start()
    assert measured.wait(300)
    run.stop()
    assert isinstance(finish(run)[-1], RaceStopped)
    assert closed.is_set()
    assert not run.stopping


def test_failures_are_sentences_with_a_traceback_for_the_log() -> None:
    def engine_fails(_group: ProcessGroup) -> Progress:
        yield lap(1)
        raise EngineError("torch", "There is no GPU.", "its last words")

    run = RaceRun(engine_fails)
    run.start()
    end = finish(run)[-1]
    assert end == RaceFailed("The engine torch failed. There is no GPU.", "its last words")

    def fails(_group: ProcessGroup) -> Progress:
        yield lap(1)
        raise ValueError("The data are empty.")

    run = RaceRun(fails)
    run.start()
    end = finish(run)[-1]
    assert isinstance(end, RaceFailed)
    assert end.message == "The data are empty."
    assert "ValueError" in end.traceback


def test_a_defect_while_stopping_is_not_hidden() -> None:
    begun = threading.Event()

    def script(_group: ProcessGroup) -> Progress:
        try:
            while True:
                yield lap(1)
                begun.set()
        finally:
            raise ValueError("The disk is full.")

    run = RaceRun(script)
    run.start()
    assert begun.wait(300)
    run.stop()
    assert isinstance(finish(run)[-1], RaceFailed)


def test_a_stop_kills_a_process_in_the_middle_of_its_measurement() -> None:
    # So many iterations that nobody waits for their end.
    problem = RegressionProblem("linear", iterations=1_000_000_000)
    measuring = threading.Event()

    def endless(group: ProcessGroup) -> Progress:
        job = RegressionJob("numpy-float64", problem, 1, 10)
        with JobProcess(job, group) as process:
            yield EntrantReady("numpy-float64", process.wait_until_ready())
            measuring.set()
            process.measure()

    run = RaceRun(endless)
    run.start()
    assert measuring.wait(300)
    run.stop()
    assert isinstance(finish(run)[-1], RaceStopped)


def test_a_process_that_joins_after_the_stop_ends_too() -> None:
    group = ProcessGroup()
    group.kill()
    job = RegressionJob("numpy-float64", RegressionProblem("linear"), 1, 10)
    with JobProcess(job, group) as process, pytest.raises(EngineError, match="signal 9"):
        process.wait_until_ready()


@pytest.mark.parametrize("task", ["linear", "logistic"])
def test_regressions_race_and_are_traced(task: RegressionName) -> None:
    regression = RegressionTask(RegressionProblem(task), available_cores())
    race = regression.race(("mlx-fast", "numpy-float64"), 1)
    assert race.baseline == "numpy-float64"
    run = race_run(regression, race)
    run.start()
    score = RaceScore(race)
    for event in finish(run)[:-1]:
        assert not isinstance(event, RaceEnded)
        score.apply(event)
    assert [lap.entrant for lap in score.laps] == list(race.entrants)
    assert set(score.descriptions) == set(race.entrants)
    for entrant in race.entrants:
        work, values = score.curves[entrant]
        assert work == sorted(set(work))
        assert work[:3] == [0, 10, 20]
        assert len(score.seconds(entrant)) == len(work)
        if task == "linear":
            result = next(lap.result for lap in score.laps if lap.entrant == entrant)
            assert work[-1] == 10_000
            assert values[-1] == result
            assert result < 1e-4 < 1 < values[1] < values[0]
        else:
            assert work[-1] < 10_000, "it stops once enough are right"
            assert values[-1] > 0.95


def test_networks_start_from_the_accuracy_of_the_same_weights(tiny: Dataset) -> None:
    problem = Problem(presets()["mlx-docs"].hyperparameters, tiny)
    task = NetworkTask("mlx-docs", problem, available_cores())
    race = task.race(("mlx", "numpy"), 2)
    assert race.sizes == (tiny.input_size, 32, 32, tiny.class_count)
    run = race_run(task, race)
    run.start()
    score = RaceScore(race)
    for event in finish(run)[:-1]:
        assert not isinstance(event, RaceEnded)
        score.apply(event)
    assert [(lap.entrant, lap.round) for lap in score.laps] == [
        ("mlx", 1), ("numpy", 1), ("mlx", 2), ("numpy", 2),
    ]  # fmt: skip
    (work, ours), (_, theirs) = score.curves["mlx"], score.curves["numpy"]
    assert work == [0, 1, 2]
    assert ours[0] == theirs[0]
    assert ours[1:] == [lap.result for lap in score.laps if lap.entrant == "mlx"]
