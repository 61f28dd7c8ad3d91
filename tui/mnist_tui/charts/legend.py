"""The legend: which curve is which, with its last and best value or its value at the cursor."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.cells import cell_len, set_cell_size

from mnist_tui.charts.axes import AxisUnit, format_value
from mnist_tui.charts.plot import Curve, Ink, LineStyle, Plot
from mnist_tui.text.visible_text import visible

Piece = tuple[str, int]
"""Text and its ink."""

_BETWEEN = "   "
_LONGEST_LABEL, _SHORT_LABEL = 40, 6
_ABSENT = "-"
_OF = " · "
"""Between a run and its metric in a label."""


@dataclass(frozen=True, slots=True)
class _Detail:
    longest_label: int = _LONGEST_LABEL
    last: bool = True
    best: bool = False


_DETAILS = (
    (_Detail(best=True), _Detail(best=True)),
    (_Detail(), _Detail()),
    (_Detail(), _Detail(24)),
    (_Detail(), _Detail(16)),
    (_Detail(), _Detail(8)),
    (_Detail(), _Detail(last=False)),
    (_Detail(), _Detail(8, last=False)),
)
"""Of curves that matter most and of others, the most detailed form first."""


def legend(plot: Plot, width: int, rows: int, reach: float) -> list[list[Piece]]:
    """At most `rows` rows of `width` cells; the most detailed form that fits.

    What runs are judged by comes first; curves of other runs and dim ones come later and give way
    first. What does not fit even in the shortest form is counted.
    """
    labelled = [(index, curve) for index, curve in enumerate(plot.curves) if curve.label]
    labelled.sort(key=lambda item: (item[1].dim, item[1].beside, item[1].best is None))
    head: list[list[Piece]] = []
    if plot.cursor is None:
        forms = (
            [
                _entry(plot, index, curve, less if curve.dim or curve.beside else more)
                for index, curve in labelled
            ]
            for more, less in _DETAILS
        )
    else:
        head = [[(f"{plot.x.title} {format_value(plot.cursor, plot.x.unit).strip()}", Ink.CURSOR)]]
        head += [
            [(annotation.label, Ink.ANNOTATION)]
            for annotation in plot.annotations
            if abs(annotation.place - plot.cursor) <= reach
        ]
        forms = (
            [_entry_at(plot, *item, plot.cursor, reach, longest) for item in labelled]
            for longest in (_LONGEST_LABEL, _SHORT_LABEL, 0)
        )
    for entries in forms:
        filled = _fill(head + entries, width, rows)
        if filled is not None:
            return filled
    most = _fill_most(head + entries, width, rows)
    # The cursor is seen on the plot area too, its values are not.
    return _fill_most(entries, width, rows) if head and not _has_values(most) else most


def _has_values(filled: list[list[Piece]]) -> bool:
    return any(ink == Ink.PLAIN and text != _BETWEEN for row in filled for text, ink in row)


def _unit(plot: Plot, curve: Curve) -> AxisUnit:
    return plot.right.unit if curve.right and plot.right is not None else plot.y.unit


def _entry(plot: Plot, index: int, curve: Curve, detail: _Detail) -> list[Piece]:
    pieces = _name(index, curve, detail.longest_label)
    series, unit = curve.drawn, _unit(plot, curve)
    # Of points that are in no order, none is the last one.
    is_ordered = curve.line is not LineStyle.NONE or curve.best is not None
    if detail.last and len(series) and is_ordered:
        pieces.append((" " + format_value(float(series.y[-1]), unit), Ink.PLAIN))
    if detail.best and curve.best is not None:
        best = float(series.extrema()[curve.best == "high"][0])
        if not np.isnan(best):
            pieces.append((" best " + format_value(best, unit).strip(), Ink.LABEL))
    return pieces


def _entry_at(
    plot: Plot, index: int, curve: Curve, cursor: float, reach: float, longest: int
) -> list[Piece]:
    series = curve.drawn
    found = series.at(plot.x.column, cursor, reach)
    # A run that ended before has no value there; one that goes on has that of its last epoch.
    if curve.dim or curve.beside:
        ended = len(series) and cursor > float(series.x(plot.x.column)[-1]) + reach
        found = None if ended else found
    value = format_value(found[1], _unit(plot, curve)) if found is not None else _ABSENT.rjust(6)
    return [*_name(index, curve, longest), (" " + value, Ink.PLAIN)]


def _name(index: int, curve: Curve, longest: int) -> list[Piece]:
    """The curve's sign, and its label in at most `longest` cells."""
    sign: list[Piece] = [(curve.line.value + curve.marker, Ink.CURVE + index)]
    label = visible(curve.label)
    if longest and cell_len(label) > longest:
        # Of a run and its metric, the metric says what the value is.
        run, dot, metric = label.rpartition(_OF)
        room = longest - cell_len(dot + metric)
        if room < _SHORT_LABEL:
            run, dot, metric, room = label, "", "", longest
        label = set_cell_size(run, room - 1) + "…" + dot + metric
    return [*sign, (" " + label, Ink.LABEL)] if longest else sign


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
