"""What is drawn onto the plot area: curves as dots, ends of epochs, annotations and the cursor.

A cell of a terminal holds two by four dots in braille. All points that share a column of dots are
known by their first, last, smallest and largest value, which loses nothing a column can show
(Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation", VLDB 2014).
"""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mnist_tui.charts.axes import Limits, format_value
from mnist_tui.charts.plot import Ink, LineStyle, Plot
from mnist_tui.charts.series import Series, drawable

DOT_COLUMNS = 2
DOT_ROWS = 4
BRAILLE = 0x2800

# The bits of Unicode's braille patterns, from the top, of the left and the right column.
_LEFT = (0x01, 0x02, 0x04, 0x40)
_RIGHT = (0x08, 0x10, 0x20, 0x80)
_FAR = 1e6

Codes = NDArray[np.uint32]
Inks = NDArray[np.int64]

_BLANK = ord(" ")
_BOUNDARY = ord("┊")
_ANNOTATION = ord("╎")
_CURSOR = ord("│")
_GAP = ord("\N{MULTIPLICATION SIGN}")
_DASHES = {LineStyle.DASHED: (4, 2), LineStyle.DOTTED: (1, 1)}
_BOUNDARY_DISTANCE = 4
_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class PlotArea:
    """Where the curves are, in cells of the picture, and between which values."""

    left: int
    top: int
    width: int
    height: int
    x: Limits
    y: Limits
    right: Limits | None = None
    """Of the curves over the axis on the right."""

    def x_at(self, column: int) -> float:
        """The place on the x axis at the middle of a column of the picture."""
        dot = 2 * (column - self.left) + 0.5
        return self.x.value(min(max(dot / (2 * self.width - 1), 0.0), 1.0))


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


def draw_boundaries(plot: Plot, area: PlotArea, codes: Codes, inks: Inks) -> None:
    """Draw the boundaries onto the plot area's part of a picture; curves may hide them."""
    places = np.asarray(plot.boundaries, np.float64)
    columns = np.floor(area.x.fractions(places) * (2 * area.width - 1) + 0.5) // 2
    columns = columns[(columns > 0) & (columns < area.width)]
    if len(columns) == 0:
        return
    # Of boundaries that would crowd each other only every second, fifth, tenth ... is drawn.
    distance = (columns[-1] - columns[0]) / max(len(columns) - 1, 1)
    stride = next(
        n * 10**power
        for power in range(10)
        for n in (1, 2, 5)
        if n * 10**power * distance >= _BOUNDARY_DISTANCE or n * 10**power >= len(columns)
    )
    shown = columns[stride - 1 :: stride].astype(np.int64)
    codes[:, shown] = _BOUNDARY
    inks[:, shown] = Ink.BOUNDARY


def draw_curves(
    plot: Plot, curves: list[Columns], area: PlotArea, codes: Codes, inks: Inks
) -> None:
    """Draw the curves, given by columns of dots, and the places where a value has no dot."""
    gaps = np.zeros(area.width, np.bool_)
    for index, (curve, columns) in enumerate(zip(plot.curves, curves, strict=True)):
        gaps |= columns.gaps.reshape(-1, 2).any(axis=1)
        y = area.right if curve.right and area.right is not None else area.y
        if curve.line is not LineStyle.NONE:
            bits = line_cells(columns, y, area.height)
            if curve.line in _DASHES:
                bits = dashed(bits, *_DASHES[curve.line])
            drawn = bits > 0
            codes[drawn] = BRAILLE + bits[drawn].astype(np.uint32)
            inks[drawn] = Ink.CURVE + index
        if curve.marker:
            cells = marker_cells(columns, y, area.height)
            codes[cells] = ord(curve.marker)
            inks[cells] = Ink.CURVE + index
    codes[-1, gaps] = _GAP
    inks[-1, gaps] = Ink.GAP


def draw_cut_values(
    plot: Plot, curves: list[Columns], area: PlotArea, codes: Codes, inks: Inks
) -> None:
    """Say at the upper and the lower edge how far the curves go beyond it, where they do.

    What is said is the utmost value, where it is reached, and it stands above the curves.
    """
    left = [
        (index, columns)
        for index, (curve, columns) in enumerate(zip(plot.curves, curves, strict=True))
        if not (curve.right or curve.is_noise) and columns.inside.any()
    ]
    for is_high, row, arrow in ((True, 0, "↑"), (False, -1, "↓")):
        sign = 1 if is_high else -1
        beyond = []
        for index, columns in left:
            values = np.where(columns.inside, columns.high if is_high else columns.low, np.nan)
            if not np.isnan(values).all():
                place = int(np.nanargmax(sign * values))
                beyond.append((sign * values[place], columns.column[place], index))
        if not beyond:
            continue
        utmost, column, index = max(beyond)
        value = sign * float(utmost)
        fraction = area.y.fraction(value)
        if (fraction <= 1 + _SLACK) if is_high else (fraction >= -_SLACK):
            continue
        words = f"{arrow} {format_value(value, plot.y.unit).strip()}"
        if len(words) <= area.width:
            cell = min(int(column) // DOT_COLUMNS, area.width - len(words))
            codes[row, cell : cell + len(words)] = [ord(c) for c in words]
            inks[row, cell : cell + len(words)] = Ink.CURVE + index


def draw_annotations(plot: Plot, area: PlotArea, codes: Codes, inks: Inks) -> None:
    """Draw a line at each annotation, and beside it what it says, as high as the curves leave room.

    Without room there are no words; of annotations that share a column the last one speaks.
    """
    at = {
        column: annotation
        for annotation in plot.annotations
        if (column := _column(area, annotation.place)) is not None
    }
    columns = sorted(at)
    for column in columns:
        _draw_around(codes[:, column], inks[:, column], _ANNOTATION, Ink.ANNOTATION)
    for column, following in pairwise([*columns, area.width]):
        label = "".join(c if c.isprintable() else "�" for c in at[column].label)
        words = slice(column + 1, column + 1 + len(label))
        free = np.isin(codes[:, words], [_BLANK, _BOUNDARY]).all(axis=1)
        if words.stop <= following and free.any():
            row = np.argmax(free)
            codes[row, words] = [ord(c) for c in label]
            inks[row, words] = Ink.ANNOTATION


def draw_cursor(plot: Plot, area: PlotArea, codes: Codes, inks: Inks) -> None:
    """Draw the cursor onto the whole picture: its foot stands on the x axis."""
    if plot.cursor is None:
        return
    place = _column(area, plot.cursor)
    if place is None:
        return
    column = area.left + place
    _draw_around(codes[: area.height, column], inks[: area.height, column], _CURSOR, Ink.CURSOR)
    codes[area.height : area.height + 1, column] = ord("▲")
    inks[area.height : area.height + 1, column] = Ink.CURSOR


def _column(area: PlotArea, place: float) -> int | None:
    """The column of the plot area at a place on the x axis; None outside."""
    fraction = area.x.fraction(place)
    if not 0 <= fraction <= 1:
        return None
    return dot_of(fraction, DOT_COLUMNS * area.width) // DOT_COLUMNS


def _draw_around(codes: Codes, inks: Inks, code: int, ink: Ink) -> None:
    """Draw a column of cells where there is no curve."""
    free = np.isin(codes, [_BLANK, _BOUNDARY, _ANNOTATION])
    codes[free] = code
    inks[free] = ink


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
