"""Puts a chart together, limits, frame, curves, cursor and legend, into a picture of characters."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style

from mnist_tui.charts.axes import SMALLEST_ON_LOG, Limits, Scale, stepped_limits, ticks
from mnist_tui.charts.frame import Layout, frame_codes, frame_inks
from mnist_tui.charts.legend import Piece, legend
from mnist_tui.charts.plot import Curve, Ink, Plot, XAxis, YAxis, x_limits
from mnist_tui.charts.plot_area import (
    DOT_COLUMNS,
    DOT_ROWS,
    Columns,
    PlotArea,
    by_column,
    dot_of,
    draw_annotations,
    draw_boundaries,
    draw_cursor,
    draw_curves,
    draw_cut_values,
)
from mnist_tui.charts.series import Series

_BLANK = ord(" ")
_FRAMED_WIDTH, _FRAMED_HEIGHT = 16, 5
_LEGEND_HEIGHT = 6
_SECOND_LEGEND_ROW, _THIRD_LEGEND_ROW = 12, 16
_LABEL_WIDTH = 5
"""Enough for most labels, so that the axes of charts below each other begin in one column."""
_NOT_ON_LOG = "Nothing here is above 0, so a logarithmic axis cannot show it. A linear one does."
_START = 0.2
"""The share of a curve that limits may leave out."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn chart: a character and an ink for each cell."""

    header: list[list[Piece]]
    """The rows of the legend, above the cells."""
    codes: NDArray[np.uint32]
    """(rows, width) Unicode code points, each one cell wide."""
    inks: NDArray[np.int64]
    """(rows, width)"""
    area: PlotArea | None
    """None when nothing but a text is shown."""

    def row(self, y: int, styles: Sequence[Style]) -> list[Segment]:
        """Row `y` in colour; `styles` holds one for each ink."""
        if y < len(self.header):
            return [Segment(text, styles[ink]) for text, ink in self.header[y]]
        y -= len(self.header)
        return _segments(self.codes[y], self.inks[y], styles)

    def rows_unlike(self, other: "Picture") -> list[int]:
        """The rows in which this picture differs from `other`, which has the same size."""
        top = len(self.header)
        if top != len(other.header):
            return list(range(top + len(self.codes)))
        heads = [y for y in range(top) if self.header[y] != other.header[y]]
        differs = (self.codes != other.codes) | (self.inks != other.inks)
        return heads + (top + np.flatnonzero(differs.any(axis=1))).tolist()


