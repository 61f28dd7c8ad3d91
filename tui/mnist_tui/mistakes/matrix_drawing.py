"""A confusion matrix as lines of text: pure functions of the counts, the layout and the view."""

from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from mnist_tui.mistakes.matrix_layout import HEADER_LINES, MatrixCounts, MatrixLayout, Part
from mnist_tui.mistakes.matrix_text import cell_text, hidden_text
from mnist_tui.text.numbers import share_text
from mnist_tui.text.visible_text import fitting, shorten

Cell = tuple[int | None, int | None]
"""(true class, predicted class); None for any."""

_CORNER = "true ↓"
_AXIS_ACROSS = ("predicted →", "pred. →", "→")
_PRECISION = ("precision %", "prec. %", "prec.%")
_BOLD = Style(bold=True)


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


@dataclass(frozen=True, slots=True)
class MatrixView:
    """Where a matrix is scrolled to, and what is marked in it."""

    top: int
    """The first class in view from top to bottom."""
    left: int
    """The first class in view from left to right."""
    cursor: Cell
    selected: Cell | None
    """None when nothing is."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """A text that fills its place on a line, without the gap before it."""

    text: str
    style: Style


@dataclass(frozen=True, slots=True)
class MatrixDrawing:
    """What decides how a matrix looks."""

    counts: MatrixCounts
    layout: MatrixLayout
    view: MatrixView
    styles: MatrixStyles

    def line(self, y: int, width: int) -> list[Segment]:
        """Line `y`, at most `width` cells wide."""
        layout, view, styles = self.layout, self.view, self.styles
        part = layout.part(y)
        if part is Part.CLASS:
            return self._class_line(view.top + y - HEADER_LINES)
        if part is Part.NAMES:
            return self._names_line()
        if part in (Part.TOTALS, Part.PRECISION):
            return self._summary_line(part)
        if part is Part.AXES:
            indent = 1 + layout.name + 1
            text = " " * indent + fitting(_AXIS_ACROSS, width - indent)
            return [Segment(text, styles.axes)]
        if part is Part.READ_OUT:
            text = cell_text(self.counts, *view.cursor, width - 1)
            return [Segment(" " + text, styles.words)]
        first = layout.line(Part.HIDDEN)
        if part is Part.HIDDEN and first is not None:
            texts = hidden_text(self.counts, layout, view.top, view.left, width - 1)
            return [Segment(" " + texts[y - first], styles.words)]
        return []

    @property
    def _seen(self) -> range:
        return range(self.view.left, self.view.left + self.layout.columns)

    def _class_line(self, row: int) -> list[Segment]:
        counts, styles, digits = self.counts, self.styles, self.layout.digits
        numbers, levels = counts.rows[row], counts.levels[row]
        name = styles.cursor_name if self.view.cursor[0] == row else styles.name
        slots = [_Slot(_flush_right(counts.names[row], self.layout.name), name)]
        for column in self._seen:
            if number := numbers[column]:
                shades = styles.right if row == column else styles.wrong
                style = shades[levels[column]]
            else:
                style = styles.zero
            if self._is_chosen(row, column):
                style += _BOLD
            slots.append(_Slot((str(number) if number else "·").rjust(digits), style))
        slots += self._extras(counts.true_totals[row], counts.right[row])
        return self._marked(slots, row)

    def _names_line(self) -> list[Segment]:
        counts, layout, styles = self.counts, self.layout, self.styles
        slots = [_Slot(_flush_right(_CORNER, layout.name), styles.axes)]
        for column in self._seen:
            style = styles.cursor_name if self.view.cursor[1] == column else styles.name
            slots.append(_Slot(_flush_right(counts.names[column], layout.digits), style))
        if layout.total:
            slots.append(_Slot("total".rjust(layout.total), styles.axes))
        if layout.recall:
            slots.append(_Slot("recall".rjust(layout.recall), styles.axes))
        return self._marked(slots, None)

    def _summary_line(self, part: Part) -> list[Segment]:
        """The line of totals, or that of precisions with the accuracy at its end."""
        counts, layout, styles = self.counts, self.layout, self.styles
        wholes = counts.predicted_totals
        if part is Part.TOTALS:
            slots = [_Slot("total".rjust(layout.name), styles.axes)]
            texts = [str(wholes[column]) for column in self._seen]
            last = [str(counts.total), ""]
        else:
            name = fitting(_PRECISION, layout.name)
            slots = [_Slot(name.rjust(layout.name), styles.axes)]
            texts = [share_text(counts.right[c], wholes[c], layout.digits) for c in self._seen]
            last = ["", _percent(counts.total_right, counts.total, layout.recall)]
        slots += [_Slot(text.rjust(layout.digits), styles.total) for text in texts]
        for text, cells in zip(last, (layout.total, layout.recall), strict=True):
            if cells:
                slots.append(_Slot(text.rjust(cells), styles.total))
        return _joined(slots, -1, styles.bracket)

    def _extras(self, whole: int, right: int) -> list[_Slot]:
        """The total of a row and its recall, as far as they are shown."""
        layout, slots = self.layout, []
        if layout.total:
            slots.append(_Slot(str(whole).rjust(layout.total), self.styles.total))
        if layout.recall:
            text = _percent(right, whole, layout.recall)
            slots.append(_Slot(text.rjust(layout.recall), self.styles.total))
        return slots

    def _is_chosen(self, row: int, column: int) -> bool:
        """Whether a cell is the selected one, or of the selected row or column."""
        if self.view.selected is None:
            return False
        true, predicted = self.view.selected
        return true in (None, row) and predicted in (None, column)

    def _marked(self, slots: list[_Slot], row: int | None) -> list[Segment]:
        """A line with the marks of the cursor and of the selection, if they are in `row`."""
        cursor, selected = self.view.cursor, self.view.selected
        if cursor[0] == row and (place := self._place(cursor[1])) >= 0:
            slot = slots[place]
            slots[place] = _Slot(slot.text, slot.style + self.styles.cursor)
        chosen = self._place(selected[1]) if selected and selected[0] == row else -1
        return _joined(slots, chosen, self.styles.bracket)

    def _place(self, column: int | None) -> int:
        """Which slot of a line a column is; 0 is the name, -1 is out of view."""
        if column is None:
            return 0
        return column - self.view.left + 1 if column in self._seen else -1


def _joined(slots: list[_Slot], selected: int, bracket: Style) -> list[Segment]:
    """The slots with a gap before each; brackets stand close around the selected one."""
    segments = []
    for place, slot in enumerate([*slots, _Slot("", Style.null())]):
        gap = " "
        if place == selected >= 0:
            bare = slot.text.lstrip(" ")
            blanks = 1 + len(slot.text) - len(bare)
            segments.append(Segment(" " * (blanks - 1), Style(bgcolor=slot.style.bgcolor)))
            slot, gap = _Slot(bare, slot.style), "["
        elif place == selected + 1 > 0:
            gap = "]"
        style = Style(bgcolor=slot.style.bgcolor)
        segments.append(Segment(gap, style + bracket if gap != " " else style))
        segments.append(Segment(slot.text, slot.style))
    return segments


def _percent(part: int, whole: int, cells: int) -> str:
    return share_text(part, whole, cells - 1) + ("%" if whole else "")


def _flush_right(text: str, cells: int) -> str:
    text = shorten(text, cells)
    return " " * (cells - cell_len(text)) + text
