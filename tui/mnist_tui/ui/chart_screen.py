"""What screens with charts have in common: one view of all of them, its keys and its mouse."""

from dataclasses import replace
from functools import cached_property
from typing import ClassVar

from textual import on
from textual.screen import Screen
from textual.widget import Widget

from mnist_tui.charts.axes import Scale
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.plot import extent
from mnist_tui.charts.view import KEY_PAN, KEY_ZOOM, WHEEL_ZOOM, Extent, View, Window
from mnist_tui.lab.run_progress import AXES
from mnist_tui.ui.sizes import NARROW

_ASIDE = "-aside"
"""The class of panes that make room for the one that is maximised."""
_MAXIMISED = "-maximised"
"""The class of the screen meanwhile."""
ABSENT = "-absent"
"""The class of a chart that is not shown at any width, until somebody asks for it."""
_BEHIND = "-behind"
"""The class of those that wait for their turn where there is room for one."""


class ChartScreen(Screen[None]):
    """Turns keys and mouse into another `view`; who inherits draws it."""

    PANES: ClassVar[str] = "Chart"
    """Selects what can be maximised, and what makes room for it."""
    TURNS: ClassVar[tuple[str, ...]] = ()
    """Ids of what takes turns on a narrow screen; the first one begins."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view
        self._maximised: Widget | None = None
        self._front = self.TURNS[0] if self.TURNS else ""

    def draw_charts(self) -> None:
        """Draw all charts with `view`."""
        raise NotImplementedError

    def window_on(self, axis: str) -> Window | None:
        """The window of `view` on another x axis; None where it has no place there."""
        return None

    def change_axis(self, axis: str) -> None:
        """Draw over another x axis."""
        self.show_view(replace(self.view, axis=axis, window=self.window_on(axis)))

    def show_view(self, view: View) -> None:
        if view != self.view:
            self.view = view
            self.draw_charts()

    def on_mount(self) -> None:
        self.bring_to_front(self._front)

    # -- what works now --------------------------------------------------------------------------

    # Every key asks what works, at every change: the widgets, which stay, are looked up once.
    @cached_property
    def _charts(self) -> tuple[Chart, ...]:
        return tuple(self.query(Chart))

    @cached_property
    def _panes(self) -> frozenset[Widget]:
        return frozenset(self.query(self.PANES))

    @property
    def _extent(self) -> Extent | None:
        """All there is on the x axis; None while no chart shows anything."""
        shown = (extent(chart.plot) for chart in self._charts if chart.display)
        return next((found for found in shown if found is not None), None)

    @property
    def _maximisable(self) -> Widget | None:
        """The pane that has the focus."""
        focused = self.focused
        chain = focused.ancestors_with_self if focused is not None else []
        panes = (node for node in chain if isinstance(node, Widget) and node in self._panes)
        return next(panes, None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would do nothing now."""
        if action not in CHART_ACTIONS:
            return super().check_action(action, parameters)
        if not self.is_mounted:
            return False
        view = self.view
        match action, parameters:
            case "smooth", (int(by),):
                return self._extent is not None and view.resmoothed(by) != view
            case "log" | "next_axis" | "cut_start" | "mean_of_seeds", _:
                return self._extent is not None
            case "zoom", (int(by),):
                if by < 0:
                    return view.window is not None
                extent = self._extent
                return extent is not None and view.can_zoom(extent)
            case "pan", _:
                return view.window is not None and isinstance(self.focused, Chart)
            case "whole_view", _:
                cuts = any(chart.plot.y.cut_start for chart in self._charts)
                return view.window is not None or cuts
            case "next_chart", _:
                # The one in front need not be a chart with curves.
                drawn = any(chart.plot.curves for chart in self._charts)
                return drawn and self.has_class(NARROW) and not self.is_maximised
            case "maximise", _:
                return self._maximised is not None or self._maximisable is not None
        return super().check_action(action, parameters)

    # -- keys ------------------------------------------------------------------------------------

    def action_smooth(self, by: int) -> None:
        self.show_view(self.view.resmoothed(by))

    def action_log(self) -> None:
        # What is drawn so by itself, as the loss of a run that has diverged, goes back.
        is_log = self._charts[0].plot.y.scale is Scale.LOG
        self.show_view(replace(self.view, log=not is_log))

    def action_next_axis(self) -> None:
        self.change_axis(AXES[(AXES.index(self.view.axis) + 1) % len(AXES)])

    def action_cut_start(self) -> None:
        self.show_view(replace(self.view, cut_start=not self.view.cut_start))

    def action_mean_of_seeds(self) -> None:
        self.show_view(replace(self.view, mean_of_seeds=not self.view.mean_of_seeds))
        if self.view.mean_of_seeds:
            self.notify(
                "Runs that differ in the seed alone are drawn as their mean, where some are marked."
            )

    def action_zoom(self, by: int) -> None:
        """About the cursor where it is in view, else the middle."""
        cursors = (chart.cursor for chart in self._charts)
        about = next((cursor for cursor in cursors if cursor is not None), None)
        self._zoom(KEY_ZOOM**by, about)

    def action_pan(self, by: int) -> None:
        self._pan(KEY_PAN * by)

    @on(Chart.DoubleClicked)
    def action_whole_view(self) -> None:
        self.show_view(replace(self.view, window=None, cut_start=False))

    def action_next_chart(self) -> None:
        turns = [widget.id or "" for widget in self._in_turn]
        # The one in front may have been taken away.
        at = turns.index(self._front) if self._front in turns else -1
        self.bring_to_front(turns[(at + 1) % len(turns)])

    def bring_to_front(self, name: str) -> None:
        """Let the chart of that id have the room of a narrow screen; wider ones show all."""
        widgets = [self.query_one(f"#{each}") for each in self.TURNS]
        had_focus = any(widget.has_focus for widget in widgets)
        self._front = name
        for widget in widgets:
            widget.set_class(widget.id != name, _BEHIND)
        if had_focus:
            self.set_focus(self.front)
        self.refresh_bindings()

    @property
    def front(self) -> Widget:
        """The chart that is to be seen at every width."""
        return self.query_one(f"#{self._front}")

    @property
    def _in_turn(self) -> list[Widget]:
        widgets = (self.query_one(f"#{name}") for name in self.TURNS)
        return [widget for widget in widgets if not widget.has_class(ABSENT)]

    def action_maximise(self) -> None:
        self.maximise_pane(None if self._maximised is not None else self._maximisable)

    def maximise_pane(self, pane: Widget | None) -> None:
        """Let one pane fill the screen; None puts all of them back."""
        if pane is self._maximised:
            return
        self._maximised = pane
        kept = {pane, *pane.ancestors} if pane is not None else self._panes
        for other in self._panes:
            other.set_class(other not in kept, _ASIDE)
        self.set_class(pane is not None, _MAXIMISED)
        self.refresh_bindings()

    @property
    def is_maximised(self) -> bool:
        """Whether one pane fills the screen."""
        return self._maximised is not None

    # -- mouse -----------------------------------------------------------------------------------

    @on(Chart.Zoomed)
    def _turn_wheel(self, event: Chart.Zoomed) -> None:
        event.stop()
        self._zoom(WHEEL_ZOOM if event.closer else 1 / WHEEL_ZOOM, event.place)

    @on(Chart.Panned)
    def _drag(self, event: Chart.Panned) -> None:
        event.stop()
        self._pan(event.by)

    def _zoom(self, times: float, about: float | None) -> None:
        extent = self._extent
        if extent is not None:
            self.show_view(self.view.zoomed(times, about, extent))

    def _pan(self, by: float) -> None:
        extent = self._extent
        if extent is not None:
            self.show_view(self.view.panned(by, extent))


CHART_ACTIONS = frozenset(
    name.removeprefix("action_") for name in vars(ChartScreen) if name.startswith("action_")
)
"""What the keys on charts do."""
