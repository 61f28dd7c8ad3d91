"""Puts a chart together: limits, frame, curves, cursor and legend."""

import textwrap
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_tui.charts.frame import Frames, Layout, frame_inks
from mnist_tui.charts.legend import legend
from mnist_tui.charts.limits import x_limits, y_limits
from mnist_tui.charts.picture import Canvas, Ink, Picture
from mnist_tui.charts.plot import Line, Plot, XAxis, YAxis
from mnist_tui.charts.raster import (
    BRAILLE,
    DOT_COLUMNS,
    DOT_ROWS,
    Columns,
    by_column,
    dashed,
    dot_of,
    line_cells,
    marker_cells,
)
from mnist_tui.charts.scales import Limits
from mnist_tui.charts.series import Series
from mnist_tui.charts.ticks import ticks

_BLANK = ord(" ")
_BOUNDARY = ord("┊")
_GAP = ord("\N{MULTIPLICATION SIGN}")
_FRAMED_WIDTH, _FRAMED_HEIGHT = 16, 5
_LEGEND_HEIGHT = 6
_SECOND_LEGEND_ROW, _THIRD_LEGEND_ROW = 14, 28
_LABEL_WIDTH = 4
_BOUNDARY_DISTANCE = 4
_DASHES = {Line.DASHED: (4, 2), Line.DOTTED: (1, 1)}


