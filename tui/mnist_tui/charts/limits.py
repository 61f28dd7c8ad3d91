"""The limits of a plot's axes: what must be in view, in steps that seldom change."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mnist_tui.charts.axes import Limits, Scale, stepped_limits
from mnist_tui.charts.plot import Plot, YAxis
from mnist_tui.charts.raster import Columns
from mnist_tui.charts.view import Extent

_SMALLEST_ON_LOG = 1e-30
_FEWEST_POINTS = 4
"""Of the densest curve, in the smallest window."""
_OUTLIERS = 5.0
"""Percent of the columns of a curve, at either end, that limits may leave out."""


def x_limits(plot: Plot, current: Limits | None) -> Limits:
    """From 0 to the planned end, or as far as the curves go; `current` while it serves."""
    axis = plot.x
    if axis.window is not None:
        return Limits(*axis.window, axis.scale)
    places = [curve.series.x(axis.column) for curve in plot.curves if len(curve.series)]
    low = min((float(place[0]) for place in places), default=0.0)
    high = max((float(place[-1]) for place in places), default=1.0)
    low = max(low, _SMALLEST_ON_LOG) if axis.scale is Scale.LOG else min(low, 0.0)
    if axis.end is not None and low < axis.end >= high:
        return Limits(low, axis.end, axis.scale)
    high = max(high, low + 1e-9)
    if axis.scale is Scale.LINEAR and high < 1:
        # A first moment on the axis of time should not show limits of microseconds.
        high = 1.0
    limits = stepped_limits(current, low, high, axis.scale)
    if current is not None and limits.high > current.high:
        # What has outgrown its axis will go on growing.
        limits = stepped_limits(None, low, low + 1.25 * (high - low), axis.scale)
    return limits


def extent(plot: Plot) -> Extent | None:
    """All that `plot` could show on its x axis, whatever its window; None without points."""
    every = [curve.series.x(plot.x.column) for curve in plot.curves if len(curve.series)]
    if not every:
        return None
    limits = x_limits(replace(plot, x=replace(plot.x, window=None)), None)
    steps = [float(x[-1] - x[0]) / (len(x) - 1) for x in every if len(x) > 1 and x[-1] > x[0]]
    smallest = _FEWEST_POINTS * min(steps, default=limits.high - limits.low)
    return Extent(limits.low, limits.high, smallest)


def y_limits(axis: YAxis, curves: Sequence[Columns], current: Limits | None) -> Limits:
    """Round limits around what `curves` do on the plot area; `current` while it serves."""
    if axis.window is not None:
        return Limits(*axis.window, axis.scale)
    values = np.concatenate(
        [np.empty(0), *(_reached(curve, axis.ignore_outliers) for curve in curves)]
    )
    if axis.scale is Scale.LOG:
        values = values[values >= _SMALLEST_ON_LOG]
    elif axis.include is not None:
        values = np.append(values, axis.include)
    if len(values) == 0:
        return Limits(0.1, 1.0, axis.scale) if current is None else current
    low, high = float(values.min()), float(values.max())
    return stepped_limits(current, low, high, axis.scale, axis.bounds)


def _reached(curve: Columns, ignore_outliers: bool) -> NDArray[np.float64]:
    """Lows and highs of the columns on the plot area, without NaN, perhaps without outliers."""
    known = curve.inside & ~np.isnan(curve.low)
    low, high = curve.low[known], curve.high[known]
    reached = np.concatenate([low, high])
    if ignore_outliers and len(low):
        lowest, highest = np.percentile(low, _OUTLIERS), np.percentile(high, 100 - _OUTLIERS)
        reached = reached[(lowest <= reached) & (reached <= highest)]
    return reached
