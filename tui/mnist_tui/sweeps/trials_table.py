"""The table of trials: draws the lines on show and no others."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mnist_tui.lab.sweep_progress import TrialSoFar
from mnist_tui.sweeps.trial_rows import TrialRow
from mnist_tui.text.visible_text import in_middle, padded

_GAP = "  "
_TRIAL = "trial"
"""Under which a click finds the number of the trial that it hit."""
_LEFT = 4
"""The columns from this one on hold words; those before it, numbers."""
_LONGEST = 24


class TrialsTable(ScrollView, can_focus=True):
    """A header and a line for each trial. Until it is moved, the cursor is on the best one; then
    it stays on its trial when others come and go.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "move_page(-1)", "Page up", show=False),
        Binding("pagedown", "move_page(1)", "Page down", show=False),
        Binding("home,g", "move_to_end(-1)", "First", show=False),
        Binding("end,G", "move_to_end(1)", "Last", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"trials-table--{part}"
        for part in ("header", "cursor", "row", "best", "quiet", "success", "error")
    }
    DEFAULT_CSS = """
    TrialsTable {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        & > .trials-table--header { color: $text-muted; text-style: bold; }
        & > .trials-table--row { color: $foreground; }
        & > .trials-table--best { color: $text-success; text-style: bold; }
        & > .trials-table--cursor { background: $foreground 12%; }
        & > .trials-table--quiet { color: $text-muted; }
        & > .trials-table--success { color: $text-primary; }
        & > .trials-table--error { color: $text-error; }
    }
    TrialsTable:focus > .trials-table--cursor { background: $primary 30%; text-style: bold; }
    TrialsTable:nocolor > .trials-table--cursor { text-style: reverse; }
    """

    class Moved(Message):
        """The cursor is on another trial, or on none."""

    class Chosen(Message):
        """The user double-clicked the trial under the cursor."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._titles: tuple[str, ...] = ()
        self._rows: Sequence[TrialRow] = ()
        self._widths: list[int] = []
        self._words = ""
        self._cursor = 0
        self._is_moved = False
        self._styles: dict[str, Style] = {}

    @property
    def trial(self) -> TrialSoFar | None:
        """The one under the cursor."""
        return self._rows[self._cursor].trial if self._rows else None

    def show(self, titles: tuple[str, ...], rows: Sequence[TrialRow], words: str = "") -> None:
        """Show `rows`; `words` stand there while there are none."""
        before = self.trial.number if self.trial is not None else None
        self._is_moved &= bool(rows)
        self._titles, self._rows, self._words = titles, rows, words
        columns = zip(titles, *(row.cells for row in rows), strict=True)
        self._widths = [min(_LONGEST, max(map(cell_len, column))) for column in columns]
        self.virtual_size = Size(self.size.width, len(rows) + 1)
        numbers = [row.trial.number for row in rows]
        self._put_cursor(numbers.index(before) if self._is_moved and before in numbers else 0)
        self._scroll_to_cursor()
        self.refresh()

    # -- moving ----------------------------------------------------------------------------------

    @property
    def _page(self) -> int:
        """How many trials are in view."""
        return max(1, self.size.height - 1)

    def action_move(self, by: int) -> None:
        self._move_to(self._cursor + by)

    def action_move_page(self, pages: int) -> None:
        self._move_to(self._cursor + pages * self._page)

    def action_move_to_end(self, end: int) -> None:
        self._move_to(0 if end < 0 else len(self._rows) - 1)

    def _move_to(self, index: int) -> None:
        self._put_cursor(max(0, min(index, len(self._rows) - 1)))
        # On the best it follows the best again.
        self._is_moved = self._cursor > 0
        self._scroll_to_cursor()
        self.refresh()

    def _put_cursor(self, index: int) -> None:
        self._cursor = index
        self.post_message(self.Moved())

    def _scroll_to_cursor(self) -> None:
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + self._page:
            self.scroll_to(y=self._cursor - self._page + 1, animate=False)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        self._scroll_to_cursor()

    def on_click(self, event: events.Click) -> None:
        # Not by its place: another trial may have come there in between.
        number = event.style.meta.get(_TRIAL)
        places = {row.trial.number: index for index, row in enumerate(self._rows)}
        if number in places:
            again = event.chain == 2 and places[number] == self._cursor
            self._move_to(places[number])
            if again:
                self.post_message(self.Chosen())

    # -- drawing ---------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}

    def _style(self, part: str) -> Style:
        if part not in self._styles:
            # Only here are colours that let others shine through mixed with what is behind.
            whole = self.get_component_rich_style(f"trials-table--{part}")
            cursor = part == "cursor"
            self._styles[part] = Style(
                color=None if cursor else whole.color,
                bgcolor=whole.bgcolor if cursor else None,
                bold=whole.bold,
                reverse=whole.reverse,
            )
        return self._styles[part]

    def render_line(self, y: int) -> Strip:
        width, base = self.size.width, self.rich_style
        if not self._rows:
            style = base + self._style("quiet")
            words = in_middle(self._words, min(width - 4, 70), *self.size, y)
            return Strip([Segment(words, style)]).adjust_cell_length(width, style)
        if y == 0:
            line = [Segment(self._line(self._titles), base + self._style("header"))]
            return Strip(line).adjust_cell_length(width, base)
        index = self.scroll_offset.y + y - 1
        if index >= len(self._rows):
            return Strip.blank(width, base)
        row = self._rows[index]
        if index == self._cursor:
            base += self._style("cursor")
        line = [Segment(self._line(row.cells), base + self._style(row.part))]
        return Strip(line).adjust_cell_length(width, base).apply_meta({_TRIAL: row.trial.number})

    def _line(self, cells: Sequence[str]) -> str:
        *columns, last = [
            padded(cell, width, right=index < _LEFT)
            for index, (cell, width) in enumerate(zip(cells, self._widths, strict=True))
        ]
        # What is remarked takes what is left of the line.
        return f" {_GAP.join(columns)}{_GAP}{cells[-1] if last.strip() else ''}"
