"""A race as laps and curves: quartiles, ratios, seconds, whose turn it is, and JSON."""

import math
from dataclasses import replace

import pytest

from mnist_core.benchmark.race import (
    CurveReached,
    EntrantReady,
    Lap,
    Quartiles,
    Race,
    RaceScore,
    quartiles,
)

REGRESSION = Race("linear", ("mlx-fast", "numpy-float64"), "numpy-float64", 2, 2, 1000, 1000,
                     (100, 1))  # fmt: skip
NETWORK = Race("mlp", ("mlx", "numpy"), "mlx", 2, 2, 60, 10, (784, 10), "mlx-docs", "digits")


def scored(race: Race, *laps: tuple[str, int, float]) -> RaceScore:
    score = RaceScore(race)
    for entrant, round_, pace in laps:
        score.apply(Lap(entrant, round_, pace, 0.5))
    return score


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], Quartiles(3, 3, 3)),
        ([4.0, 2.0], Quartiles(2.5, 3, 3.5)),
        ([5.0, 1.0, 2.0, 4.0, 3.0], Quartiles(2, 3, 4)),
    ],
)
def test_quartiles(values: list[float], expected: Quartiles) -> None:
    assert quartiles(values) == expected


def test_ratios_compare_the_same_round() -> None:
    score = scored(
        REGRESSION,
        ("mlx-fast", 1, 100.0), ("numpy-float64", 1, 50.0),
        ("mlx-fast", 2, 300.0), ("numpy-float64", 2, 100.0),
    )  # fmt: skip
    assert score.pace("mlx-fast") == Quartiles(150.0, 200.0, 250.0)
    assert score.ratio("mlx-fast") == Quartiles(2.25, 2.5, 2.75)
    assert score.ratio("numpy-float64") is None
    assert score.next_turn is None


def test_ratios_are_taken_within_each_round() -> None:
    # The machine was busy in round 2: both were slow, and their ratio was not.
    score = RaceScore(replace(NETWORK, rounds=3))
    for round_, seconds in ((1, 1.0), (2, 10.0), (3, 1.0)):
        score.apply(Lap("mlx", round_, seconds, round_ / 10))
        score.apply(Lap("numpy", round_, 2 * seconds, round_ / 10))
    assert score.ratio("mlx") is None
    assert score.ratio("numpy") == Quartiles(2, 2, 2)
    assert score.pace("mlx") == Quartiles(1, 1, 5.5)
    laps = score.laps_of("numpy")
    assert (len(laps), laps[-1].result) == (3, 0.3)
    assert [lap.result for lap in laps] == [0.1, 0.2, 0.3]


def test_a_race_under_way_has_a_score_too() -> None:
    score = scored(REGRESSION, ("mlx-fast", 1, 100.0))
    assert score.pace("mlx-fast") is not None
    assert score.pace("numpy-float64") is None
    assert score.ratio("mlx-fast") is None, "the baseline has not run"
    assert score.next_turn == ("numpy-float64", 1)
    score.apply(Lap("numpy-float64", 1, 50.0, 0.5))
    score.apply(Lap("mlx-fast", 2, 100.0, 0.5))
    assert [len(score.laps_of(entrant)) for entrant in REGRESSION.entrants] == [2, 1]
    assert score.ratio("mlx-fast") == Quartiles(2.0, 2.0, 2.0), (
        "of the one round in which both have run"
    )


def test_seconds_of_a_regression_are_iterations_at_its_median_rate() -> None:
    score = RaceScore(REGRESSION)
    score.apply(CurveReached("mlx-fast", (0, 10, 100), (5.0, 4.0, 3.0)))
    assert score.seconds("mlx-fast") == []
    for round_, rate in ((1, 50.0), (2, 150.0)):
        score.apply(Lap("mlx-fast", round_, rate, 0.5))
    assert score.seconds("mlx-fast") == [0.0, 0.1, 1.0]


def test_seconds_of_a_network_add_up() -> None:
    score = RaceScore(NETWORK)
    score.apply(CurveReached("mlx", (0,), (0.1,)))
    for epoch, seconds in ((1, 0.5), (2, 0.25)):
        score.apply(Lap("mlx", epoch, seconds, 0.9))
        score.apply(CurveReached("mlx", (epoch,), (0.9,)))
    assert score.seconds("mlx") == [0.0, 0.5, 0.75]


def test_a_score_survives_json() -> None:
    score = scored(NETWORK, ("mlx", 1, 0.5))
    score.apply(EntrantReady("mlx", "MLX on the cpu"))
    score.apply(CurveReached("mlx", (0, 1), (0.1, math.inf)))
    again = RaceScore.from_json(NETWORK, score.to_json())
    assert (again.laps, again.descriptions) == (score.laps, score.descriptions)
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
        RaceScore.from_json(replace(NETWORK), values)
