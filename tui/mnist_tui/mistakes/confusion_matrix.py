"""A confusion matrix to walk through, however many classes it has."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from mnist_tui.mistakes.matrix_drawing import (
    Cell,
    MatrixDrawing,
    MatrixStyles,
    cell_text,
    shades,
)
from mnist_tui.mistakes.matrix_layout import (
    HEADER_LINES,
    MatrixCounts,
    MatrixLayout,
    Part,
    arrange,
    lines_of,
)
from mnist_tui.text.visible_text import in_middle

NO_ROOM = "Too small for the matrix."


class ConfusionMatrix(Widget, can_focus=True):
    """Rows are true classes, columns predicted ones.

    The headers belong to the cells: that of a row stands for all samples of the class, that of a
    column for all that were taken for it, the corner for all.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1, 0)", "Up", show=False),
        Binding("down,j", "move(1, 0)", "Down", show=False),
        Binding("left,h", "move(0, -1)", "Left", show=False),
        Binding("right,l", "move(0, 1)", "Right", show=False),
        Binding("pageup", "move_page(-1)", "Page up", show=False),
        Binding("pagedown", "move_page(1)", "Page down", show=False),
        Binding("home", "move_to_end(-1)", "First column", show=False),
        Binding("end", "move_to_end(1)", "Last column", show=False),
        Binding("enter", "choose", "Show", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"confusion-matrix--{part}"
        for part in (
            "axes", "name", "cursor-name", "count", "zero", "right", "wrong", "total", "selected",
            "cursor", "cursor-away", "words",
        )
    }  # fmt: skip
    DEFAULT_CSS = """
    ConfusionMatrix {
        width: 1fr;
        height: 1fr;
        & > .confusion-matrix--axes { color: $text-muted; }
        & > .confusion-matrix--name { color: $foreground 70%; }
        & > .confusion-matrix--cursor-name { color: $text-primary; text-style: bold; }
        & > .confusion-matrix--count { color: $foreground; }
        & > .confusion-matrix--zero { color: $foreground 30%; }
        & > .confusion-matrix--right { color: $primary; }
        & > .confusion-matrix--wrong { color: $error; }
        & > .confusion-matrix--total { color: $text-muted; }
        & > .confusion-matrix--selected { color: $text-accent; text-style: bold; }
        & > .confusion-matrix--cursor { color: $foreground; text-style: bold reverse; }
        & > .confusion-matrix--cursor-away { text-style: underline; }
        & > .confusion-matrix--words { color: $text-muted; }
    }
    """

    class Chosen(Message):
        """The user wants to see the samples of a cell; None stands for any class."""

        def __init__(self, true: int | None, predicted: int | None) -> None:
            super().__init__()
            self.true = true
            self.predicted = predicted

    selected: reactive[Cell | None] = reactive(None)
    """What was chosen last, (true class, predicted class); None if nothing is selected."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._counts = MatrixCounts(np.empty((0, 0), np.int64), ())
        self._arranged: MatrixLayout | None = None
        self._cursor = (0, 0)
        """(row, column); -1 for the header."""
        self._top = 0
        self._left = 0
        self._styles: dict[bool, MatrixStyles] = {}
        """With the focus and without."""

    @property
    def cursor(self) -> Cell:
        """The (true class, predicted class) under the cursor; None on a header."""
        row, column = self._cursor
        return (None if row < 0 else row), (None if column < 0 else column)

    def show(
        self,
        matrix: NDArray[np.int64],
        class_names: Sequence[str],
        base: NDArray[np.int64] | None = None,
        base_name: str = "",
    ) -> None:
        """Show `matrix` (classes, classes): true classes down, predicted ones across, counts.

        With `base`, of the model called `base_name`, show how many more there are than in it.

        Cursor, selection and scroll stay where they are as far as the classes reach.

        Raises:
            ValueError: if the matrix is not square.
        """
        before = self._counts.classes
        self._counts = counts = MatrixCounts(matrix, class_names, base, base_name)
        row, column = self._cursor
        self._cursor = min(row, counts.classes - 1), min(column, counts.classes - 1)
        if any(place is not None and place >= counts.classes for place in self.selected or ()):
            self.selected = None
        self._arrange()
        self.refresh(layout=counts.classes != before)

    def select(self, true: int | None, predicted: int | None) -> None:
        """Mark a cell as the selected one and put the cursor on it. None stands for any class.

        Raises:
            ValueError: if the matrix has no such class.
        """
        classes = self._counts.classes
        if any(place is not None and not 0 <= place < classes for place in (true, predicted)):
            raise ValueError(f"The matrix has {classes} classes.")
        self.selected = true, predicted
        self._put_cursor(-1 if true is None else true, -1 if predicted is None else predicted)

    def clear(self) -> None:
        """Select nothing; the cursor stays."""
        self.selected = None

    # -- moving ----------------------------------------------------------------------------------

    def action_move(self, down: int, right: int) -> None:
        row, column = self._cursor
        self._put_cursor(row + down, column + right)

    def action_move_page(self, pages: int) -> None:
        row, column = self._cursor
        rows = self._arranged.rows if self._arranged else 1
        self._put_cursor(max(0, row + pages * rows), column)

    def action_move_to_end(self, end: int) -> None:
        self._put_cursor(self._cursor[0], 0 if end < 0 else self._counts.classes - 1)

    def action_choose(self) -> None:
        if self._counts.classes:
            self.selected = self.cursor
            self.post_message(self.Chosen(*self.cursor))

    def _put_cursor(self, row: int, column: int) -> None:
        last, before = self._counts.classes - 1, self._cursor
        if last < 0:
            return
        self._cursor = max(-1, min(row, last)), max(-1, min(column, last))
        top, left = self._with_cursor_in_view()
        if self._cursor != before or (top, left) != (self._top, self._left):
            self._redraw_cursor(before[0], self._cursor[0])
        self._show_from(top, left)

    def _with_cursor_in_view(self) -> tuple[int, int]:
        """Where to scroll to so that the cursor is in view: (first row, first column)."""
        layout = self._arranged
        if layout is None:
            return self._top, self._left
        row, column = self._cursor
        top, left = self._top, self._left
        if row >= 0:
            top = max(row - layout.rows + 1, min(top, row))
        if column >= 0:
            left = max(column - layout.columns + 1, min(left, column))
        return top, left

    def _show_from(self, top: int, left: int) -> bool:
        """Scroll as near to it as there is something to see; whether the view is another now."""
        layout = self._arranged
        if layout is None:
            return False
        top = max(0, min(top, layout.classes - layout.rows))
        left = max(0, min(left, layout.classes - layout.columns))
        if (top, left) == (self._top, self._left):
            return False
        self._top, self._left = top, left
        self.refresh()
        return True

    def _redraw_cursor(self, *rows: int) -> None:
        """Draw again what depends on the cursor: those rows, the names of columns, the words."""
        layout = self._arranged
        if layout is None:
            return
        lines = {HEADER_LINES - 1, layout.line(Part.READ_OUT)}
        in_view = range(self._top, self._top + layout.rows)
        lines |= {HEADER_LINES + row - self._top for row in rows if row in in_view}
        width = self.size.width
        self.refresh(*(Region(0, line, width, 1) for line in lines if line is not None))

    def on_click(self, event: events.Click) -> None:
        cell = self._cell_at(event)
        if cell is not None:
            self._put_cursor(*cell)
            self.action_choose()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        cell = self._cell_at(event)
        tooltip = None
        if cell is not None:
            row, column = (None if place < 0 else place for place in cell)
            tooltip = Content(cell_text(self._counts, row, column, 70))
        self.tooltip = tooltip

    def _cell_at(self, event: events.MouseEvent) -> tuple[int, int] | None:
        offset = event.get_content_offset(self)
        if offset is None or self._arranged is None:
            return None
        position = self._arranged.position(*offset)
        if position is None:
            return None
        row, column = position
        return row + self._top if row >= 0 else -1, column + self._left if column >= 0 else -1

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 1, sideways=event.shift or event.ctrl)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -1, sideways=event.shift or event.ctrl)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        self._wheel(event, 1, sideways=True)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        self._wheel(event, -1, sideways=True)

    def _wheel(self, event: events.MouseEvent, by: int, *, sideways: bool) -> None:
        down, right = (0, by) if sideways else (by, 0)
        if self._show_from(self._top + down, self._left + right):
            event.stop()

    def on_resize(self) -> None:
        self._arrange()
        self.refresh()

    def _arrange(self) -> None:
        """Fit the matrix into the widget. A cursor that was in view stays in view."""
        before = self._arranged
        self._arranged = arrange(*self.size, self._counts)
        if before is None or self._in_view(before):
            self._show_from(*self._with_cursor_in_view())
        else:
            self._show_from(self._top, self._left)

    def _in_view(self, layout: MatrixLayout) -> bool:
        """Whether `layout` shows the cursor."""
        row, column = self._cursor
        return (row < 0 or self._top <= row < self._top + layout.rows) and (
            column < 0 or self._left <= column < self._left + layout.columns
        )

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return lines_of(self._counts)

    # -- drawing ---------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        if self.has_focus not in self._styles:
            self._styles[self.has_focus] = self._read_styles()
        styles = self._styles[self.has_focus]
        counts, layout = self._counts, self._arranged
        if layout is None:
            words = NO_ROOM if counts.classes else ""
            segments = [Segment(in_middle(words, min(width - 2, 60), *self.size, y), styles.words)]
        else:
            drawing = MatrixDrawing(
                counts, layout, styles, self._top, self._left, self.cursor, self.selected
            )
            segments = drawing.line(y, width)
        laid = [Segment(text, base + style if style else base) for text, style, _ in segments]
        return Strip(laid).adjust_cell_length(width, base)

    def _read_styles(self) -> MatrixStyles:
        def part(name: str) -> Style:
            whole = self.get_component_rich_style(f"confusion-matrix--{name}")
            return Style(
                color=whole.color,
                bold=whole.bold,
                underline=whole.underline,
                reverse=whole.reverse,
            )

        return MatrixStyles(
            axes=part("axes"),
            name=part("name"),
            cursor_name=part("cursor-name"),
            zero=part("zero"),
            right=self._shades("right"),
            wrong=self._shades("wrong"),
            total=part("total"),
            bracket=part("selected"),
            cursor=part("cursor" if self.has_focus else "cursor-away"),
            words=part("words"),
        )

    def _shades(self, name: str) -> tuple[Style, ...]:
        hue = self.get_component_styles(f"confusion-matrix--{name}").color
        text = self.get_component_styles("confusion-matrix--count").color
        return shades(hue, text, self.background_colors[1])
