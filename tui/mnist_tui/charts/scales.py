"""Axes as numbers: scales, limits, and limits that move in steps."""

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

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
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-3):
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