class PlotRenderer:
    """Draws a plot again and again; keeps limits and curves from one time to the next."""

    def __init__(self) -> None:
        self._axes: tuple[XAxis, YAxis, YAxis | None] | None = None
        self._series: list[Series] = []
        """Of the curves, of which those of another run have limits of their own."""
        self._x: Limits | None = None
        self._y: Limits | None = None
        self._right: Limits | None = None
        self._margins = _LABEL_WIDTH, 0
        """Columns of the labels on the left, and of the axis on the right."""
        self._kept: dict[tuple[Series, int, str, Limits, int], Columns] = {}
        """The columns drawn last: by series, its length, and what they were made for."""

    def render(self, plot: Plot, width: int, height: int) -> Picture:
        """The plot in `width` x `height` cells, any size from 0 x 0 on.

        What does not fit is left out: first the legend, then the frame.
        """
        if width < 1 or height < 1 or not any(len(curve.series) for curve in plot.curves):
            self._x = self._y = self._right = None
            return _words(plot.empty, max(width, 0), max(height, 0))
        self._look_at(plot)
        self._x = x = x_limits(plot, self._x)
        reach = (x.high - x.low) / width / 2
        header = []
        if height >= _LEGEND_HEIGHT:
            rows = 1 + (height >= _SECOND_LEGEND_ROW) + (height >= _THIRD_LEGEND_ROW)
            header = legend(plot, width, rows, reach)
        rows = height - len(header)
        if width < _FRAMED_WIDTH or rows < _FRAMED_HEIGHT:
            curves = self._columns(plot, x, width)
            area = PlotArea(0, len(header), width, rows, x, *self._limits(plot, x, curves))
            codes = np.full((rows, width), _BLANK, np.uint32)
            inks = np.full((rows, width), int(Ink.PLAIN))
        else:
            curves, limits, layout = self._laid_out(plot, x, width, rows)
            size = layout.area_width, layout.area_height
            area = PlotArea(layout.left, len(header), *size, x, *limits)
            codes, inks = frame_codes(layout).copy(), frame_inks(layout)
        inside = slice(0, area.height), slice(area.left, area.left + area.width)
        draw_boundaries(plot, area, codes[inside], inks[inside])
        draw_curves(plot, curves, area, codes[inside], inks[inside])
        draw_cut_values(plot, curves, area, codes[inside], inks[inside])
        draw_annotations(plot, area, codes[inside], inks[inside])
        if _has_no_place(plot, curves):
            words = _words(_NOT_ON_LOG, area.width, area.height)
            letters = words.codes != _BLANK
            codes[inside][letters], inks[inside][letters] = words.codes[letters], int(Ink.LABEL)
        draw_cursor(plot, area, codes, inks)
        return Picture(header, codes, inks, area)

    def _look_at(self, plot: Plot) -> None:
        """Forget limits that were kept for calm where other curves or another view are shown.

        Those of the values are kept from one window to the next, and while the axis grows.
        """
        axes, series = (plot.x, plot.y, plot.right), [curve.series for curve in plot.curves]
        same_curves = series == self._series
        if same_curves and axes == self._axes:
            return
        before, self._axes, self._series = self._axes, axes, series
        self._x = None
        if not same_curves or before is None or _looks(*before) != _looks(*axes):
            self._y = self._right = None

    def _limits(self, plot: Plot, x: Limits, curves: list[Columns]) -> tuple[Limits, Limits | None]:
        """Of the values on the left and on the right."""
        left = [one for one in zip(plot.curves, curves, strict=True) if not one[0].right]
        followed = [one for one in left if one[0].stretches and len(one[0].series)]
        left = followed or left
        reached = [_reached(*one) for one in left]
        if plot.y.cut_start and plot.x.window is None:
            late = [
                _reached(curve, columns, _late_column(plot, curve, columns, x))
                for curve, columns in left
                if not curve.is_noise
            ]
            # On a log axis zeros alone would leave it without limits.
            reached = late if any(len(_placed(plot.y, values)) for values in late) else reached
        self._y = _y_limits(plot.y, reached, self._y)
        if plot.right is not None:
            right = [one for one in zip(plot.curves, curves, strict=True) if one[0].right]
            self._right = _y_limits(plot.right, [_reached(*one) for one in right], self._right)
        return self._y, self._right

    def _laid_out(
        self, plot: Plot, x: Limits, width: int, rows: int
    ) -> tuple[list[Columns], tuple[Limits, Limits | None], Layout]:
        """The curves, the limits of their values on the left and on the right, and the frame.

        The labels of the limits decide the plot area's width.
        """
        curves = self._columns(plot, x, width - sum(self._margins) - 1)
        y, right = self._limits(plot, x, curves)
        y_ticks = _row_ticks(y, plot.y, rows)
        right_ticks = _row_ticks(right, plot.right, rows) if right and plot.right else ()
        labels = (plot.x.title, *(label for _, label in y_ticks))
        label_width = max(_LABEL_WIDTH, *map(len, labels))
        layout = Layout(width, rows, label_width, (), y_ticks, plot.x.title, right_ticks)
        margins = label_width, layout.right_width
        if margins != self._margins:
            self._margins = margins
            curves = self._columns(plot, x, layout.area_width)
        x_ticks = ticks(x, plot.x.unit, max(2, layout.area_width // 9))
        columns = ((_cell(x, at, DOT_COLUMNS, layout.area_width), label) for at, label in x_ticks)
        return curves, (y, right), replace(layout, x_ticks=tuple(columns))

    def _columns(self, plot: Plot, x: Limits, area_width: int) -> list[Columns]:
        """Every curve by columns of dots; those of curves that have not grown are kept."""
        kept, self._kept = self._kept, {}
        columns = []
        for curve in plot.curves:
            series = curve.drawn
            key = (series, len(series), plot.x.column, x, area_width)
            found = kept.get(key)
            if found is None:
                found = by_column(series, plot.x.column, x, DOT_COLUMNS * area_width)
            self._kept[key] = found
            columns.append(found)
        return columns


def _y_limits(
    axis: YAxis, reached: Sequence[NDArray[np.float64]], current: Limits | None
) -> Limits:
    """Round limits around the values that curves have `reached`; `current` while it serves."""
    values = _placed(axis, np.concatenate([np.empty(0), *reached]))
    if axis.scale is not Scale.LOG and axis.include is not None:
        values = np.append(values, axis.include)
    if len(values) == 0:
        return Limits(0.1, 1.0, axis.scale) if current is None else current
    low, high = float(values.min()), float(values.max())
    return stepped_limits(current, low, high, axis.scale, axis.bounds)


def _placed(axis: YAxis, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those of `values` that have a place on the axis."""
    return values[values >= SMALLEST_ON_LOG] if axis.scale is Scale.LOG else values


def _reached(curve: Curve, columns: Columns, begin: float = 0.0) -> NDArray[np.float64]:
    """Lows and highs of the columns on the plot area from `begin` on, without NaN."""
    known = columns.inside & ~np.isnan(columns.low) & (columns.column >= begin)
    return np.concatenate([columns.low[known], columns.high[known]])


def _has_no_place(plot: Plot, curves: Sequence[Columns]) -> bool:
    """Whether the curves on the left have values here, but none that has a place on their axis."""
    left = zip(plot.curves, curves, strict=True)
    reached = [_reached(curve, columns) for curve, columns in left if not curve.right]
    values = np.concatenate([np.empty(0), *reached])
    return len(values) > 0 and len(_placed(plot.y, values)) == 0


def _late_column(plot: Plot, curve: Curve, columns: Columns, x: Limits) -> float:
    """The column of dots behind which the last four fifths of a curve lie."""
    places = curve.series.x(plot.x.column)
    if not len(places):
        return 0.0
    begin = places[0] + _START * (places[-1] - places[0])
    return x.fraction(float(begin)) * (len(columns.gaps) - 1)


def _looks(x: XAxis, y: YAxis, right: YAxis | None) -> object:
    """What of the axes decides which limits the values have, but for the place of a window."""
    return replace(x, window=None, end=None), x.window is None, y, right


def _cell(limits: Limits, value: float, dots: int, cells: int) -> int:
    """The cell of the plot area, of `dots` dots each, in which a curve is drawn at `value`."""
    return dot_of(limits.fraction(value), dots * cells) // dots


def _row_ticks(limits: Limits, axis: YAxis, rows: int) -> tuple[tuple[int, str], ...]:
    """Row of the plot area, from 0 at the bottom, and label, in a frame of so many rows."""
    found = ticks(limits, axis.unit, max(2, rows // 3))
    return tuple((_cell(limits, at, DOT_ROWS, rows - 2), label) for at, label in found)


def _words(text: str, width: int, height: int) -> Picture:
    """`text` in the middle of an empty picture."""
    lines = textwrap.wrap(text, width)[:height] if width else []
    above = (height - len(lines)) // 2
    rows = [""] * above + [line.center(width) for line in lines]
    rows += [""] * (height - len(rows))
    codes = np.array([[ord(c) for c in row.ljust(width)] for row in rows], np.uint32)
    codes = codes.reshape(height, width)
    inks = np.full((height, width), int(Ink.LABEL))
    return Picture([], codes, inks, None)


def _segments(
    codes: NDArray[np.uint32], inks: NDArray[np.int64], styles: Sequence[Style]
) -> list[Segment]:
    text = codes.tobytes().decode("utf-32-le")
    # A blank shows no ink, so it takes its left neighbour's: fewer, longer segments.
    visible = np.where(codes == ord(" "), 0, np.arange(len(codes)))
    worn = inks[np.maximum.accumulate(visible)]
    starts = [0, *(np.flatnonzero(np.diff(worn)) + 1).tolist(), len(text)]
    return [
        Segment(text[start:stop], styles[worn[start]])
        for start, stop in pairwise(starts)
        if start < stop
    ]
