"""Axes as numbers: scales, limits that move in steps, and the labels of their ticks."""

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from mnist_tui.text.numbers import duration

SMALLEST_ON_LOG = 1e-30
"""Smaller values do not move the limits of a log axis."""
_SAME = 1e-6
"""The difference, relative to the values, that may come from rounding to float32 alone."""
_NICE = (1.0, 2.0, 2.5, 5.0, 10.0)
_NICE_LOG = (1.0, 2.0, 5.0, 10.0)


class Scale(Enum):
    LINEAR = "linear"
    LOG = "log"

    def forward(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """`values` where this scale is even; on a log scale what is not positive is -infinity."""
        if self is Scale.LINEAR:
            return values
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(values <= 0, -np.inf, np.log10(values))

    def inverse(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values if self is Scale.LINEAR else np.power(10.0, values)


@dataclass(frozen=True, slots=True)
class Limits:
    """The ends of an axis: low < high, finite, and positive on a log scale."""

    low: float
    high: float
    scale: Scale = Scale.LINEAR

    def fractions(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where `values` lie: 0 at low, 1 at high, NaN for NaN."""
        low, high = self._even()
        return (self.scale.forward(values) - low) / (high - low)

    def values(self, fractions: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high = self._even()
        return self.scale.inverse(low + fractions * (high - low))

    def fraction(self, value: float) -> float:
        return float(self.fractions(np.array([value]))[0])

    def value(self, fraction: float) -> float:
        return float(self.values(np.array([fraction]))[0])

    def _even(self) -> tuple[float, float]:
        if self.scale is Scale.LINEAR:
            return self.low, self.high
        return math.log10(self.low), math.log10(self.high)


def nice_step(span: float, most: int) -> float:
    """The smallest 1, 2, 2.5 or 5 times a power of ten that goes at most `most` times into `span`.

    `span` must be positive.
    """
    rough = span / max(most, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    return next(nice * power for nice in _NICE if nice * power >= rough * (1 - 1e-9))


def nice_limits(low: float, high: float, scale: Scale = Scale.LINEAR) -> Limits:
    """Round limits that hold low <= high; a log scale needs low > 0."""
    if scale is Scale.LOG:
        below, above = _round_log(low, up=False), _round_log(high, up=True)
        return Limits(below, above if above > below else 10 * below, scale)
    if high - low <= _SAME * max(abs(low), abs(high), 1e-3):
        margin = max(abs(low) * 0.1, 0.01)
        low, high = low - margin, high + margin
    step = nice_step(high - low, 8)
    return Limits(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step)


def stepped_limits(
    current: Limits | None,
    low: float,
    high: float,
    scale: Scale = Scale.LINEAR,
    bounds: tuple[float, float] | None = None,
) -> Limits:
    """`current` while it serves, else new round limits that hold low <= high, within `bounds`.

    It serves while the values lie within and new limits would not be less than half as long, so
    that an axis seldom moves and never trembles.
    """
    fresh = nice_limits(low, high, scale)
    if bounds is not None:
        fresh = _bounded(fresh, *bounds)
    if current is None or current.scale is not scale:
        return fresh
    if current.fraction(low) < -1e-9 or current.fraction(high) > 1 + 1e-9:
        return fresh
    length = current.fraction(fresh.high) - current.fraction(fresh.low)
    return fresh if length < 0.5 else current


def _bounded(limits: Limits, lowest: float, highest: float) -> Limits:
    """The part of `limits` within bounds; the bounds when all of it lies beyond."""
    low, high = max(limits.low, lowest), min(limits.high, highest)
    if low >= high:
        low, high = lowest, highest
        if limits.scale is Scale.LOG and low <= 0:
            low = high / 100
    return Limits(low, high, limits.scale)


def _round_log(value: float, up: bool) -> float:
    """`value` > 0 rounded to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    if up:
        return power * next(nice for nice in _NICE_LOG if nice >= value / power * (1 - 1e-9))
    return power * max(nice for nice in _NICE_LOG if nice <= value / power * (1 + 1e-9))


_DURATIONS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)

_DIGITS = 17
"""More tell no two float64 apart."""
_FEWEST = 2
"""Values that tell the length of an axis."""
_SEVERAL = 2
"""Epochs on an axis that need no label between them."""


class AxisUnit(Enum):
    """What an axis counts."""

    NUMBER = "number"
    COUNT = "count"
    """Whole numbers, such as steps."""
    PERCENT = "percent"
    """Fractions, written as percentages."""
    SECONDS = "seconds"
    EPOCHS = "epochs"
    """Whole numbers while there are several, and what lies between two."""


def format_value(value: float, unit: AxisUnit = AxisUnit.NUMBER) -> str:
    """`value` for reading: the width stays as it is while the size of the number does."""
    if not math.isfinite(value):
        return f"{value}".rjust(6)
    match unit:
        case AxisUnit.COUNT:
            return f"{value:.0f}"
        case AxisUnit.PERCENT:
            return f"{100 * value:.2f} %".rjust(7)
        case AxisUnit.EPOCHS:
            return f"{value:.2f}"
        case AxisUnit.SECONDS:
            return _duration(value, 0.1 if value < 100 else 1)
        case AxisUnit.NUMBER:
            size = abs(value)
            if size >= 1e5 or 0 < size < 1e-3:
                return f"{value:.1e}"
            digits = 4 if size < 10 else 3 if size < 100 else 2 if size < 1000 else 1
            return f"{value:.{digits}f}".rjust(6)


def ticks(limits: Limits, unit: AxisUnit, most: int) -> list[tuple[float, str]]:
    """Round values in `limits`, ascending, at most about `most` steps apart, with their labels.

    There are always two or more, and no two labels are the same.
    """
    values, labels = _labelled(limits, unit, most)
    digits = 2
    while len(set(labels)) < len(labels) and digits < _DIGITS:
        digits += 1
        is_percent = unit is AxisUnit.PERCENT
        factor, sign = (100, "%") if is_percent else (1, "s" * (unit is AxisUnit.SECONDS))
        labels = [f"{factor * value:.{digits}g}{sign}" for value in values]
    return list(zip(values, labels, strict=True))


def _labelled(limits: Limits, unit: AxisUnit, most: int) -> tuple[list[float], list[str]]:
    """Round values, and what they are called on an axis that is not too short for its values."""
    if limits.scale is Scale.LOG:
        values = _log_values(limits, most)
        if len(values) < _FEWEST:
            # Between two powers of ten, other round numbers have to do.
            values, _ = _round_values(limits, AxisUnit.NUMBER, most)
            values = [value for value in values if value >= limits.low * (1 - 1e-9)]
        if len(values) < _FEWEST:
            values = [limits.low, limits.high]
        if unit is AxisUnit.PERCENT:
            return values, [f"{_plain(100 * value)}%" for value in values]
        return values, [_plain(value) for value in values]
    values, step = _round_values(limits, unit, most)
    largest = max(abs(limits.low), abs(limits.high))
    return values, [_label(value, step, largest, unit) for value in values]


def _round_values(limits: Limits, unit: AxisUnit, most: int) -> tuple[list[float], float]:
    """Multiples of a round step, and that step; the ends of the axis where only one fits."""
    span = limits.high - limits.low
    # A short axis may lie between two multiples of the step that its length asks for.
    for finer in (1, 2, 4, 8):
        step = _step(span, unit, finer * most)
        first = math.ceil(limits.low / step - 1e-9)
        last = math.floor(limits.high / step + 1e-9)
        if last > first:
            return [number * step for number in range(first, last + 1)], step
    return [limits.low, limits.high], span / 10


def _step(span: float, unit: AxisUnit, most: int) -> float:
    if unit is AxisUnit.SECONDS and span / most > 1:
        return next((step for step in _DURATIONS if step * most >= span), nice_step(span, most))
    step = nice_step(span, most)
    if unit is AxisUnit.COUNT or (unit is AxisUnit.EPOCHS and span >= _SEVERAL):
        return 1.0 if step < 1 else float(round(step)) if step != 2.5 else 5.0
    return step


def _log_values(limits: Limits, most: int) -> list[float]:
    """Powers of ten; when few, also twice and five times these; when many, each so many."""
    low, high = math.log10(limits.low), math.log10(limits.high)
    stride = max(1, math.ceil((high - low) / max(most, 1)))
    mantissas: tuple[int, ...] = (1,)
    if 3 * (high - low) <= most:
        mantissas = (1, 2, 5)
    elif 2 * (high - low) <= most:
        mantissas = (1, 3)
    decades = range(math.floor(low), math.ceil(high) + 1)
    lowest, highest = limits.low * (1 - 1e-9), limits.high * (1 + 1e-9)
    found: list[float] = []
    # So many powers may lie around the ends of the axis and not within: then every other one.
    while len(found) < _FEWEST and stride:
        values = (m * 10.0**decade for decade in decades if not decade % stride for m in mantissas)
        found = [value for value in values if lowest <= value <= highest]
        stride //= 2
    return found


def _label(value: float, step: float, largest: float, unit: AxisUnit) -> str:
    if largest >= 1e9:
        return f"{value:.1e}" if value else "0"
    if unit is AxisUnit.SECONDS:
        return _duration(value, step)
    if unit is AxisUnit.PERCENT:
        return f"{100 * value:.{_decimals(100 * step)}f}%"
    if largest >= 1e6 and step >= 1e4:
        return f"{value / 1e6:.{_decimals(step / 1e6)}f}M" if value else "0"
    if largest >= 1e4 and step >= 1e2:
        return f"{value / 1e3:.{_decimals(step / 1e3)}f}k" if value else "0"
    if step < 1e-4 or abs(value) >= 1e6:
        return f"{value:.1e}" if value else "0"
    return f"{value:.{_decimals(step)}f}"


def _decimals(step: float) -> int:
    """Decimals that tell neighbouring multiples of `step` apart."""
    places = 0
    while places < 6 and abs(step * 10**places - round(step * 10**places)) > 1e-6:
        places += 1
    return places


def _plain(value: float) -> str:
    if 1e-4 <= value < 1e5:
        return f"{value:g}"
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def _duration(seconds: float, step: float) -> str:
    if step < 1:
        return f"{seconds:.{_decimals(step)}f}s"
    whole = round(seconds)
    if whole < 60 or (whole < 120 and step < 60):
        return f"{whole}s"
    return duration(seconds)
