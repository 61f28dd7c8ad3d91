"""The charts of the run at hand on a screen, and their cursor."""

import math
from dataclasses import replace

from textual import on

from mnist_tui.charts.chart import Chart
from mnist_tui.charts.view import View, Window
from mnist_tui.lab.overlay import MarkedCurves
from mnist_tui.lab.run_plots import place_of_step, step_at
from mnist_tui.lab.session import Session
from mnist_tui.train.run_charts import RunCharts
from mnist_tui.ui.chart_screen import ChartScreen


class RunChartScreen(ChartScreen):
    """Draws the session's run into its `RunCharts`; the cursor is the session's, a step."""

    def __init__(self, session: Session, marked: MarkedCurves) -> None:
        """`marked` are the runs to draw beside the one that is trained."""
        super().__init__(View())
        self._session = session
        self._marked = marked

    def draw_charts(self) -> None:
        session = self._session
        shown = {run.run_id for run in (session.progress, session.ghost) if run is not None}
        overlays = self._marked.overlays(but=shown)
        charts = self.query_one(RunCharts)
        charts.show(session.progress, session.ghost, overlays, self.view, session.cursor)

    def window_on(self, axis: str) -> Window | None:
        progress, window = self._session.progress, self.view.window
        if progress is None or window is None:
            return None
        low, high = (
            place_of_step(progress, axis, step_at(progress, self.view.axis, place))
            for place in window
        )
        return (low, high) if low < high else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would do nothing now."""
        if action == "epoch_cursor":
            progress = self._session.progress
            return progress is not None and progress.recipe is not None
        return super().check_action(action, parameters)

    def action_log_loss(self) -> None:
        """Of the gradients where these have the focus."""
        if self.focused is not None and self.focused.id == "gradients":
            self.show_view(replace(self.view, log_gradients=not self.view.log_gradients))
        else:
            super().action_log_loss()

    def action_show_gradients(self) -> None:
        self.maximise_pane(None)
        self.show_view(replace(self.view, gradients=not self.view.gradients))

    def action_epoch_cursor(self, by: int) -> None:
        """Move the cursor to the end of the next epoch or the one before; at first, the last."""
        progress = self._session.progress
        if progress is None or progress.recipe is None:
            return
        epoch_steps, cursor = progress.epoch_steps, self._session.cursor
        last = float(epoch_steps.epochs(progress.step))
        here = last if cursor is None else float(epoch_steps.epochs(cursor))
        epoch = math.floor(here + 1e-9) + 1 if by > 0 else math.ceil(here - 1e-9) - 1
        epoch = max(0, min(epoch, math.floor(last)))
        self.show_cursor(float(epoch_steps.end(epoch)))

    @on(Chart.Pointed)
    def _point(self, event: Chart.Pointed) -> None:
        event.stop()
        progress = self._session.progress
        if progress is not None:
            self.show_cursor(step_at(progress, self.view.axis, event.place))

    def show_cursor(self, step: float | None) -> None:
        """Put the cursor of all charts at a step, or take it away."""
        self._session.cursor = step
        self.draw_charts()
        self.refresh_bindings()
