import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mnist_tui.charts.axes import (
    AxisUnit,
    Limits,
    Scale,
    format_value,
    nice_limits,
    stepped_limits,
    ticks,
)


def test_limits_are_round_and_hold_the_values() -> None:
    assert nice_limits(0.0, 2.37) == Limits(0.0, 2.5)
    assert nice_limits(0.031, 2.37, Scale.LOG) == Limits(0.02, 5.0, Scale.LOG)
    random = np.random.default_rng(0)
    for _ in range(300):
        low = random.normal() * 10.0 ** random.integers(-8, 9)
        high = low + random.random() * 10.0 ** random.integers(-8, 9)
        limits = nice_limits(low, high)
        assert limits.low < limits.high
        assert limits.fraction(low) >= -1e-6
        assert limits.fraction(high) <= 1 + 1e-6


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 1e30, 1e-30])
def test_one_value_alone_still_has_limits_around_it(value: float) -> None:
    limits = nice_limits(value, value)
    assert limits.low <= value <= limits.high
    assert limits.low < limits.high


def test_limits_move_in_steps_and_do_not_tremble() -> None:
    limits = stepped_limits(None, 0.0, 2.3)
    assert limits == Limits(0.0, 2.5)
    for high in (2.4, 2.5, 2.1, 1.6, 2.0):
        assert stepped_limits(limits, 0.0, high) is limits
    grown = stepped_limits(limits, 0.0, 2.6)
    assert grown.high > 2.6
    assert stepped_limits(grown, 0.0, 2.4) is grown
    assert stepped_limits(limits, 0.0, 0.9) == Limits(0.0, 1.0)


def test_limits_stay_within_bounds() -> None:
    assert stepped_limits(None, 0.93, 0.998, bounds=(0.0, 1.0)).high == 1.0
    assert stepped_limits(None, 1.0, 1.0, bounds=(0.0, 1.0)).high == 1.0


def test_a_log_scale_puts_decades_at_even_distances() -> None:
    limits = Limits(0.01, 100.0, Scale.LOG)
    np.testing.assert_allclose(
        limits.fractions(np.array([0.01, 0.1, 1, 10, 100])), [0, 0.25, 0.5, 0.75, 1]
    )
    assert limits.fraction(0.0) == limits.fraction(-1.0) == -np.inf
    assert limits.value(0.75) == pytest.approx(10)


def labels(limits: Limits, unit: AxisUnit, most: int) -> list[str]:
    return [label for _, label in ticks(limits, unit, most)]


def test_ticks_are_labelled_in_the_unit_of_the_axis() -> None:
    assert labels(Limits(0, 2.5), AxisUnit.NUMBER, 6) == ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]
    assert labels(Limits(0, 2350), AxisUnit.COUNT, 6) == ["0", "500", "1000", "1500", "2000"]
    assert labels(Limits(0, 3), AxisUnit.COUNT, 9) == ["0", "1", "2", "3"]
    assert labels(Limits(0, 1_000_000), AxisUnit.COUNT, 2) == ["0", "0.5M", "1.0M"]
    assert labels(Limits(0.9, 1), AxisUnit.PERCENT, 3) == ["90%", "95%", "100%"]
    assert labels(Limits(0, 150), AxisUnit.SECONDS, 4) == ["0s", "1:00", "2:00"]
    assert labels(Limits(0.01, 10, Scale.LOG), AxisUnit.NUMBER, 4) == ["0.01", "0.1", "1", "10"]


def test_there_are_always_two_ticks() -> None:
    random = np.random.default_rng(4)
    for scale in Scale:
        for unit in AxisUnit:
            for _ in range(50):
                low = random.random() + 0.01
                high = low * (1 + 10.0 ** random.integers(-5, 5))
                assert len(ticks(Limits(low, high, scale), unit, 2)) >= 2


def test_values_keep_their_width_while_they_change() -> None:
    assert {len(format_value(value)) for value in (0.0, 0.0013, 2.3, 23.4, 234.5, 2345.6)} == {6}
    assert format_value(float("nan")).strip() == "nan"
    assert format_value(0.9412, AxisUnit.PERCENT) == "94.12 %"
    assert format_value(75.2, AxisUnit.SECONDS) == "75.2s"


@pytest.mark.parametrize(
    ("low", "high", "scale", "unit", "labels"),
    [
        (176.25, 294.0, Scale.LINEAR, AxisUnit.COUNT, ["200", "250"]),
        (2.6176, 5.9, Scale.LOG, AxisUnit.SECONDS, ["3", "4", "5"]),
        (0.11, 0.92, Scale.LINEAR, AxisUnit.NUMBER, ["0.25", "0.50", "0.75"]),
        (95.0, 105.0, Scale.LINEAR, AxisUnit.SECONDS, ["95s", "100s", "105s"]),
    ],
)
def test_a_short_axis_has_round_values_too(
    low: float, high: float, scale: Scale, unit: AxisUnit, labels: list[str]
) -> None:
    assert [label for _, label in ticks(Limits(low, high, scale), unit, 2)] == labels


def test_between_two_steps_the_ends_of_the_axis_are_labelled() -> None:
    shown = ticks(Limits(3.1, 3.6), AxisUnit.COUNT, 2)
    assert shown == [(3.1, "3.10"), (3.6, "3.60")]


@given(
    low=st.floats(0, 1e12),
    length=st.floats(1e-5, 10) | st.floats(-3, 30).map(lambda power: 10.0**power),
    unit=st.sampled_from(AxisUnit),
    scale=st.sampled_from(Scale),
    most=st.integers(2, 12),
)
@example(low=2.4, length=1e-5, unit=AxisUnit.NUMBER, scale=Scale.LINEAR, most=5)
@example(low=0.06, length=1e-5, unit=AxisUnit.PERCENT, scale=Scale.LOG, most=5)
@example(low=1e9, length=0.05, unit=AxisUnit.NUMBER, scale=Scale.LINEAR, most=5)
@example(low=5.0, length=4e11, unit=AxisUnit.NUMBER, scale=Scale.LOG, most=2)
def test_no_two_ticks_have_the_same_label(
    low: float, length: float, unit: AxisUnit, scale: Scale, most: int
) -> None:
    low = max(low, 1e-6)
    if unit is AxisUnit.PERCENT:
        low = min(low, 1.0)
    limits = Limits(low, low + length * low, scale)
    found = ticks(limits, unit, most)
    assert len(found) >= 2
    assert all(-1e-6 <= limits.fraction(value) <= 1 + 1e-6 for value, _ in found)
    labels = [label for _, label in found]
    assert len(set(labels)) == len(labels)


def test_what_differs_by_rounding_alone_is_drawn_as_the_same() -> None:
    kept = float(np.float32(0.075))
    assert kept != 0.075
    limits = nice_limits(min(kept, 0.075), max(kept, 0.075))
    assert limits.high - limits.low > 0.01
