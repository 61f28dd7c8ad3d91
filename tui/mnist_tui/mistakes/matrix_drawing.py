"""A confusion matrix as lines of text: pure functions of the counts, the layout and the view."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from mnist_tui.mistakes.matrix_layout import HEADER_LINES, LEVELS, MatrixCounts, MatrixLayout, Part
from mnist_tui.text.numbers import count, percent_of
from mnist_tui.text.visible_text import fitting, shorten

Cell = tuple[int | None, int | None]
"""(true class, predicted class); None for any."""

_CORNER = "true ↓"
_AXIS_ACROSS = ("predicted →", "pred. →", "→")
_PRECISION = ("precision %", "prec. %", "prec.%")
_BOLD = Style(bold=True)
_STRONGEST = 0.45
"""How far the strongest shade goes from the background to its hue: a number on it stays legible."""
_WEAKEST = 0.1
_SHORT = 3
"""Cells of a name up to which `0-7` is understood; longer ones are `cat to dog`."""
_NAME_IN_WORDS = 16
_NAME_IN_RANGE = 8


def cell_text(counts: MatrixCounts, true: int | None, predicted: int | None, width: int) -> str:
    """What a cell says; without a true class a column, without a predicted one a row."""
    return fitting(_cell_texts(counts, true, predicted), width)


def _cell_texts(counts: MatrixCounts, true: int | None, predicted: int | None) -> Iterator[str]:
    if true is not None and predicted is not None:
        number, whole = counts.rows[true][predicted], counts.true_totals[true]
        for cells in (_NAME_IN_WORDS, 6):
            a = shorten(counts.names[true], cells)
            b = shorten(counts.names[predicted], cells)
            of_whole = f"{number} of {whole}"
            if counts.more is not None:
                than = f"{_more_text(int(counts.more[true, predicted]))} {counts.base_name}"
                yield f"true {a}, predicted {b}: {of_whole}, {than}"
                yield f"{a} → {b}: {of_whole}, {than}"
            if not whole:
                yield f"true {a}, predicted {b}: no samples are {a}"
                yield f"no samples are {a}"
                continue
            if true == predicted:
                yield f"true {a}, predicted {b}: {of_whole} ({percent_of(number, whole, 5)}%) right"
            yield f"true {a}, predicted {b}: {of_whole} ({percent_of(number, whole, 5)}%)"
            yield f"{a} → {b}: {of_whole}"
        yield str(number)
        return
    if true is not None:
        subject, right = f"true {counts.names[true]}", counts.right[true]
        whole, measure = counts.true_totals[true], "recall"
    elif predicted is not None:
        subject, right = f"predicted {counts.names[predicted]}", counts.right[predicted]
        whole, measure = counts.predicted_totals[predicted], "precision"
    else:
        subject, right, whole, measure = "all", counts.total_right, counts.total, "accuracy"
    subject = shorten(subject, _NAME_IN_WORDS + 10)
    if not whole:
        yield f"{subject}: no samples, so no {measure}"
        yield f"{subject}: none"
        yield "none"
        return
    yield f"{subject}: {right} of {whole} right, {measure} {percent_of(right, whole, 5)}%"
    yield f"{subject}: {right} of {whole} right"
    yield f"{right} of {whole} right"


def _more_text(more: int) -> str:
    if more == 0:
        return "as many as"
    return f"{abs(more)} {'more' if more > 0 else 'fewer'} than"


def hidden_text(
    counts: MatrixCounts, layout: MatrixLayout, top: int, left: int, width: int
) -> list[str]:
    """What is out of view, in as many lines as the layout keeps for it.

    The mistakes to the right are those of all rows, those below are those of all columns.
    """
    seen_rows = slice(top, top + layout.rows)
    seen_columns = slice(left, left + layout.columns)
    wrong, columns, rows, across, down = counts.wrong, "", "", "", ""
    if layout.columns < layout.classes:
        columns = _range_text("columns", counts, seen_columns)
        sides = ("to the left", "to the right")
        across = columns + _beyond_text(wrong.sum(axis=0), seen_columns, *sides)
    if layout.rows < layout.classes:
        rows = _range_text("rows", counts, seen_rows)
        down = rows + _beyond_text(wrong.sum(axis=1), seen_rows, "above", "below")
    omitted = "" if layout.with_all_totals else "not all totals shown"
    whole, in_view = int(wrong.sum()), int(wrong[seen_rows, seen_columns].sum())
    out_of_view = count(whole - in_view)
    unseen = f"{out_of_view} of {count(whole, 'mistake')} hidden"
    if layout.parts.count(Part.HIDDEN) == 2:
        return [
            fitting([_sentences(across, omitted), across, unseen], width),
            fitting([down, rows], width),
        ]
    forms = [_sentences(across, down, omitted), _sentences(across, down)]
    if across or down:
        ranges = ", ".join(text for text in (columns, rows) if text)
        forms += [f"{ranges} · {unseen}", unseen]
        forms += [f"{out_of_view} mistakes hidden", f"{out_of_view} hidden"]
    return [fitting([form for form in forms if form], width)]


def _range_text(noun: str, counts: MatrixCounts, seen: slice) -> str:
    """`columns 0-7 of 63`."""
    first, last = (counts.names[place] for place in (seen.start, seen.stop - 1))
    if first == last:
        text = shorten(first, _NAME_IN_RANGE)
    elif max(cell_len(first), cell_len(last)) <= _SHORT:
        text = f"{first}-{last}"
    else:
        text = f"{shorten(first, _NAME_IN_RANGE)} to {shorten(last, _NAME_IN_RANGE)}"
    return f"{noun} {text} of {counts.classes}"


def _beyond_text(wrong: NDArray[np.int64], seen: slice, before: str, after: str) -> str:
    """`, 3 mistakes above, 12 below`, naming only the sides where something is hidden.

    `wrong` (classes,) are the mistakes of each class.
    """
    text = ""
    if seen.start > 0:
        text += f", {_mistakes_text(int(wrong[: seen.start].sum()))} {before}"
    if seen.stop < len(wrong):
        number = int(wrong[seen.stop :].sum())
        text += f", {count(number) if text else _mistakes_text(number)} {after}"
    return text


def _mistakes_text(number: int) -> str:
    return count(number, "mistake") if number else "no mistakes"


def _sentences(*texts: str) -> str:
    return " · ".join(text for text in texts if text)


def shades(hue: Color, text: Color, background: Color) -> tuple[Style, ...]:
    """The styles of counts over a hue, from level 0 on: its colour, ever less background."""
    if hue.ansi is not None or background.ansi is not None:
        # A terminal's own colours cannot be mixed.
        return (Style(color=hue.rich_color),) * (LEVELS + 1)
    step = (_STRONGEST - _WEAKEST) / (LEVELS - 1)
    amounts = (_WEAKEST + step * level for level in range(LEVELS))
    return (
        Style(color=text.rich_color),
        *(
            Style(color=text.rich_color, bgcolor=background.blend(hue, amount).rich_color)
            for amount in amounts
        ),
    )


@dataclass(frozen=True, slots=True)
class MatrixStyles:
    """How the parts are drawn, each laid over the widget's own style."""

    axes: Style
    name: Style
    cursor_name: Style
    """The names of the row and of the column of the cursor."""
    zero: Style
    right: tuple[Style, ...]
    """The diagonal, by level of shade."""
    wrong: tuple[Style, ...]
    """The other cells, by level of shade."""
    total: Style
    bracket: Style
    """What stands on both sides of the selected cell."""
    cursor: Style
    """Laid over the cell under the cursor."""
    words: Style


