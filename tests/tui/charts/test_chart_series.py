from itertools import pairwise

import numpy as np
import pytest

from mnist_tui.charts.series import Series


def steps(y: list[float]) -> Series:
    series = Series("step")
    series.extend(y, step=np.arange(1, len(y) + 1))
    return series


def test_points_appended_one_by_one_and_many_at_once_are_the_same() -> None:
    one_by_one, at_once = Series("step"), Series("step")
    values = np.random.default_rng(0).normal(size=1000)
    for step, value in enumerate(values):
        one_by_one.extend(value, step=step)
    at_once.extend(values, step=np.arange(1000))
    np.testing.assert_array_equal(one_by_one.y, at_once.y)
    np.testing.assert_array_equal(one_by_one.x("step"), at_once.x("step"))
    assert len(at_once) == 1000


def test_views_taken_before_an_append_keep_their_values() -> None:
    series = steps([1.0, 2.0])
    before = series.y
    series.extend(np.arange(500.0), step=np.arange(3, 503))
    assert before.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        series.y[0] = 7.0


@pytest.mark.parametrize(
    ("y", "step", "message"),
    [
        ([1.0], [4.0], "must not go back"),
        ([1.0, 1.0], [7.0, 6.0], "must not go back"),
        ([1.0], [np.nan], "must be finite"),
        ([1.0], [6.0, 7.0], r"step has shape \(2,\)"),
    ],
)
def test_places_that_cannot_be_drawn_are_refused_and_nothing_is_kept(
    y: list[float], step: list[float], message: str
) -> None:
    series = steps([1.0] * 5)
    with pytest.raises(ValueError, match=message):
        series.extend(y, step=step)
    assert len(series) == len(series.x("step")) == 5


def test_every_axis_must_be_given() -> None:
    series = Series("step", "epoch")
    with pytest.raises(ValueError, match=r"\['epoch', 'step'\], not \['step'\]"):
        series.extend(1.0, step=1)


def test_extrema_equal_a_plain_scan_at_every_size() -> None:
    random = np.random.default_rng(1)
    series = Series("step")
    while len(series) < 70_000:
        count = int(random.integers(1, 5000))
        values = random.normal(size=count)
        values[random.random(count) < 0.01] = np.nan
        values[random.random(count) < 0.01] = np.inf
        series.extend(values, step=np.arange(len(series), len(series) + count))
        edges = np.sort(random.integers(0, len(series) + 1, 20))
        finite = np.where(np.isfinite(series.y), series.y, np.nan)
        low, high = series.extrema(edges)
        for i, (start, stop) in enumerate(pairwise(edges)):
            expected = finite[start:stop]
            expected = expected[~np.isnan(expected)]
            if len(expected) == 0:
                assert np.isnan(low[i])
                assert np.isnan(high[i])
            else:
                assert (low[i], high[i]) == (expected.min(), expected.max())


def test_extrema_leave_out_what_no_axis_can_hold() -> None:
    low, high = steps([np.nan, 3.0, np.inf, -np.inf, 1e38, 2.0]).extrema()
    assert (low[0], high[0]) == (2.0, 3.0)


def test_smoothing_starts_at_the_data_and_follows_the_formula() -> None:
    values = np.random.default_rng(2).normal(3, 1, 20_000)
    mean, expected = 0.0, []
    for count, value in enumerate(values, start=1):
        mean = 0.97 * mean + 0.03 * value
        expected.append(mean / (1 - 0.97**count))
    smoothed = steps(values.tolist()).smoothed(0.97)
    assert smoothed.y[0] == pytest.approx(values[0])
    np.testing.assert_allclose(smoothed.y, expected, rtol=1e-10)


def test_smoothing_goes_on_where_it_stopped() -> None:
    values = np.random.default_rng(3).normal(size=300)
    growing = Series("step")
    for start in range(0, 300, 7):
        part = values[start : start + 7]
        growing.extend(part, step=np.arange(start, start + len(part)))
        growing.smoothed(0.9)
    np.testing.assert_allclose(
        growing.smoothed(0.9).y, steps(values.tolist()).smoothed(0.9).y, rtol=1e-12
    )
    assert len(growing.smoothed(0.9).x("step")) == 300


def test_smoothing_passes_over_gaps_and_can_be_changed() -> None:
    series = steps([1.0, np.nan, np.inf, 2.0])
    half = series.smoothed(0.5).y
    assert np.isnan(half[1:3]).all()
    assert half[[0, 3]].tolist() == pytest.approx([1.0, (0.25 + 1.0) / 0.75])
    assert series.smoothed(0.0) is series
    with pytest.raises(ValueError, match="below 1, not 1"):
        series.smoothed(1.0)


def test_a_place_is_read_at_the_last_point_before_it_or_one_within_reach() -> None:
    series = Series("step")
    assert series.at("step", 5) is None
    series.extend([0.1, 0.2, 0.3], step=[10, 20, 30])
    assert series.at("step", 9) is None
    assert series.at("step", 9, reach=1) == (10, 0.1)
    assert series.at("step", 29) == (20, 0.2)
    assert series.at("step", 29, reach=2) == (30, 0.3)
    assert series.at("step", 20) == (20, 0.2)
    assert series.at("step", 999) == (30, 0.3)
