"""The table of runs: draws the lines on show and no others, however many runs there are."""

import time
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mnist_core.store import KeptRecord
from mnist_tui.lab.overlay import REFERENCE, Marks
from mnist_tui.runs.columns import COLUMNS, GAP, RunRow, Sorting, fit_columns, tone
from mnist_tui.runs.small_curves import SmallCurves
from mnist_tui.text.contrast import readable
from mnist_tui.text.visible_text import in_middle, padded

_MARK_CELLS = 4
"""A blank, the sign of the mark, that of the reference, and a gap."""
_RUN = "run"
"""Under which a click finds the id of the run that it hit."""


class RunsTable(ScrollView, can_focus=True):
    """A header and a line for each run. The cursor stays on its run when rows come and go."""

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
        f"runs-table--{part}"
        for part in ("header", "sorted", "cursor", "row", "quiet", "success", "warning", "error")
    }
    DEFAULT_CSS = """
    RunsTable {
        height: auto;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        & > .runs-table--header { color: $text-muted; text-style: bold; }
        & > .runs-table--sorted { color: $text-primary; text-style: bold; }
        & > .runs-table--row { color: $foreground; }
        & > .runs-table--cursor { background: $foreground 12%; }
        & > .runs-table--quiet { color: $text-muted; }
        & > .runs-table--success { color: $text-success; }
        & > .runs-table--warning { color: $text-warning; }
        & > .runs-table--error { color: $text-error; }
    }
    RunsTable:focus > .runs-table--cursor { background: $primary 30%; text-style: bold; }
    RunsTable:nocolor > .runs-table--cursor { text-style: reverse; }
    """

    class Moved(Message):
        """The cursor is on another run, or on none."""

    class Chosen(Message):
        """The user double-clicked a run."""

        def __init__(self, record: KeptRecord) -> None:
            super().__init__()
            self.record = record

    class HeaderClicked(Message):
        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(self, marks: Marks, curves: SmallCurves, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._marks = marks
        self._curves = curves
        self._rows: Sequence[RunRow] = ()
        self._total = 0
        self._sorting = Sorting()
        self._words = ""
        self._cursor = 0
        self._cursor_id = ""
        self._columns: dict[str, int] = {}
        self._longest_name = 0
        self._empty: frozenset[str] = frozenset()
        """The columns that say nothing of any run."""
        self._now = 0.0
        self._styles: dict[str, Style] = {}

    @property
    def record(self) -> KeptRecord | None:
        """The run or recording under the cursor."""
        return self._rows[self._cursor].record if self._rows else None

    def show(self, rows: Sequence[RunRow], total: int, sorting: Sorting, words: str = "") -> None:
        """Show `rows` of the `total` runs there are; `words` stand there while there are none."""
        offset = self._cursor - self.scroll_offset.y
        in_view = 0 <= offset < self._page
        at_top = self.scroll_offset.y == 0
        if len(self._rows) != len(rows) or self._total != total:
            self.virtual_size = Size(self.size.width, len(rows) + 1)
        if self._total != total:
            self.refresh(layout=True)
        self._rows, self._total, self._sorting, self._words = rows, total, sorting, words
        self._longest_name = max((len(row.record.name) for row in rows), default=0)
        described = {
            "tags": any(row.record.tags for row in rows),
            "note": any(row.record.note for row in rows),
        }
        self._empty = frozenset(key for key, is_said in described.items() if not is_said)
        self._now = time.time()
        self._fit()
        places = {row.record.id: index for index, row in enumerate(rows)}
        cursor = places.get(self._cursor_id, min(self._cursor, max(0, len(rows) - 1)))
        self._put_cursor(cursor)
        if in_view and not at_top:
            self.scroll_to(y=cursor - offset, animate=False)
        if in_view:
            self._scroll_to_cursor()
            # Where there are more rows now, only the next layout lets it scroll so far.
            self.call_after_refresh(self._scroll_to_cursor)
        self.refresh()

    def put_cursor_on(self, run_id: str) -> None:
        """Go to a run, if it is shown."""
        for index, row in enumerate(self._rows):
            if row.record.id == run_id:
                self._move_to(index)

    # -- moving ----------------------------------------------------------------------------------

    @property
    def _page(self) -> int:
        """How many runs are in view."""
        return max(1, self.size.height - 1)

    def action_move(self, by: int) -> None:
        self._move_to(self._cursor + by)

    def action_move_page(self, pages: int) -> None:
        self._move_to(self._cursor + pages * self._page)

    def action_move_to_end(self, end: int) -> None:
        self._move_to(0 if end < 0 else len(self._rows) - 1)

    def _move_to(self, index: int) -> None:
        before = self._cursor
        self._put_cursor(max(0, min(index, len(self._rows) - 1)))
        self._scroll_to_cursor()
        self.refresh_line(before + 1)
        self.refresh_line(self._cursor + 1)

    def _put_cursor(self, index: int) -> None:
        self._cursor = index
        run_id = self._rows[index].record.id if self._rows else ""
        if run_id != self._cursor_id:
            # A filter that hides every run does not make the cursor forget its own.
            self._cursor_id = run_id or self._cursor_id
            self.post_message(self.Moved())

    def _scroll_to_cursor(self) -> None:
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False)
        elif self._cursor >= top + self._page:
            self.scroll_to(y=self._cursor - self._page + 1, animate=False)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        self._fit()
        self._scroll_to_cursor()

    async def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y == 0:
            column = self._column_at(offset.x)
            if column is not None:
                self.post_message(self.HeaderClicked(column))
            return
        # Not by its place: other runs may have come in between, also between two clicks.
        run_id = event.style.meta.get(_RUN)
        row = next((row for row in self._rows if row.record.id == run_id), None)
        if row is not None:
            if event.chain == 2 and run_id == self._cursor_id:
                self.post_message(self.Chosen(row.record))
            self.put_cursor_on(row.record.id)

    def _column_at(self, x: int) -> str | None:
        left = _MARK_CELLS
        for key, width in self._columns.items():
            if x < left + width + GAP:
                return key if x >= left else None
            left += width + GAP
        return None

    # -- drawing ---------------------------------------------------------------------------------

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As high as all runs need, so that a filter does not move what stands below."""
        return self._total + 1

    def _fit(self) -> None:
        room = self.size.width - _MARK_CELLS - 1
        self._columns = fit_columns(room, self._longest_name, self._empty)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}

    def _style(self, part: str) -> Style:
        """The style of a part of the table, or of a colour such as "#ff8800" or "$primary"."""
        if part not in self._styles:
            if part[0] in "#$":
                name = self.app.theme_variables[part[1:]] if part[0] == "$" else part
                color = readable(Color.parse(name), self.background_colors[1])
                style = Style(color=color.rich_color)
            else:
                # Only here are colours that let others shine through mixed with what is behind.
                whole = self.get_component_rich_style(f"runs-table--{part}")
                cursor = part == "cursor"
                style = Style(
                    color=None if cursor else whole.color,
                    bgcolor=whole.bgcolor if cursor else None,
                    bold=whole.bold,
                    reverse=whole.reverse,
                )
            self._styles[part] = style
        return self._styles[part]

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        if not self._rows:
            words = in_middle(self._words, min(width - 4, 70), *self.size, y)
            style = base + self._style("quiet")
            return Strip([Segment(words, style)]).adjust_cell_length(width, style)
        if y == 0:
            segments = self._header()
        else:
            index = self.scroll_offset.y + y - 1
            if index >= len(self._rows):
                return Strip.blank(width, base)
            segments = self._line(self._rows[index])
            if index == self._cursor:
                base += self._style("cursor")
        line = [Segment(text, base + style) for text, style in segments]
        strip = Strip(line).adjust_cell_length(width, base)
        return strip.apply_meta({_RUN: self._rows[index].record.id}) if y else strip

    def _header(self) -> list[tuple[str, Style]]:
        segments = [(" " * _MARK_CELLS, Style.null())]
        for key, width in self._columns.items():
            column, sorted_by = COLUMNS[key], key == self._sorting.column
            title = column.title + (f" {self._sorting.arrow}" if sorted_by else "")
            style = self._style("sorted" if sorted_by else "header")
            segments.append((padded(title, width, right=column.right) + " " * GAP, style))
        return segments

    def _line(self, row: RunRow) -> list[tuple[str, Style]]:
        look = self._marks.look(row.record.id)
        pinned = row.record.id == self._marks.pinned
        segments = [(" ", Style.null())]
        if look is None or look is REFERENCE:
            segments.append((" ", Style.null()))
        else:
            segments.append((look.sign, self._style(look.color)))
        segments.append(("P " if pinned else "  ", self._style("row")))
        for key, width in self._columns.items():
            column = COLUMNS[key]
            # Only of the runs on show: it is read from the store.
            said = self._curves.of(row.record) if key == "curve" else column.text(row, self._now)
            text = padded(said, width, right=column.right)
            quiet = key in ("time", "speed", "started", "last", "loss", "tags", "note") or (
                key == "differs" and not row.differs
            )
            style = self._style(tone(row) if key == "state" else "quiet" if quiet else "row")
            segments.append((text + " " * GAP, style))
        return segments
