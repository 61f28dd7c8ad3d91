"""The charts of a sweep: the best so far, the values against one field, and all fields at once."""

from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content

from mnist_tui.charts.chart import Chart
from mnist_tui.charts.plot import Plot, extent
from mnist_tui.charts.view import View
from mnist_tui.lab.sweep_progress import SweepProgress
from mnist_tui.sweeps.parallel_coordinates import ParallelCoordinates
from mnist_tui.sweeps.sweep_plots import best_plot, choices_text, parameter_plot, ranges_of


class SweepCharts(Horizontal):
    """Side by side, as far as there is room."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self.parameter = 0
        """Which of the fields that are sampled the value is drawn against; counted on and on."""

    def compose(self) -> ComposeResult:
        yield Chart(id="best-chart")
        yield Chart(id="parameter-chart")
        yield ParallelCoordinates(id="parallel")

    def show(self, progress: SweepProgress | None, view: View, zoomed: str, empty: str) -> None:
        """Draw a sweep; the window of `view` is that of the chart `zoomed`, `empty` stands there
        while there is no sweep.
        """

        def show_plot(name: str, title: str, plot: Plot) -> None:
            all_there_is = extent(plot)
            if view.window is not None and all_there_is is not None and name == zoomed:
                plot = replace(plot, x=replace(plot.x, window=view.within(all_there_is)))
            self.query_one(f"#{name}", Chart).show_plot(title, plot)

        show_plot("best-chart", "Best so far", best_plot(progress, empty))
        ranges = ranges_of(progress) if progress is not None else ()
        if progress is not None and ranges:
            chosen = ranges[self.parameter % len(ranges)]
            title = f"Against {chosen.field.label}"
            show_plot("parameter-chart", title, parameter_plot(progress, chosen))
            self.query_one("#parameter-chart").border_subtitle = Content(choices_text(chosen))
        else:
            words = "The value of each trial against one of the fields will be drawn here."
            show_plot("parameter-chart", "Against a field", Plot(empty=words))
        self.query_one(ParallelCoordinates).show(progress)