_Slot = tuple[str, Style]
"""A text that fills its place on a line, without the gap before it."""


@dataclass(frozen=True, slots=True)
class MatrixDrawing:
    """What decides how a matrix looks."""

    counts: MatrixCounts
    layout: MatrixLayout
    styles: MatrixStyles
    top: int
    """The first class in view from top to bottom."""
    left: int
    """The first class in view from left to right."""
    cursor: Cell
    selected: Cell | None
    """None when nothing is."""

    def line(self, y: int, width: int) -> list[Segment]:
        """Line `y`, at most `width` cells wide."""
        layout, styles = self.layout, self.styles
        part = layout.part(y)
        if part is Part.CLASS:
            return self._class_line(self.top + y - HEADER_LINES)
        if part is Part.NAMES:
            return self._names_line()
        if part in (Part.TOTALS, Part.PRECISION):
            return self._summary_line(part)
        if part is Part.AXES:
            indent = 1 + layout.name + 1
            text = " " * indent + fitting(_AXIS_ACROSS, width - indent)
            return [Segment(text, styles.axes)]
        if part is Part.READ_OUT:
            text = cell_text(self.counts, *self.cursor, width - 1)
            return [Segment(" " + text, styles.words)]
        first = layout.line(Part.HIDDEN)
        if part is Part.HIDDEN and first is not None:
            texts = hidden_text(self.counts, layout, self.top, self.left, width - 1)
            return [Segment(" " + texts[y - first], styles.words)]
        return []

    @property
    def _seen(self) -> range:
        return range(self.left, self.left + self.layout.columns)

    def _class_line(self, row: int) -> list[Segment]:
        counts, layout, styles = self.counts, self.layout, self.styles
        cells, levels = counts.cells[row], counts.levels[row]
        name = styles.cursor_name if self.cursor[0] == row else styles.name
        slots = [(_flush_right(counts.names[row], layout.name), name)]
        for column in self._seen:
            if cells[column]:
                shades = styles.right if counts.is_good(row, column) else styles.wrong
                style = shades[levels[column]]
            else:
                style = styles.zero
            if self._is_chosen(row, column):
                style += _BOLD
            slots.append(((cells[column] or "·").rjust(layout.digits), style))
        whole = counts.true_totals[row]
        recall = _percent(counts.right[row], whole, layout.recall)
        slots += self._last_slots(str(whole), recall, styles.total)
        return self._marked(slots, row)

    def _names_line(self) -> list[Segment]:
        layout, styles = self.layout, self.styles
        slots = [(_flush_right(_CORNER, layout.name), styles.axes)]
        for column in self._seen:
            style = styles.cursor_name if self.cursor[1] == column else styles.name
            slots.append((_flush_right(self.counts.names[column], layout.digits), style))
        slots += self._last_slots("total", "recall", styles.axes)
        return self._marked(slots, None)

    def _summary_line(self, part: Part) -> list[Segment]:
        """The line of totals, or that of precisions with the accuracy at its end."""
        counts, layout, styles = self.counts, self.layout, self.styles
        wholes = counts.predicted_totals
        if part is Part.TOTALS:
            name, total, accuracy = "total", str(counts.total), ""
            texts = [str(wholes[column]) for column in self._seen]
        else:
            name, total = fitting(_PRECISION, layout.name), ""
            accuracy = _percent(counts.total_right, counts.total, layout.recall)
            texts = [percent_of(counts.right[c], wholes[c], layout.digits) for c in self._seen]
        slots = [(name.rjust(layout.name), styles.axes)]
        slots += [(text.rjust(layout.digits), styles.total) for text in texts]
        slots += self._last_slots(total, accuracy, styles.total)
        return _joined(slots, -1, styles.bracket)

    def _last_slots(self, total: str, recall: str, style: Style) -> list[_Slot]:
        """What stands in the columns of totals and recalls, as far as these are shown."""
        texts = ((total, self.layout.total), (recall, self.layout.recall))
        return [(text.rjust(cells), style) for text, cells in texts if cells]

    def _is_chosen(self, row: int, column: int) -> bool:
        """Whether a cell is the selected one, or of the selected row or column."""
        if self.selected is None:
            return False
        true, predicted = self.selected
        return true in (None, row) and predicted in (None, column)

    def _marked(self, slots: list[_Slot], row: int | None) -> list[Segment]:
        """A line with the marks of the cursor and of the selection, if they are in `row`."""
        cursor, selected = self.cursor, self.selected
        if cursor[0] == row and (place := self._place(cursor[1])) >= 0:
            text, style = slots[place]
            slots[place] = text, style + self.styles.cursor
        chosen = self._place(selected[1]) if selected and selected[0] == row else -1
        return _joined(slots, chosen, self.styles.bracket)

    def _place(self, column: int | None) -> int:
        """Which slot of a line a column is; 0 is the name, -1 is out of view."""
        if column is None:
            return 0
        return column - self.left + 1 if column in self._seen else -1


def _joined(slots: list[_Slot], selected: int, bracket: Style) -> list[Segment]:
    """The slots with a gap before each; brackets stand close around the selected one."""
    segments = []
    for place, (text, style) in enumerate([*slots, ("", Style.null())]):
        gap, paper = " ", Style(bgcolor=style.bgcolor)
        if place == selected >= 0:
            bare = text.lstrip(" ")
            segments.append(Segment(" " * (len(text) - len(bare)), paper))
            text, gap = bare, "["
        elif place == selected + 1 > 0:
            gap = "]"
        segments.append(Segment(gap, paper + bracket if gap != " " else paper))
        segments.append(Segment(text, style))
    return segments


def _percent(part: int, whole: int, cells: int) -> str:
    return percent_of(part, whole, cells - 1) + ("%" if whole else "")


def _flush_right(text: str, cells: int) -> str:
    text = shorten(text, cells)
    return " " * (cells - cell_len(text)) + text
