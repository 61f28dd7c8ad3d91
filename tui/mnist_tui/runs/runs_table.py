"""The table of runs."""

import time
from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.color import Color
from textual.geometry import Size
from textual.message import Message

from mnist_core.store import KeptRecord
from mnist_tui.lab.overlay import REFERENCE, Marks
from mnist_tui.runs.columns import COLUMNS, GAP, RunRow, Sorting, fit_columns, tone
from mnist_tui.runs.small_curves import SmallCurves
from mnist_tui.text.contrast import readable
from mnist_tui.text.visible_text import padded
from mnist_tui.ui.row_table import RowTable

_MARK_CELLS = 4
"""A blank, the sign of the mark, that of the reference, and a gap."""


class RunsTable(RowTable[RunRow]):
    """A line for each run. The cursor stays on its run when rows come and go."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"row-table--{part}" for part in ("sorted", "success", "warning")
    }
    DEFAULT_CSS = """
    RunsTable {
        height: auto;
        & > .row-table--sorted { color: $text-primary; text-style: bold; }
        & > .row-table--success { color: $text-success; }
        & > .row-table--warning { color: $text-warning; }
    }
    """

    class HeaderClicked(Message):
        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    def __init__(self, marks: Marks, curves: SmallCurves, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self._marks = marks
        self._curves = curves
        self._total = 0
        self._sorting = Sorting()
        self._columns: dict[str, int] = {}
        self._longest_name = 0
        self._empty: frozenset[str] = frozenset()
        """The columns that say nothing of any run."""
        self._now = 0.0

    @property
    def record(self) -> KeptRecord | None:
        """The run or recording under the cursor."""
        return self.row.record if self.row is not None else None

    def key(self, row: RunRow) -> str:
        return row.record.id

    def show(self, rows: Sequence[RunRow], total: int, sorting: Sorting, words: str = "") -> None:
        """Show `rows` of the `total` runs there are; `words` stand there while there are none."""
        offset = self._cursor - self.scroll_offset.y
        in_view = 0 <= offset < self._page
        at_top = self.scroll_offset.y == 0
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
        self._fit_height()
        self._fit_columns()
        place = self._place(self._cursor_key)
        cursor = min(self._cursor, max(0, len(rows) - 1)) if place is None else place
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
        place = self._place(run_id)
        if place is not None:
            self._move_to(place)

    def on_resize(self) -> None:
        # After this Textual calls that of the base, as it does for a click.
        self._fit_columns()

    def on_click(self, event: events.Click) -> None:
        """Of the header; a click on a row is the cursor's."""
        offset = event.get_content_offset(self)
        column = self._column_at(offset.x) if offset is not None and offset.y == 0 else None
        if column is not None:
            self.post_message(self.HeaderClicked(column))

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

    def _fit_columns(self) -> None:
        room = self.size.width - _MARK_CELLS - 1
        self._columns = fit_columns(room, self._longest_name, self._empty)

    def _style(self, part: str) -> Style:
        """The style of a part of the table, or of a colour such as "#ff8800" or "$primary"."""
        if part[0] in "#$" and part not in self._styles:
            name = self.app.theme_variables[part[1:]] if part[0] == "$" else part
            color = readable(Color.parse(name), self.background_colors[1])
            self._styles[part] = Style(color=color.rich_color)
        return super()._style(part)

    def header(self) -> list[tuple[str, Style]]:
        segments = [(" " * _MARK_CELLS, Style.null())]
        for key, width in self._columns.items():
            column, sorted_by = COLUMNS[key], key == self._sorting.column
            title = column.title + (f" {self._sorting.arrow}" if sorted_by else "")
            style = self._style("sorted" if sorted_by else "header")
            segments.append((padded(title, width, right=column.right) + " " * GAP, style))
        return segments

    def line(self, row: RunRow) -> list[tuple[str, Style]]:
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
