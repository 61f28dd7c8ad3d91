"""Curves as dots: what a polyline does in each column, then which dots of each cell it fills.

A cell of a terminal holds two by four dots in braille. All points that share a column of dots are
known by their first, last, smallest and largest value, which loses nothing a column can show
(Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mnist_tui.charts.axes import Limits
from mnist_tui.charts.series import Series, drawable

DOT_COLUMNS = 2
DOT_ROWS = 4
BRAILLE = 0x2800

# The bits of Unicode's braille patterns, from the top, of the left and the right column.
_LEFT = (0x01, 0x02, 0x04, 0x40)
_RIGHT = (0x08, 0x10, 0x20, 0x80)
_FAR = 1e6


@dataclass(frozen=True, slots=True)
class Columns:
    """A curve in columns of dots: one entry for each column that holds points."""

    column: NDArray[np.float64]
    """(entries,), ascending. The outermost may lie outside, where a line comes from or goes to."""
    first: NDArray[np.float64]
    """(entries,) Value of the first point in the column, NaN for a gap."""
    last: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    gaps: NDArray[np.bool_]
    """(columns,) Whether a value that cannot be drawn lies in the column."""

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(entries,) Whether the entry lies on the plot area."""
        return (self.column >= 0) & (self.column < len(self.gaps))


def dot_of(fraction: float, dots: int) -> int:
    """The dot, counted from 0, of a fraction of an axis that spans `dots` dots."""
    return int(np.floor(fraction * (dots - 1) + 0.5))


def by_column(series: Series, axis: str, limits: Limits, columns: int) -> Columns:
    """What `series` does in each of `columns` >= 2 columns of dots between `limits` of `axis`."""
    x = series.x(axis)[: len(series)]
    borders = (np.arange(columns + 1) - 0.5) / (columns - 1)
    edges = np.searchsorted(x, limits.values(borders)).astype(np.int64)
    low, high = series.extrema(edges)
    full = np.flatnonzero(edges[:-1] < edges[1:])
    start, stop = edges[:-1][full], edges[1:][full] - 1

    outside = np.array([edges[0] - 1, edges[-1]])
    left, right = outside[:1][outside[:1] >= 0], outside[1:][outside[1:] < len(x)]
    around = np.concatenate([left, right])
    places = limits.fractions(x[around]) * (columns - 1)
    values = drawable(series.y[around])
    split = len(left)

    def join(middle: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate([values[:split], middle, values[split:]])

    return Columns(
        column=np.concatenate([places[:split], full, places[split:]]),
        first=join(drawable(series.y[start])),
        last=join(drawable(series.y[stop])),
        low=join(low[full]),
        high=join(high[full]),
        gaps=series.gaps(edges),
    )


def line_cells(curve: Columns, limits: Limits, rows: int) -> NDArray[np.uint8]:
    """The braille bits, (rows, columns / 2), of the points joined by straight lines.

    `limits` are those of y, from the lowest to the highest dot. What lies beyond is cut off.
    """
    width, height = len(curve.gaps), rows * DOT_ROWS
    low = np.full(width, np.nan)
    high = np.full(width, np.nan)
    inside = curve.inside
    at = curve.column[inside].astype(np.int64)
    low[at] = _dots(curve.low[inside], limits, height)
    high[at] = _dots(curve.high[inside], limits, height)
    start, stop = np.floor(low + 0.5), np.floor(high + 0.5)

    crossing = _crossings(curve, limits, height)
    low = np.fmin(low, np.fmin(crossing[:-1], crossing[1:]))
    high = np.fmax(high, np.fmax(crossing[:-1], crossing[1:]))
    # A line covers the dots of a half-open stretch, so that a slope of one is one dot wide.
    line_start, line_stop = np.ceil(low), np.ceil(high) - 1
    flat = line_stop < line_start
    line_start[flat] = line_stop[flat] = np.floor((low + high)[flat] / 2 + 0.5)
    start, stop = np.fmin(start, line_start), np.fmax(stop, line_stop)

    empty = np.isnan(start)
    start[empty], stop[empty] = height, -1
    top = height - 1 - np.clip(stop, -1, height)
    bottom = height - 1 - np.clip(start, -1, height)
    return _braille(top.astype(np.int64), bottom.astype(np.int64), rows)


def marker_cells(
    curve: Columns, limits: Limits, rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The cells (row from the top, column) of the points; of a crowded column its extremes."""
    inside = curve.inside
    height = rows * DOT_ROWS
    columns = np.tile(curve.column[inside], 2) // DOT_COLUMNS
    values = np.concatenate([curve.low[inside], curve.high[inside]])
    dots = np.floor(_dots(values, limits, height) + 0.5)
    shown = (dots >= 0) & (dots < height)
    cells = rows - 1 - dots[shown] // DOT_ROWS
    return cells.astype(np.int64), columns[shown].astype(np.int64)


def dashed(bits: NDArray[np.uint8], on: int, off: int) -> NDArray[np.uint8]:
    """Braille `bits` (rows, cells) with only `on` of every `on + off` columns of dots left."""
    kept = np.arange(bits.shape[1] * DOT_COLUMNS) % (on + off) < on
    left, right = sum(_LEFT), sum(_RIGHT)
    mask = kept[0::2] * left + kept[1::2] * right
    return bits & mask.astype(np.uint8)


def _dots(values: NDArray[np.float64], limits: Limits, height: int) -> NDArray[np.float64]:
    """Height in dots above the lowest; what no scale can hold is far outside, but finite."""
    return np.clip(limits.fractions(values), -_FAR, _FAR) * (height - 1)


def _crossings(curve: Columns, limits: Limits, height: int) -> NDArray[np.float64]:
    """(columns + 1,) Where the lines between entries cross the borders of columns; NaN: no line."""
    borders = np.arange(len(curve.gaps) + 1) - 0.5
    if len(curve.column) < 2:
        return np.full(len(borders), np.nan)
    entry = np.searchsorted(curve.column, borders) - 1
    between = (entry >= 0) & (entry < len(curve.column) - 1)
    entry = np.clip(entry, 0, len(curve.column) - 2)
    here, there = curve.column[entry], curve.column[entry + 1]
    begin = _dots(curve.last, limits, height)[entry]
    end = _dots(curve.first, limits, height)[entry + 1]
    heights = begin + (end - begin) * (borders - here) / (there - here)
    return np.where(between, heights, np.nan)


def _braille(top: NDArray[np.int64], bottom: NDArray[np.int64], rows: int) -> NDArray[np.uint8]:
    """Bits of the dots top[i] .. bottom[i], both counted from the top, of each column i."""
    cell_tops = DOT_ROWS * np.arange(rows)[:, None]
    begin = np.clip(top - cell_tops, 0, DOT_ROWS)
    end = np.clip(bottom + 1 - cell_tops, 0, DOT_ROWS)
    left, right = _fills(_LEFT), _fills(_RIGHT)
    bits: NDArray[np.uint8] = left[begin[:, 0::2], end[:, 0::2]]
    bits |= right[begin[:, 1::2], end[:, 1::2]]
    return bits


@cache
def _fills(bits: tuple[int, ...]) -> NDArray[np.uint8]:
    """(5, 5) The bits of the dots begin <= dot < end."""
    ends = range(DOT_ROWS + 1)
    return np.array([[sum(bits[begin:end]) for end in ends] for begin in ends], np.uint8)
