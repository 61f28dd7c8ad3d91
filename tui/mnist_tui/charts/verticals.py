"""Vertical lines on the canvas: ends of epochs, marks, and the cursor."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mnist_tui.charts.picture import Canvas, Ink
from mnist_tui.charts.plot import Mark, Plot
from mnist_tui.charts.raster import DOT_COLUMNS, dot_of

Codes = NDArray[np.uint32]
Inks = NDArray[np.int64]

_BLANK = ord(" ")
_BOUNDARY = ord("┊")
_MARK = ord("╎")
_CURSOR = ord("│")
_BOUNDARY_DISTANCE = 4


def draw_boundaries(plot: Plot, canvas: Canvas, codes: Codes, inks: Inks) -> None:
    """Draw the boundaries onto the canvas's part of a picture; curves may hide them."""
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


def draw_marks(plot: Plot, canvas: Canvas, codes: Codes, inks: Inks) -> None:
    """Draw a line at each mark, and beside it what it says, as high as the curves leave room.

    Without room there are no words; of marks that share a column the last one speaks.
    """
    at = {
        column: mark for mark in plot.marks if (column := _column(canvas, mark.place)) is not None
    }
    columns = sorted(at)
    for column in columns:
        _draw_around(codes[:, column], inks[:, column], _MARK, Ink.MARK)
    for column, following in pairwise([*columns, canvas.width]):
        label = "".join(c if c.isprintable() else "�" for c in at[column].label)
        words = slice(column + 1, column + 1 + len(label))
        free = np.isin(codes[:, words], [_BLANK, _BOUNDARY]).all(axis=1)
        if words.stop <= following and free.any():
            row = np.argmax(free)
            codes[row, words] = [ord(c) for c in label]
            inks[row, words] = Ink.MARK


def marks_near(plot: Plot, place: float, reach: float) -> list[Mark]:
    """The marks that a cursor at `place` points to."""
    return [mark for mark in plot.marks if abs(mark.place - place) <= reach]


def draw_cursor(plot: Plot, canvas: Canvas, codes: Codes, inks: Inks) -> None:
    """Draw the cursor onto the whole picture: its foot stands on the x axis."""
    if plot.cursor is None:
        return
    place = _column(canvas, plot.cursor)
    if place is None:
        return
    column = canvas.left + place
    _draw_around(codes[: canvas.height, column], inks[: canvas.height, column], _CURSOR, Ink.CURSOR)
    codes[canvas.height : canvas.height + 1, column] = ord("▲")
    inks[canvas.height : canvas.height + 1, column] = Ink.CURSOR


def _column(canvas: Canvas, place: float) -> int | None:
    """The column of the canvas at a place on the x axis; None outside."""
    fraction = canvas.x.fraction(place)
    if not 0 <= fraction <= 1:
        return None
    return dot_of(fraction, DOT_COLUMNS * canvas.width) // DOT_COLUMNS


def _draw_around(codes: Codes, inks: Inks, code: int, ink: Ink) -> None:
    """Draw a column of cells where there is no curve."""
    free = np.isin(codes, [_BLANK, _BOUNDARY, _MARK])
    codes[free] = code
    inks[free] = ink
