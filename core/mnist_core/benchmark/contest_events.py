"""The races of `mnist-tui bench`, told as contests."""

from collections.abc import Generator
from typing import cast

import numpy as np

from mnist_core.backend.backend import available_cores
from mnist_core.benchmark.contest import (
    Contest,
    ContestProgress,
    ContestTask,
    EntrantReady,
    LapMeasured,
    ValuesReached,
)
from mnist_core.benchmark.engines import ITERATIONS_PER_CALL, EngineName
from mnist_core.benchmark.numpy_network import NumpyNetwork
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.processes import ProcessGroup
from mnist_core.benchmark.race import EngineDescribed, EpochMeasured, Race, run_race
from mnist_core.benchmark.regression import RegressionForm, RegressionProblem, RegressionTask
from mnist_core.benchmark.regression_race import (
    FormDescribed,
    FormMeasured,
    FormTraced,
    RegressionRace,
    RegressionTrained,
    references,
    run_regression_race,
)
from mnist_core.data.dataset import Dataset
from mnist_core.network.evaluation import evaluate
from mnist_core.recipe.presets import presets


def make_contest(
    task: ContestTask,
    entrants: tuple[str, ...],
    rounds: int,
    *,
    recipe: str = "",
    dataset: Dataset | None = None,
) -> Contest:
    """The contest of these entrants with as many threads as there are cores, as `bench` has it.

    `mlp` needs the preset `recipe` and the `dataset`.

    Raises:
        ValueError: the engines cannot be compared with that preset, as a sentence.
    """
    threads = available_cores()
    if task == "mlp":
        assert dataset is not None, "a network is trained on data"
        problem = Problem(presets()[recipe].hyperparameters, dataset)
        examples = len(problem.split.train), len(problem.split.test)
        return Contest(
            task, entrants, entrants[0], rounds, threads, *examples, problem.sizes,
            recipe, dataset.name, dataset.synthetic,
        )  # fmt: skip
    regression = RegressionProblem(task)
    baseline = references(cast(tuple[RegressionForm, ...], entrants))[0]
    return Contest(
        task, entrants, baseline, rounds, threads, regression.examples, regression.examples,
        (regression.features, 1),
    )  # fmt: skip


def contest_events(
    contest: Contest, dataset: Dataset | None, group: ProcessGroup
) -> Generator[ContestProgress, None, None]:
    """Run a contest; its processes join `group`, and end with the generator.

    What is timed is exactly what `mnist-tui bench` times. The curve of a regression is traced after
    its first measurement, and not timed.

    Raises:
        EngineError: an entrant failed.
    """
    if contest.task == "mlp":
        assert dataset is not None, "a network is trained on data"
        return _networks(contest, dataset, group)
    return _regressions(contest, contest.task, group)


def _networks(
    contest: Contest, dataset: Dataset, group: ProcessGroup
) -> Generator[ContestProgress, None, None]:
    problem = Problem(presets()[contest.recipe].hyperparameters, dataset)
    race = Race(
        recipe=contest.recipe,
        problem=problem,
        engines=cast(tuple[EngineName, ...], contest.entrants),
        rounds=contest.rounds,
        epochs=1,
        threads=contest.threads,
        stock_batches=None,
    )
    untrained = _untrained_accuracy(problem)
    for event in run_race(race, group):
        match event:
            case EngineDescribed():
                yield EntrantReady(event.engine, event.description)
                yield ValuesReached(event.engine, (0,), (untrained,))
            case EpochMeasured():
                yield LapMeasured(event.engine, event.round, event.seconds, event.test_accuracy)
                yield ValuesReached(event.engine, (event.epoch,), (event.test_accuracy,))


def _untrained_accuracy(problem: Problem) -> float:
    """On the test examples, of the parameters that every engine starts from."""
    activation = problem.hyperparameters.activation
    assert activation in ("relu", "sigmoid"), "a Problem allows no other"
    network = NumpyNetwork(problem.initial_parameters(), activation, batch_size=1)
    test = problem.split.test
    logits = network.logits(problem.inputs(test.images))
    return evaluate(logits.astype(np.float32), test.labels).accuracy


def _regressions(
    contest: Contest, task: RegressionTask, group: ProcessGroup
) -> Generator[ContestProgress, None, None]:
    race = RegressionRace(
        problem=RegressionProblem(task),
        forms=cast(tuple[RegressionForm, ...], contest.entrants),
        rounds=contest.rounds,
        threads=contest.threads,
        iterations_per_call=ITERATIONS_PER_CALL,
    )
    ends: dict[str, RegressionTrained] = {}
    for event in run_regression_race(race, group, traced=True):
        match event:
            case FormDescribed():
                yield EntrantReady(event.form, event.description)
            case FormMeasured():
                ends[event.form] = event.trained
                result = _result(event.trained)
                yield LapMeasured(event.form, event.round, event.iterations_per_second, result)
            case FormTraced():
                # The trace stops short of the end, which was measured.
                end, trace = ends[event.form], event.trace
                work, values = (*trace.iterations, end.iterations), (*trace.values, _value(end))
                yield ValuesReached(event.form, work, values)


def _value(trained: RegressionTrained) -> float:
    """What the curves show, after the last iteration."""
    value = trained.test_error if trained.test_error is not None else trained.train_accuracy
    assert value is not None, "each task has one of them"
    return value


def _result(trained: RegressionTrained) -> float:
    value = trained.test_error if trained.test_error is not None else trained.test_accuracy
    assert value is not None, "each task has one of them"
    return value
