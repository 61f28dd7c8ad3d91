"""The legend: which curve is which, with its last and best value or its value at the cursor."""

from collections.abc import Sequence

import numpy as np
from rich.cells import cell_len, set_cell_size

from mnist_tui.charts.picture import Ink, Piece
from mnist_tui.charts.plot import Curve, Plot
from mnist_tui.charts.ticks import format_value

_BETWEEN = "   "
_LONGEST_LABEL = 24
_ABSENT = "-"


def read_out(plot: Plot, reach: float) -> dict[str, tuple[float, float] | None]:
    """Label -> (place, value) at the cursor, as `Series.at` says, of each curve with a label.

    Empty without a cursor.
    """
    if plot.cursor is None:
        return {}
    return {
        curve.label: curve.drawn.at(plot.x.column, plot.cursor, reach)
        for curve in plot.curves
        if curve.label
    }


def legend(plot: Plot, width: int, rows: int, reach: float) -> list[list[Piece]]:
    """At most `rows` rows of `width` cells; the most detailed form that fits.

    Live curves come before dim ones. What does not fit even in its shortest form is counted.
    """
    labelled = [(index, curve) for index, curve in enumerate(plot.curves) if curve.label]
    labelled.sort(key=lambda item: item[1].dim)
    head: list[list[Piece]] = []
    forms: list[list[list[Piece]]]
    if plot.cursor is None:
        forms = [[_entry(plot, *item, detail) for item in labelled] for detail in (2, 1, 0)]
    else:
        head = [[(f"{plot.x.title} {format_value(plot.cursor, plot.x.unit)}", Ink.CURSOR)]]
        values = read_out(plot, reach)
        forms = [
            [_entry_at(plot, *item, values[item[1].label], named) for item in labelled]
            for named in (True, False)
        ]
    for entries in forms:
        filled = _fill(head + entries, width, rows)
        if filled is not None:
            return filled
    return _fill_most(head + forms[-1], width, rows)


def _entry(plot: Plot, index: int, curve: Curve, detail: int) -> list[Piece]:
    """The curve's sign and name; from detail 1 its last value, from 2 its best."""
    pieces = _name(index, curve)
    series = curve.drawn
    if detail >= 1 and len(series):
        pieces.append((" " + format_value(float(series.y[-1]), plot.y.unit), Ink.PLAIN))
    if detail >= 2 and curve.best is not None:
        best = float(series.extrema()[curve.best == "high"][0])
        if not np.isnan(best):
            pieces.append((" best " + format_value(best, plot.y.unit).strip(), Ink.LABEL))
    return pieces


def _entry_at(
    plot: Plot, index: int, curve: Curve, found: tuple[float, float] | None, named: bool
) -> list[Piece]:
    """The curve's sign, its name if `named`, and its value at the cursor."""
    value = format_value(found[1], plot.y.unit) if found is not None else _ABSENT.rjust(6)
    name = _name(index, curve)
    return [*(name if named else name[:1]), (" " + value, Ink.PLAIN)]


def _name(index: int, curve: Curve) -> list[Piece]:
    sign = curve.line.value + curve.marker
    label = "".join(c if c.isprintable() else "�" for c in curve.label)
    if cell_len(label) > _LONGEST_LABEL:
        label = set_cell_size(label, _LONGEST_LABEL - 1) + "…"
    return [(sign, Ink.CURVE + index), (" " + label, Ink.LABEL)]


def _length(entry: Sequence[Piece]) -> int:
    return sum(cell_len(text) for text, _ in entry)


def _fill(entries: list[list[Piece]], width: int, rows: int) -> list[list[Piece]] | None:
    """The entries in rows, each as many as fit; None when they need more rows."""
    filled: list[list[Piece]] = [[]]
    for entry in entries:
        needed = _length(entry) + (len(_BETWEEN) if filled[-1] else 0)
        if _length(filled[-1]) + needed > width:
            filled.append([])
        if _length(entry) > width or len(filled) > rows:
            return None
        filled[-1] += [(_BETWEEN, Ink.PLAIN), *entry] if filled[-1] else entry
    return filled


def _fill_most(entries: list[list[Piece]], width: int, rows: int) -> list[list[Piece]]:
    for count in range(len(entries) - 1, 0, -1):
        rest: list[Piece] = [(f"+{len(entries) - count}", Ink.LABEL)]
        filled = _fill([*entries[:count], rest], width, rows)
        if filled is not None:
            return filled
    return [[]]
