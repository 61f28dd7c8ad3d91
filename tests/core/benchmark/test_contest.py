"""A race as laps and curves: standings, seconds, whose turn it is, and JSON."""

import math
from dataclasses import replace

import pytest

from mnist_core.benchmark.contest import (
    Contest,
    EntrantReady,
    LapMeasured,
    Scores,
    ValuesReached,
    scores_from_json,
    scores_to_json,
)
from mnist_core.benchmark.quartiles import Quartiles

REGRESSION = Contest("linear", ("mlx-fast", "numpy-float64"), "numpy-float64", 2, 2, 1000, 1000,
                     (100, 1))  # fmt: skip
NETWORK = Contest("mlp", ("mlx", "numpy"), "mlx", 2, 2, 60, 10, (784, 10), "mlx-docs", "digits")


def scored(contest: Contest, *laps: tuple[str, int, float]) -> Scores:
    scores = Scores(contest)
    for entrant, round_, pace in laps:
        scores.apply(LapMeasured(entrant, round_, pace, 0.5))
    return scores


def test_ratios_compare_the_same_round() -> None:
    scores = scored(
        REGRESSION,
        ("mlx-fast", 1, 100.0), ("numpy-float64", 1, 50.0),
        ("mlx-fast", 2, 300.0), ("numpy-float64", 2, 100.0),
    )  # fmt: skip
    fast, numpy = scores.standings()
    assert fast.pace == Quartiles(150.0, 200.0, 250.0)
    assert fast.ratio == Quartiles(2.25, 2.5, 2.75)
    assert numpy.ratio is None
    assert scores.next_turn is None


def test_a_race_under_way_has_standings_too() -> None:
    scores = scored(REGRESSION, ("mlx-fast", 1, 100.0))
    (fast,) = scores.standings()
    assert fast.ratio is None, "the baseline has not run"
    assert scores.next_turn == ("numpy-float64", 1)
    scores.apply(LapMeasured("numpy-float64", 1, 50.0, 0.5))
    scores.apply(LapMeasured("mlx-fast", 2, 100.0, 0.5))
    fast, numpy = scores.standings()
    assert (fast.laps, numpy.laps) == (2, 1)
    assert fast.ratio == Quartiles(2.0, 2.0, 2.0), "of the one round in which both have run"


def test_seconds_of_a_regression_are_iterations_at_its_median_rate() -> None:
    scores = Scores(REGRESSION)
    scores.apply(ValuesReached("mlx-fast", (0, 10, 100), (5.0, 4.0, 3.0)))
    assert scores.seconds("mlx-fast") == []
    for round_, rate in ((1, 50.0), (2, 150.0)):
        scores.apply(LapMeasured("mlx-fast", round_, rate, 0.5))
    assert scores.seconds("mlx-fast") == [0.0, 0.1, 1.0]


def test_seconds_of_a_network_add_up() -> None:
    scores = Scores(NETWORK)
    scores.apply(ValuesReached("mlx", (0,), (0.1,)))
    for epoch, seconds in ((1, 0.5), (2, 0.25)):
        scores.apply(LapMeasured("mlx", epoch, seconds, 0.9))
        scores.apply(ValuesReached("mlx", (epoch,), (0.9,)))
    assert scores.seconds("mlx") == [0.0, 0.5, 0.75]


def test_scores_survive_json() -> None:
    scores = scored(NETWORK, ("mlx", 1, 0.5))
    scores.apply(EntrantReady("mlx", "MLX on the cpu"))
    scores.apply(ValuesReached("mlx", (0, 1), (0.1, math.inf)))
    again = scores_from_json(NETWORK, scores_to_json(scores))
    assert (again.laps, again.descriptions) == (scores.laps, scores.descriptions)
    work, values = again.curves["mlx"]
    assert work == [0, 1]
    assert values[0] == 0.1
    assert math.isnan(values[1]), "what is not finite is not told apart"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"descriptions": {}, "laps": [["nobody", 1, 1.0, 0.5]], "curves": {}},
        {"descriptions": {}, "laps": [["mlx", 1, 0.0, 0.5]], "curves": {}},
        {"descriptions": {}, "laps": [], "curves": {"mlx": [[0, 1], [0.5]]}},
    ],
)
def test_other_json_is_refused(values: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        scores_from_json(replace(NETWORK), values)