class Figure:
    """Draws a plot again and again; keeps the frame and the limits from one time to the next."""

    def __init__(self) -> None:
        self.frames = Frames()
        self._axes: tuple[XAxis, YAxis] | None = None
        self._x: Limits | None = None
        self._y: Limits | None = None
        self._label_width = _LABEL_WIDTH
        self._kept: list[_Kept] = []

    def compose(self, plot: Plot, width: int, height: int) -> Picture:
        """The plot in `width` x `height` cells, any size from 0 x 0 on.

        What does not fit is left out: first the legend, then the frame.
        """
        if width < 1 or height < 1 or not any(len(curve.series) for curve in plot.curves):
            self._x = self._y = None
            return _words(plot.empty, max(width, 0), max(height, 0))
        if (plot.x, plot.y) != self._axes:
            # Someone asked for another view: limits kept for calm would hide that.
            self._axes, self._x, self._y = (plot.x, plot.y), None, None
        self._x = x = x_limits(plot, self._x)
        reach = (x.high - x.low) / width / 2
        header = []
        if height >= _LEGEND_HEIGHT:
            rows = 1 + (height >= _SECOND_LEGEND_ROW) + (height >= _THIRD_LEGEND_ROW)
            header = legend(plot, width, rows, reach)
        rows = height - len(header)
        if width < _FRAMED_WIDTH or rows < _FRAMED_HEIGHT:
            curves = self._columns(plot, x, width)
            self._y = y_limits(plot, curves, self._y)
            canvas = Canvas(0, len(header), width, rows, x, self._y)
            codes = np.full((rows, width), _BLANK, np.uint32)
            inks = np.full((rows, width), int(Ink.PLAIN))
        else:
            curves, y, layout = self._laid_out(plot, x, width, rows)
            size = layout.canvas_width, layout.canvas_height
            canvas = Canvas(layout.left, len(header), *size, x, y)
            codes, inks = self.frames.get(layout), frame_inks(layout)
        inside = slice(0, canvas.height), slice(canvas.left, canvas.left + canvas.width)
        _draw_boundaries(plot, canvas, codes[inside], inks[inside])
        _draw_curves(plot, curves, canvas, codes[inside], inks[inside])
        _draw_cursor(plot, canvas, codes, inks)
        return Picture(width, header, codes, inks, canvas, reach)

    def _laid_out(
        self, plot: Plot, x: Limits, width: int, rows: int
    ) -> tuple[list[Columns], Limits, Layout]:
        """The curves, the limits of y, and the frame, whose labels decide the canvas's width."""
        curves = self._columns(plot, x, width - self._label_width - 1)
        self._y = y = y_limits(plot, curves, self._y)
        y_ticks = ticks(y, plot.y.unit, max(2, rows // 3))
        label_width = max(_LABEL_WIDTH, *(len(label) for _, label in y_ticks))
        if label_width != self._label_width:
            self._label_width = label_width
            curves = self._columns(plot, x, width - label_width - 1)
        canvas_width = width - label_width - 1
        x_ticks = ticks(x, plot.x.unit, max(2, canvas_width // 9))
        layout = Layout(
            width,
            rows,
            label_width,
            tuple((_cell(x, at, DOT_COLUMNS, canvas_width), label) for at, label in x_ticks),
            tuple((_cell(y, at, DOT_ROWS, rows - 2), label) for at, label in y_ticks),
            plot.x.title,
        )
        return curves, y, layout

    def _columns(self, plot: Plot, x: Limits, canvas_width: int) -> list[Columns]:
        """Every curve by columns of dots; those of curves that have not grown are kept."""
        kept, self._kept = self._kept, []
        for index, curve in enumerate(plot.curves):
            series = curve.drawn
            key = (len(series), plot.x.column, x, canvas_width)
            old = kept[index] if index < len(kept) else None
            if old is not None and old.series is series and old.key == key:
                self._kept.append(old)
            else:
                columns = by_column(series, plot.x.column, x, DOT_COLUMNS * canvas_width)
                self._kept.append(_Kept(series, key, columns))
        return [entry.columns for entry in self._kept]


@dataclass(frozen=True, slots=True)
class _Kept:
    series: Series
    key: tuple[int, str, Limits, int]
    columns: Columns


def _cell(limits: Limits, value: float, dots: int, cells: int) -> int:
    """The cell of the canvas, of `dots` dots each, in which a curve is drawn at `value`."""
    return dot_of(limits.fraction(value), dots * cells) // dots


def _draw_boundaries(
    plot: Plot, canvas: Canvas, codes: NDArray[np.uint32], inks: NDArray[np.int64]
) -> None:
    places = np.asarray(plot.boundaries, np.float64)
    columns = np.floor(canvas.x.fractions(places) * (2 * canvas.width - 1) + 0.5) // 2
    columns = columns[(columns > 0) & (columns < canvas.width)]
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


def _draw_curves(
    plot: Plot,
    curves: list[Columns],
    canvas: Canvas,
    codes: NDArray[np.uint32],
    inks: NDArray[np.int64],
) -> None:
    gaps = np.zeros(canvas.width, np.bool_)
    for index, (curve, columns) in enumerate(zip(plot.curves, curves, strict=True)):
        gaps |= columns.gaps.reshape(-1, 2).any(axis=1)
        if curve.line is not Line.NONE:
            bits = line_cells(columns, canvas.y, canvas.height)
            if curve.line in _DASHES:
                bits = dashed(bits, *_DASHES[curve.line])
            drawn = bits > 0
            codes[drawn] = BRAILLE + bits[drawn].astype(np.uint32)
            inks[drawn] = Ink.CURVE + index
        if curve.marker:
            cells = marker_cells(columns, canvas.y, canvas.height)
            codes[cells] = ord(curve.marker)
            inks[cells] = Ink.CURVE + index
    codes[-1, gaps] = _GAP
    inks[-1, gaps] = Ink.GAP


def _draw_cursor(
    plot: Plot, canvas: Canvas, codes: NDArray[np.uint32], inks: NDArray[np.int64]
) -> None:
    if plot.cursor is None:
        return
    fraction = canvas.x.fraction(plot.cursor)
    if not 0 <= fraction <= 1:
        return
    column = canvas.left + dot_of(fraction, 2 * canvas.width) // 2
    free = np.flatnonzero(np.isin(codes[: canvas.height, column], [_BLANK, _BOUNDARY]))
    codes[free, column] = ord("│")
    inks[free, column] = Ink.CURSOR
    codes[canvas.height : canvas.height + 1, column] = ord("▲")
    inks[canvas.height : canvas.height + 1, column] = Ink.CURSOR


def _words(text: str, width: int, height: int) -> Picture:
    """`text` in the middle of an empty picture."""
    lines = textwrap.wrap(text, width)[:height] if width else []
    above = (height - len(lines)) // 2
    rows = [""] * above + [line.center(width) for line in lines]
    rows += [""] * (height - len(rows))
    codes = np.array([[ord(c) for c in row.ljust(width)] for row in rows], np.uint32)
    codes = codes.reshape(height, width)
    inks = np.full((height, width), int(Ink.LABEL))
    return Picture(width, [], codes, inks, None)
