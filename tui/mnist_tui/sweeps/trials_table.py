"""The table of trials."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.style import Style

from mnist_tui.lab.sweep_progress import TrialSoFar
from mnist_tui.sweeps.trial_rows import TrialRow
from mnist_tui.text.visible_text import padded
from mnist_tui.ui.row_table import RowTable

_GAP = "  "
_LEFT = 4
"""The columns from this one on hold words; those before it, numbers."""
_LONGEST = 24


class TrialsTable(RowTable[TrialRow]):
    """A line for each trial. Until it is moved, the cursor is on the best one; then it stays on
    its trial when others come and go.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"row-table--best", "row-table--running"}
    DEFAULT_CSS = """
    TrialsTable {
        height: 1fr;
        & > .row-table--best { color: $text-success; text-style: bold; }
        & > .row-table--running { color: $text-primary; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._titles: tuple[str, ...] = ()
        self._widths: list[int] = []
        self._is_moved = False

    @property
    def trial(self) -> TrialSoFar | None:
        """The one under the cursor."""
        return self.row.trial if self.row is not None else None

    def key(self, row: TrialRow) -> str:
        return str(row.trial.number)

    def show(self, titles: tuple[str, ...], rows: Sequence[TrialRow], words: str = "") -> None:
        """Show `rows`; `words` stand there while there are none."""
        self._is_moved &= bool(rows)
        self._titles, self._rows, self._words = titles, rows, words
        columns = zip(titles, *(row.cells for row in rows), strict=True)
        self._widths = [min(_LONGEST, max(map(cell_len, column))) for column in columns]
        self._fit_height()
        place = self._place(self._cursor_key) if self._is_moved else None
        self._put_cursor(place or 0)
        self._scroll_to_cursor()
        self.refresh()

    def _move_to(self, place: int) -> None:
        super()._move_to(place)
        # On the best it follows the best again.
        self._is_moved = self._cursor > 0

    def header(self) -> list[tuple[str, Style]]:
        return [(self._cells(self._titles), self._style("header"))]

    def line(self, row: TrialRow) -> list[tuple[str, Style]]:
        return [(self._cells(row.cells), self._style(row.part))]

    def _cells(self, cells: Sequence[str]) -> str:
        *columns, last = [
            padded(cell, width, right=index < _LEFT)
            for index, (cell, width) in enumerate(zip(cells, self._widths, strict=True))
        ]
        # What is remarked takes what is left of the line.
        return f" {_GAP.join(columns)}{_GAP}{cells[-1] if last.strip() else ''}"
