"""The screen of one recording, which may go on in another process."""

from dataclasses import replace
from typing import ClassVar

from rich.cells import cell_len
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from mnist_core.store import RecordingRecord, RunStore, StoreError
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.view import View
from mnist_tui.lab.overlay import Marks
from mnist_tui.lab.recipe_text import config_text
from mnist_tui.lab.recorded_curves import AXES, RecordedCurves, charts_of, that_match
from mnist_tui.lab.recorded_plots import MarkedRecordings
from mnist_tui.recording.chart_grid import ChartGrid
from mnist_tui.recording.what_it_said import said_text
from mnist_tui.settings.keys import KEYS, Scope, bindings, sentence_key
from mnist_tui.text.numbers import count, duration
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.text.styled_text import STATE_SIGNS
from mnist_tui.text.visible_text import shorten, visible
from mnist_tui.ui.chart_screen import CHART_ACTIONS, ChartScreen
from mnist_tui.ui.filter_line import FilterLine
from mnist_tui.ui.footer import KeyFooter
from mnist_tui.ui.sizes import WIDTHS

TICK = 0.1
"""Seconds between two looks at what the other process wrote."""


class RecordingScreen(ChartScreen):
    """Draws the metrics of a recording, above those of the marked ones, and reads on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Scope.RECORDING, Scope.CHARTS, Scope.ZOOM),
        Binding("pagedown", "scroll_pages(1)", "Page down", show=False),
        Binding("pageup", "scroll_pages(-1)", "Page up", show=False),
    ]
    PANES = "Chart"
    HORIZONTAL_BREAKPOINTS = WIDTHS

    class Left(Message):
        """The user wants to go back to where this was opened."""

    def __init__(
        self, store: RunStore, record: RecordingRecord, marks: Marks, style: PictureStyle
    ) -> None:
        """`store` belongs to the thread of the app."""
        super().__init__(View())
        self._store = store
        self._marked = MarkedRecordings(store, marks)
        self._style = style
        self._curves = RecordedCurves(record)
        self._grid = ChartGrid(self._curves)
        self._filter = FilterLine("words that names have, such as loss")
        self._changes: int | None = None
        """What the store told of its changes when it was last read."""
        self._problem = ""
        self._has_more = False
        """Whether there are predictions or pictures."""
        self._working_keys: tuple[bool | None, ...] = ()

    def compose(self) -> ComposeResult:
        yield Static(id="recording-title")
        yield Static(id="notice", markup=False)
        yield Static(id="no-charts", markup=False)
        yield self._grid
        with VerticalScroll(id="said"):
            yield Static(id="said-text")
        yield self._filter
        yield KeyFooter()

    def on_mount(self) -> None:
        self._read()
        self.draw_charts()
        self.set_interval(TICK, self._tick)

    @property
    def record(self) -> RecordingRecord:
        """As it was when it was last read."""
        return self._curves.record

    # -- reading ---------------------------------------------------------------------------------

    def _tick(self) -> None:
        if not self.is_current:
            return
        try:
            is_due = self._store.changes() != self._changes
        except StoreError:
            is_due = True
        if is_due:
            names = len(self._curves.names)
            if self._read():
                if len(self._curves.names) != names:
                    self.draw_charts()
                else:
                    self._grid.touch()
                self._show_said()
            self._draw_title()
            self._show_keys()
        self._grid.draw_due()

    def _read(self) -> bool:
        """Read on; whether there is anything else to draw. What goes wrong is said."""
        try:
            changes = self._store.changes()
            record = self._store.recordings.get(self.record.id)
            state = self.record.state
            more = self._curves.update(self._store, record)
            self._has_more = self._store.recordings.has_more(record.id)
            more = self._marked.update() or more or record.state is not state
            self._changes, self._problem = changes, ""
        except StoreError as error:
            more, self._changes, self._problem = False, None, str(error)
        return more

    # -- drawing ---------------------------------------------------------------------------------

    def draw_charts(self) -> None:
        """Lay out all charts anew, and draw those on show."""
        names = that_match(self._curves.names, self._filter.text)
        charts = charts_of(names)
        words = self._why_no_charts() if not charts else ""
        empty = self.query_one("#no-charts", Static)
        empty.update(words)
        empty.display = bool(words) and not self._shows_said
        self._grid.display = not words and not self._shows_said
        self._grid.show(charts, self._marked.overlays(self.record.id), self.view)
        self._draw_title()
        self._show_keys()

    def _why_no_charts(self) -> str:
        if self._curves.names:
            how = f"{sentence_key('leave_recording')} clears the filter."
            return f"No metric is called {visible(self._filter.text)}. {how}"
        if self.record.state.is_live:
            return "No numbers yet. They appear here as soon as the program logs some."
        return "It ended without a number."

    def _draw_title(self) -> None:
        record = self.record
        sign, tone = STATE_SIGNS[record.state]
        line = Content.styled(f" {sign} {record.state.value}", f"bold $text-{tone}")
        line += Content.styled(f"  {shorten(visible(record.name), 30)}", "bold")
        line += Content(f"  step {count(record.step)}")
        room = self.size.width - line.cell_length - 1
        for words in self._said_of_it():
            if cell_len(words) + 2 <= room:
                line += Content.styled(f"  {words}", "$text-muted")
                room -= cell_len(words) + 2
        self.query_one("#recording-title", Static).update(line)
        notice = self.query_one("#notice", Static)
        problems = [self._problem, record.lost]
        if record.failure:
            problems.append(f"Failed: {record.failure}")
        words = " ".join(filter(None, problems))
        notice.update(visible(words))
        notice.display = bool(words)

    def _said_of_it(self) -> list[str]:
        """The most important first; each is left out where there is no room."""
        record, metrics = self.record, len(self._curves.names)
        words = [count(metrics, "metric"), duration(record.seconds)]
        if self._grid.can_scroll and not self._shows_said:
            first, last = self._grid.place
            words.insert(0, f"charts {first}-{last}")
        if record.config:
            words.append(visible(config_text(record.config)))
        return words

    @property
    def _shows_said(self) -> bool:
        return self.has_class("-said")

    def _show_said(self) -> None:
        if not self._shows_said:
            return
        recordings = self._store.recordings
        try:
            predictions = recordings.predictions(self.record.id)
            images = recordings.images(self.record.id)
        except StoreError as error:
            self.notify(visible(str(error)), severity="error", markup=False)
            return
        text = said_text(predictions, images, self._style)
        self.query_one("#said-text", Static).update(text)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw_title)

    # -- keys ------------------------------------------------------------------------------------

    @on(events.DescendantFocus)
    def _show_keys(self) -> None:
        """Have the footer look again if other keys work now."""
        working = tuple(self.check_action(action, ()) for action in _ACTIONS)
        if working != self._working_keys:
            self._working_keys = working
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would do nothing now."""
        if action == "leave_recording":
            return True
        if action == "next_chart":
            # None has all the room here.
            return False
        if not self.is_mounted or isinstance(self.focused, Input):
            return action not in _ACTIONS | CHART_ACTIONS
        if self._shows_said and action in CHART_ACTIONS | {"filter_metrics"}:
            return False
        match action:
            case "scroll_charts":
                return self._shows_said or (self._grid.can_scroll and not self.is_maximised)
            case "filter_metrics":
                return len(self._curves.names) > 1
            case "show_said":
                return self._has_more
            case _:
                return super().check_action(action, parameters)

    def action_scroll_charts(self, by: int) -> None:
        if self._shows_said:
            self.query_one("#said").scroll_relative(y=by, animate=False)
            return
        self._grid.scroll_rows(by)
        self._draw_title()

    def action_scroll_pages(self, by: int) -> None:
        page = self.query_one("#said").size.height if self._shows_said else self._grid.page
        if not self.is_maximised:
            self.action_scroll_charts(by * page)

    def action_filter_metrics(self) -> None:
        self.maximise_pane(None)
        self._filter.edit()
        self._show_keys()

    def action_show_said(self) -> None:
        """Predictions and pictures in the place of the charts, or the charts again."""
        self.maximise_pane(None)
        self.toggle_class("-said")
        self.query_one("#said").display = self._shows_said
        self._show_said()
        self.draw_charts()
        self.refresh_bindings()

    def action_leave_recording(self) -> None:
        """Bring back what made room, else take the filter or the cursor away, else go back."""
        if self._shows_said:
            self.action_show_said()
        elif self.is_maximised:
            self.maximise_pane(None)
        elif self._filter.text.strip() or isinstance(self.focused, Input):
            self._filter.clear()
            self.draw_charts()
            self._leave_filter()
        elif self._grid.pointed is not None:
            self._grid.point_at(None)
        else:
            self.post_message(self.Left())

    def action_next_axis(self) -> None:
        axis = AXES[(AXES.index(self.view.axis) + 1) % len(AXES)]
        self._grid.point_at(None)
        self.show_view(replace(self.view, axis=axis, window=None))

    def maximise_pane(self, pane: object) -> None:
        super().maximise_pane(pane if isinstance(pane, Chart) else None)
        self._grid.lay_out()

    @on(Chart.Pointed)
    def _point(self, event: Chart.Pointed) -> None:
        self._grid.point_at(event.place)

    @on(FilterLine.Changed)
    def _narrow(self) -> None:
        self.draw_charts()

    @on(FilterLine.Left)
    def _leave_filter(self) -> None:
        self._filter.rest()
        self.set_focus(next(iter(self._grid.query(Chart))) if self._grid.display else None)
        self._show_keys()


_ACTIONS = frozenset(key.action.partition("(")[0] for key in KEYS if key.scope is Scope.RECORDING)
"""What the keys of this screen do."""
