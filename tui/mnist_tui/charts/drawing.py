"""What is drawn onto the plot area: ends of epochs, curves, annotations and the cursor."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mnist_tui.charts.picture import Ink, PlotArea
from mnist_tui.charts.plot import LineStyle, Plot
from mnist_tui.charts.raster import (
    BRAILLE,
    DOT_COLUMNS,
    Columns,
    dashed,
    dot_of,
    line_cells,
    marker_cells,
)

Codes = NDArray[np.uint32]
Inks = NDArray[np.int64]

_BLANK = ord(" ")
_BOUNDARY = ord("┊")
_ANNOTATION = ord("╎")
_CURSOR = ord("│")
_GAP = ord("\N{MULTIPLICATION SIGN}")
_DASHES = {LineStyle.DASHED: (4, 2), LineStyle.DOTTED: (1, 1)}
_BOUNDARY_DISTANCE = 4


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
