"""What the tables with a cursor have in common: they draw the lines on show and no others."""

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mnist_tui.text.visible_text import in_middle

RowT = TypeVar("RowT")
_KEY = "row"
"""Under which a click finds the key of the row that it hit."""


class RowTable(ScrollView, Generic[RowT], can_focus=True):
    """A header and a line for each row, with a cursor on one of them.

    A table says with `key`, `header` and `line` what its rows are and look like. A part of a line
    is drawn as the component class `row-table--PART` says.
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
        f"row-table--{part}" for part in ("header", "cursor", "row", "quiet", "error")
    }
    DEFAULT_CSS = """
    RowTable {
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        & > .row-table--header { color: $text-muted; text-style: bold; }
        & > .row-table--row { color: $foreground; }
        & > .row-table--cursor { background: $foreground 12%; }
        & > .row-table--quiet { color: $text-muted; }
        & > .row-table--error { color: $text-error; }
    }
    RowTable:focus > .row-table--cursor { background: $primary 30%; text-style: bold; }
    RowTable:nocolor > .row-table--cursor { text-style: reverse; }
    """

    class Moved(Message):
        """The cursor is on another row, or on none."""

    class Chosen(Message):
        """The user double-clicked the row under the cursor."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._rows: Sequence[RowT] = ()
        self._words = ""
        """What stands there while there is no row."""
        self._cursor = 0
        self._cursor_key = ""
        """Of the row that the cursor is on, or was before there was none."""
        self._styles: dict[str, Style] = {}

    def key(self, row: RowT) -> str:
        """What tells this row from the others, also after they have come and gone."""
        raise NotImplementedError

    def header(self) -> list[tuple[str, Style]]:
        """The titles of the columns, each with its style."""
        raise NotImplementedError

    def line(self, row: RowT) -> list[tuple[str, Style]]:
        """What is said of a row, piece by piece, each with its style."""
        raise NotImplementedError

    @property
    def row(self) -> RowT | None:
        """The one under the cursor."""
        return self._rows[self._cursor] if self._rows else None

    def _place(self, key: str) -> int | None:
        """Where the row of this key is; None: it is not shown."""
        return next((place for place, row in enumerate(self._rows) if self.key(row) == key), None)

    # -- moving ----------------------------------------------------------------------------------

    @property
    def _page(self) -> int:
        """How many rows are in view."""
        return max(1, self.size.height - 1)

    def action_move(self, by: int) -> None:
        self._move_to(self._cursor + by)

    def action_move_page(self, pages: int) -> None:
        self._move_to(self._cursor + pages * self._page)

    def action_move_to_end(self, end: int) -> None:
        self._move_to(0 if end < 0 else len(self._rows) - 1)

    def _move_to(self, place: int) -> None:
        before = self._cursor
        self._put_cursor(max(0, min(place, len(self._rows) - 1)))
        self._scroll_to_cursor()
        self.refresh_line(before + 1)
        self.refresh_line(self._cursor + 1)

    def _put_cursor(self, place: int) -> None:
        self._cursor = place
        key = self.key(self._rows[place]) if self._rows else ""
        if key != self._cursor_key:
            # A filter that hides every row does not make the cursor forget its own.
            self._cursor_key = key or self._cursor_key
            self.post_message(self.Moved())

    def _scroll_to_cursor(self) -> None:
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + self._page:
            self.scroll_to(y=self._cursor - self._page + 1, animate=False)

    def _fit_height(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)

    def on_resize(self) -> None:
        self._fit_height()
        self._scroll_to_cursor()

    def on_click(self, event: events.Click) -> None:
        # Not by its place: other rows may have come in between, also between two clicks.
        key = event.style.meta.get(_KEY, "")
        place = self._place(key)
        if place is not None:
            if event.chain == 2 and key == self._cursor_key:
                self.post_message(self.Chosen())
            self._move_to(place)

    # -- drawing ---------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}

    def _style(self, part: str) -> Style:
        if part not in self._styles:
            # Only here are colours that let others shine through mixed with what is behind.
            whole = self.get_component_rich_style(f"row-table--{part}")
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
            return _strip(self.header(), base, width)
        place = self.scroll_offset.y + y - 1
        if place >= len(self._rows):
            return Strip.blank(width, base)
        row = self._rows[place]
        if place == self._cursor:
            base += self._style("cursor")
        return _strip(self.line(row), base, width).apply_meta({_KEY: self.key(row)})


def _strip(pieces: list[tuple[str, Style]], base: Style, width: int) -> Strip:
    line = [Segment(text, base + style) for text, style in pieces]
    return Strip(line).adjust_cell_length(width, base)
