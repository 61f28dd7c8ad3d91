"""Many small charts, of which only those on show are drawn."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Container

from mnist_tui.charts.chart import Chart
from mnist_tui.charts.plot import Plot, extent
from mnist_tui.charts.view import View
from mnist_tui.lab.recorded_curves import ChartNames, RecordedCurves
from mnist_tui.lab.recorded_plots import RecordedOverlay, recorded_plot
from mnist_tui.recording.chart_layout import MOST_CHARTS, grid_for, rows_of
from mnist_tui.text.visible_text import visible

_AT_ONCE = 3
"""Charts that are drawn in one tick of a recording that goes on."""
_AHEAD = 1.25
"""How far an axis that was outgrown goes beyond the last step."""


class ChartGrid(Container):
    """As many charts as there is room for; they show one stretch of all that there are."""

    def __init__(self, curves: RecordedCurves) -> None:
        super().__init__(id="charts")
        self._curves = curves
        self._overlays: Sequence[RecordedOverlay] = ()
        self._charts: Sequence[ChartNames] = ()
        self._rows: list[Sequence[ChartNames]] = []
        self._top = 0
        self._grid = (1, 1)
        self._view = View()
        self._end: tuple[str, float] = ("", 0.0)
        self._slots: list[Chart] = []
        self._shown: list[ChartNames | None] = [None] * MOST_CHARTS
        """What each slot shows."""
        self._due: list[int] = []
        self.pointed: float | None = None
        """Where the charts have a cursor, on their x axis."""

    def compose(self) -> ComposeResult:
        for number in range(MOST_CHARTS):
            chart = Chart(id=f"metric-{number}")
            self._slots.append(chart)
            yield chart

    @property
    def can_scroll(self) -> bool:
        """Whether there are more charts than those on show."""
        return len(self._rows) > self._grid[1]

    @property
    def page(self) -> int:
        """Rows on show."""
        return self._grid[1]

    @property
    def place(self) -> tuple[int, int]:
        """The first and the last chart on show, counted from 1."""
        before = sum(map(len, self._rows[: self._top]))
        return before + 1, before + sum(map(len, self._rows_shown))

    @property
    def _rows_shown(self) -> list[Sequence[ChartNames]]:
        return self._rows[self._top : self._top + self._grid[1]]

    def show(
        self, charts: Sequence[ChartNames], overlays: Sequence[RecordedOverlay], view: View
    ) -> None:
        """Show these charts from now on, as far as there is room."""
        self._charts, self._overlays, self._view = charts, overlays, view
        self.lay_out()

    def lay_out(self) -> None:
        """Give each chart on show its place, and draw all of them."""
        if not self.size:
            # Not laid out yet, or behind something else: it is told when it is.
            return
        columns, rows = self._grid = grid_for(len(self._charts), *self.size)
        self._rows = rows_of(self._charts, columns)
        self._top = max(0, min(self._top, len(self._rows) - rows))
        if self.screen.has_class("-maximised"):
            columns = rows = 1
        if (self.styles.grid_size_columns, self.styles.grid_size_rows) != (columns, rows):
            self.styles.grid_size_columns, self.styles.grid_size_rows = columns, rows
        self._fill()

    def _fill(self) -> None:
        columns, rows = self._grid
        every: list[ChartNames | None] = []
        for row in self._rows_shown:
            every += [*row, *[None] * (columns - len(row))]
        every += [None] * (MOST_CHARTS - len(every))
        for number, (slot, names) in enumerate(zip(self._slots, every, strict=True)):
            slot.display = number < columns * rows
            # One that is hidden keeps its place in the row.
            slot.visible = names is not None
            self._shown[number] = names
            if names is None and slot.plot.curves:
                slot.plot = Plot()
        self._due = []
        for number, names in enumerate(every):
            if names is not None:
                self._draw(number, names)

    def on_resize(self) -> None:
        self.lay_out()

    def scroll_rows(self, by: int) -> None:
        """Show others, so many rows further."""
        top = max(0, min(self._top + by, len(self._rows) - self._grid[1]))
        if top != self._top:
            self._top = top
            self._fill()

    def touch(self) -> None:
        """There are more points: all on show are due, and drawn in turn."""
        self._due += [
            number
            for number, names in enumerate(self._shown)
            if names is not None and number not in self._due
        ]

    def draw_due(self) -> None:
        """Draw those whose turn it is; once a tick."""
        for number in self._due[:_AT_ONCE]:
            names = self._shown[number]
            if names is not None:
                self._draw(number, names)
        del self._due[:_AT_ONCE]

    def point_at(self, place: float | None) -> None:
        """Put the cursor of the charts somewhere, or take it away."""
        self.pointed = place
        for slot in self._slots:
            slot.cursor = place

    def _draw(self, number: int, names: ChartNames) -> None:
        plot = recorded_plot(names, self._curves, self._overlays, self._view, self.pointed)
        plot = replace(plot, x=replace(plot.x, end=self._common_end()))
        all_there_is = extent(plot)
        window = self._view.within(all_there_is) if all_there_is is not None else None
        shown = replace(plot, x=replace(plot.x, window=window))
        self._slots[number].show_plot(visible(names.title), shown)

    def _common_end(self) -> float:
        """Where all charts end, so that they can be compared; kept while it serves."""
        axis, end = self._end
        last = max(self._lasts())
        if axis != self._view.axis or not self._curves.record.state.is_live:
            end = last
        elif last > end:
            end = _AHEAD * last
        self._end = self._view.axis, end
        return end

    def _lasts(self) -> Iterator[float]:
        yield 1.0
        for curves in (self._curves, *(overlay.curves for overlay in self._overlays)):
            record = curves.record
            yield float(record.step if self._view.axis == "step" else record.seconds)
