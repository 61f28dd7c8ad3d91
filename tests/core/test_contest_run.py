"""Races in a thread: scripted ones, and real processes that are stopped or fail."""

import threading
from collections.abc import Generator

import pytest

from mnist_core.benchmark.contest import (
    ContestCompleted,
    ContestEnded,
    ContestEvent,
    ContestFailed,
    ContestProgress,
    ContestStopped,
    EntrantReady,
    LapMeasured,
    Scores,
)
from mnist_core.benchmark.contest_events import contest_events, make_contest
from mnist_core.benchmark.contest_run import ContestRun
from mnist_core.benchmark.processes import EngineError, JobProcess, ProcessGroup
from mnist_core.benchmark.regression import RegressionProblem
from mnist_core.benchmark.regression_race import RegressionJob
from mnist_core.dataset import Dataset

Progress = Generator[ContestProgress, None, None]


def lap(round_: int) -> LapMeasured:
    return LapMeasured("numpy", round_, 0.5, 0.9)


def finish(run: ContestRun) -> list[ContestEvent]:
    assert run.join(300), "the race's thread did not end"
    events = run.drain()
    assert sum(isinstance(event, ContestEnded) for event in events) == 1
    assert isinstance(events[-1], ContestEnded)
    return events


def test_events_arrive_in_order_and_end_once() -> None:
    def script(_group: ProcessGroup) -> Progress:
        yield lap(1)
        yield lap(2)

    run = ContestRun(script)
    run.start()
    assert finish(run) == [lap(1), lap(2), ContestCompleted()]
    assert run.drain() == []


def test_a_stop_ends_the_generator() -> None:
    measured, closed = threading.Event(), threading.Event()

    def script(_group: ProcessGroup) -> Progress:
        try:
            for round_ in range(1, 1_000_000):
                yield lap(round_)
                measured.set()
        finally:
            closed.set()

    run = ContestRun(script)
    run.start()
    assert measured.wait(300)
    run.stop()
    assert isinstance(finish(run)[-1], ContestStopped)
    assert closed.is_set()
    assert not run.stopping


def test_failures_are_sentences_with_a_traceback_for_the_log() -> None:
    def engine_fails(_group: ProcessGroup) -> Progress:
        yield lap(1)
        raise EngineError("torch", "There is no GPU.", "its last words")

    run = ContestRun(engine_fails)
    run.start()
    end = finish(run)[-1]
    assert end == ContestFailed("The engine torch failed. There is no GPU.", "its last words")

    def fails(_group: ProcessGroup) -> Progress:
        yield lap(1)
        raise ValueError("The data are empty.")

    run = ContestRun(fails)
    run.start()
    end = finish(run)[-1]
    assert isinstance(end, ContestFailed)
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

    run = ContestRun(script)
    run.start()
    assert begun.wait(300)
    run.stop()
    assert isinstance(finish(run)[-1], ContestFailed)


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

    run = ContestRun(endless)
    run.start()
    assert measuring.wait(300)
    run.stop()
    assert isinstance(finish(run)[-1], ContestStopped)


def test_a_process_that_joins_after_the_stop_ends_too() -> None:
    group = ProcessGroup()
    group.kill()
    job = RegressionJob("numpy-float64", RegressionProblem("linear"), 1, 10)
    with JobProcess(job, group) as process, pytest.raises(EngineError, match="signal 9"):
        process.wait_until_ready()


@pytest.mark.parametrize("task", ["linear", "logistic"])
def test_regressions_race_and_are_traced(task: str) -> None:
    kind = "linear" if task == "linear" else "logistic"
    contest = make_contest(kind, ("mlx-fast", "numpy-float64"), 1)
    assert contest.baseline == "numpy-float64"
    run = ContestRun(lambda group: contest_events(contest, None, group))
    run.start()
    scores = Scores(contest)
    for event in finish(run)[:-1]:
        assert not isinstance(event, ContestEnded)
        scores.apply(event)
    assert [lap.entrant for lap in scores.laps] == list(contest.entrants)
    assert set(scores.descriptions) == set(contest.entrants)
    for entrant in contest.entrants:
        work, values = scores.curves[entrant]
        assert work == sorted(set(work))
        assert work[:3] == [0, 10, 20]
        assert len(scores.seconds(entrant)) == len(work)
        if task == "linear":
            result = next(lap.result for lap in scores.laps if lap.entrant == entrant)
            assert work[-1] == 10_000
            assert values[-1] == result
            assert result < 1e-4 < 1 < values[1] < values[0]
        else:
            assert work[-1] < 10_000, "it stops once enough are right"
            assert values[-1] > 0.95


def test_networks_start_from_the_accuracy_of_the_same_weights(tiny: Dataset) -> None:
    contest = make_contest("mlp", ("mlx", "numpy"), 2, recipe="mlx-docs", dataset=tiny)
    assert contest.sizes == (tiny.input_size, 32, 32, tiny.class_count)
    run = ContestRun(lambda group: contest_events(contest, tiny, group))
    run.start()
    scores = Scores(contest)
    for event in finish(run)[:-1]:
        assert not isinstance(event, ContestEnded)
        scores.apply(event)
    assert [(lap.entrant, lap.round) for lap in scores.laps] == [
        ("mlx", 1), ("numpy", 1), ("mlx", 2), ("numpy", 2),
    ]  # fmt: skip
    (work, ours), (_, theirs) = scores.curves["mlx"], scores.curves["numpy"]
    assert work == [0, 1, 2]
    assert ours[0] == theirs[0]
    assert ours[1:] == [lap.result for lap in scores.laps if lap.entrant == "mlx"]
