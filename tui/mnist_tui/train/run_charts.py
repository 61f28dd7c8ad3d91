"""The charts of a run: loss, accuracy, and when asked for its gradients and learning rate."""

from collections.abc import Sequence
from dataclasses import replace

from textual.app import ComposeResult
from textual.containers import Vertical

from mnist_tui.charts.axes import Limits
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.plot import extent, x_limits
from mnist_tui.charts.view import View
from mnist_tui.lab.overlay import Overlay
from mnist_tui.lab.run_plots import (
    METRIC_TITLES,
    gradient_plot,
    metric_plot,
    metrics_of,
    place_of_step,
    with_overlays,
)
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.ui.chart_screen import ABSENT
from mnist_tui.ui.sizes import NARROW, WIDE

_CHARTS = ("loss", "accuracy", "gradients")
_LEAST_HEIGHT = 27
"""Lines that three charts, one below the other, need to be read."""
_ROOMY_HEIGHT = 45
"""Lines from which on a wide screen shows all three unasked."""


class RunCharts(Vertical):
    """Two charts; the third one takes the place of accuracy where there is little room."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._x: Limits | None = None
        """Of all charts; kept from one time to the next, so that they stay calm during a run."""
        self._followed: object = None
        """The axis and the run that they are of."""

    def compose(self) -> ComposeResult:
        for name in _CHARTS:
            chart = Chart(id=name)
            chart.border_title = name.capitalize()
            yield chart

    def on_mount(self) -> None:
        self._arrange(self.shows_gradients)

    @property
    def shows_gradients(self) -> bool:
        """Whether the third chart is shown."""
        return not self._chart("gradients").has_class(ABSENT)

    def _wants_gradients(self, view: View) -> bool:
        if view.gradients is not None:
            return view.gradients
        return self.screen.has_class(WIDE) and self.size.height >= _ROOMY_HEIGHT

    def show(
        self,
        progress: RunProgress | None,
        ghost: RunProgress | None,
        overlays: Sequence[Overlay],
        view: View,
        cursor: float | None,
    ) -> None:
        """Draw the run over `ghost`, the run before, and `overlays`; `cursor` is a step."""
        gradients = self._wants_gradients(view)
        self._arrange(gradients)
        metrics = metrics_of(view)
        drawn = [run for run in (progress, ghost) if run is not None]
        loss, accuracy = (
            with_overlays(metric_plot(metric, progress, ghost, view), metric, overlays, view, drawn)
            for metric in metrics
        )
        plots = {"loss": loss, "accuracy": accuracy}
        titles = dict(zip(plots, (METRIC_TITLES[metric] for metric in metrics), strict=True))
        if gradients:
            plots["gradients"] = gradient_plot(progress, ghost, view)
            titles["gradients"] = "Gradients"
        place = None
        if progress is not None:
            if (view.axis, progress) != self._followed:
                self._followed, self._x = (view.axis, progress), None
            self._x = x_limits(loss, self._x)
            if cursor is not None:
                place = place_of_step(progress, view.axis, cursor)
        end = self._x.high if self._x is not None else None
        all_there_is = extent(replace(loss, x=replace(loss.x, end=end)))
        window = view.within(all_there_is) if all_there_is is not None else None
        for name, plot in plots.items():
            x = replace(plot.x, end=end, window=window)
            self._chart(name).show_plot(titles[name], replace(plot, x=x, cursor=place))

    def _arrange(self, gradients: bool) -> None:
        """Show the third chart or not, and accuracy where there is room beside it."""
        screen = self.screen
        small = self.size.height < _LEAST_HEIGHT and not screen.has_class(NARROW)
        self._chart("gradients").set_class(not gradients, ABSENT)
        replaced = gradients and small and not screen.has_class("-maximised")
        accuracy = self._chart("accuracy")
        if replaced and accuracy.has_focus:
            screen.set_focus(self._chart("gradients"))
        accuracy.set_class(replaced, ABSENT)

    def _chart(self, name: str) -> Chart:
        return self.query_one(f"#{name}", Chart)
