"""The runs screen: every stored run in a table, the curves of some, and what sets two apart."""

import time
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from mnist_core.store import RecordingRecord, RunRecord, RunStore
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.view import View
from mnist_tui.lab.overlay import Marks
from mnist_tui.runs.columns import COLUMNS, CURVE_CELLS, Sorting, sorting_by
from mnist_tui.runs.filter_line import RunFilterLine
from mnist_tui.runs.run_editor import RunEditor
from mnist_tui.runs.run_listing import RunListing, RunReader
from mnist_tui.runs.runs_compared import RunsCompared
from mnist_tui.runs.runs_table import RunsTable
from mnist_tui.runs.small_curves import SmallCurves
from mnist_tui.settings.keys import KEYS, Scope, bindings, key_hint, sentence_key
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.chart_screen import CHART_ACTIONS, ChartScreen
from mnist_tui.ui.footer import KeyFooter
from mnist_tui.ui.menu import Menu
from mnist_tui.ui.sizes import WIDTHS

POLL_INTERVAL = 1.0
"""Seconds between two looks at what other processes did."""
AGES_INTERVAL = 30.0
"""Seconds after which "3 min ago" is written anew."""


class RunsScreen(ChartScreen):
    """Lists, compares and edits the runs of `store`; the app answers the messages it posts."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.RUNS, Scope.CHARTS, Scope.ZOOM)
    PANES = "#runs, #below, Chart, #comparison"
    TURNS = ("runs-accuracy", "runs-loss", "comparison")
    AUTO_FOCUS = "RunsTable"
    HORIZONTAL_BREAKPOINTS = WIDTHS

    class Request(Message):
        """Something the user wants with a run that is not this screen's to do."""

        def __init__(self, record: RunRecord) -> None:
            super().__init__()
            self.record = record

    class Opened(Request):
        """Show this run."""

    class Forked(Request):
        """Take this run's hyperparameters into the form."""

    class ResumeAsked(Request):
        """Train this run further."""

    class CommandAsked(Request):
        """Show the command that reproduces this run."""

    class RecordingOpened(Message):
        """Show this recording."""

        def __init__(self, record: RecordingRecord) -> None:
            super().__init__()
            self.record = record

    def __init__(self, store: RunStore, marks: Marks) -> None:
        """`store` belongs to the thread of the app; `marks` may be shared with other screens."""
        super().__init__(View(axis="epoch"))
        self._marks = marks
        self._reader = RunReader(store)
        self._listing = RunListing()
        self._table = RunsTable(marks, SmallCurves(store, CURVE_CELLS), id="runs")
        self._compared = RunsCompared(store, marks, self._listing)
        self._filter_line = RunFilterLine()
        self.editor = RunEditor(self._table, store, marks, self._read, self._draw)
        for action in RunEditor.ACTIONS:
            # Textual looks for what a key does on the screen.
            setattr(self, f"action_{action}", getattr(self.editor, action))
        self._aged = 0.0
        """When the ages in the table were written."""
        self._working_keys: tuple[bool | None, ...] = ()

    def compose(self) -> ComposeResult:
        yield Static(id="notice", markup=False)
        yield self._table
        yield self._compared
        yield self._filter_line
        yield KeyFooter()

    def on_mount(self) -> None:
        self.set_interval(POLL_INTERVAL, self._poll)

    def on_screen_resume(self) -> None:
        """The screen is on top, for the first time or again."""
        self._read()

    # -- reading and drawing ---------------------------------------------------------------------

    def _poll(self) -> None:
        if not self.is_current:
            return
        if self._reader.is_due:
            self._read()
        elif time.time() - self._aged > AGES_INTERVAL:
            self._draw_rows()

    def _read(self) -> None:
        """Read the runs and draw what follows; if they cannot be read, say so and keep the old."""
        if self._reader.read():
            self._marks.keep_only({record.id for record in self._reader.records})
        self._draw()

    def _draw(self) -> None:
        """Draw the runs as last read, with their marks."""
        self._listing.show(self._reader.records, self._marks.pinned)
        self._draw_rows()
        self._compared.show(self._table.record, self.view)

    def _draw_rows(self) -> None:
        listing, table = self._listing, self._table
        self._aged = time.time()
        notice = self.query_one("#notice", Static)
        notice.update(visible(self._reader.problem))
        notice.display = bool(self._reader.problem)
        words = "" if listing.rows else self._why_no_rows()
        table.show(listing.rows, listing.total, listing.sorting, words)
        table.border_title = Content(listing.title)
        table.border_subtitle = "↑↓ moves" if len(listing.rows) > 1 else ""
        self.set_class(listing.total == 0, "-without-runs")
        self._show_keys()

    def _why_no_rows(self) -> str:
        if self._listing.total:
            how = f"{sentence_key('clear_filter')} clears the filter."
            return f"No run matches {visible(self._listing.run_filter.text)}. {how}"
        if self._reader.has_failed:
            return "The runs cannot be read; see above."
        how = f"Press {key_hint('show_screen_train')}, then {key_hint('run')}, to train one."
        return f"No runs yet. {how} Every run is kept here."

    @on(RunsTable.Moved)
    def _follow_cursor(self) -> None:
        self._compared.follow(self._table.record)
        self._show_keys()

    def draw_charts(self) -> None:
        self._compared.show_view(self.view)

    def change_axis(self, axis: str) -> None:
        self._take_cursor_away()
        super().change_axis(axis)

    def _take_cursor_away(self) -> None:
        """That of the charts."""
        self._compared.point_at(None)
        self._show_keys()

    # -- keys ------------------------------------------------------------------------------------

    @on(events.DescendantFocus)
    @on(Chart.Pointed)
    def _show_keys(self) -> None:
        """Have the footer look again if other keys work now."""
        working = tuple(self.check_action(action, ()) for action in _ACTIONS)
        if working != self._working_keys:
            self._working_keys = working
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would do nothing now."""
        if action == "clear_filter":
            pointed = self._compared.pointed is not None
            return self._filtering or self.is_maximised or pointed
        if isinstance(self.focused, Input):
            return action not in _ACTIONS | CHART_ACTIONS
        record = self._table.record
        match action:
            case "undo_delete":
                return bool(self.editor.deleted)
            case "filter_runs" | "sort_runs" | "reverse_sorting" | "best_first":
                return self._listing.total > 0
            case "rename_run" | "edit_note" | "edit_tags":
                return record is not None and not self._reader.read_only
            case "delete_run" | "resume_run":
                ended = record is not None and not record.state.is_live
                is_kind = action == "delete_run" or isinstance(record, RunRecord)
                return ended and is_kind and not self._reader.read_only
            case "fork_run" | "show_run_command" | "pin_run":
                return isinstance(record, RunRecord)
            case _ if action in _ACTIONS:
                return record is not None
            case _:
                return super().check_action(action, parameters)

    @on(RunsTable.Chosen)
    def action_open_run(self) -> None:
        record = self._table.record
        if isinstance(record, RecordingRecord):
            self.post_message(self.RecordingOpened(record))
        elif record is not None:
            self.post_message(self.Opened(record))

    def action_fork_run(self) -> None:
        self._ask(self.Forked)

    def action_resume_run(self) -> None:
        self._ask(self.ResumeAsked)

    def action_show_run_command(self) -> None:
        self._ask(self.CommandAsked)

    def _ask(self, request: type[Request]) -> None:
        record = self._table.record
        if isinstance(record, RunRecord):
            self.post_message(request(record))

    # -- order and filter ------------------------------------------------------------------------

    def action_sort_runs(self) -> None:
        now = self._listing.sorting
        columns = {key: column.title for key, column in COLUMNS.items() if column.order}
        columns[now.column] += f" {now.reversed.arrow}"

        def chosen(column: str | None) -> None:
            if column is not None:
                self._sort(now.chosen(column))

        self.app.push_screen(Menu("Sort by", columns, now.column), chosen)

    def action_best_first(self) -> None:
        """By the best accuracy; the newest first again where it is so."""
        best = sorting_by("best")
        self._sort(Sorting() if self._listing.sorting == best else best)
        # Who asks for the best one wants to look at it.
        self.query_one(RunsTable).action_move_to_end(-1)

    def action_reverse_sorting(self) -> None:
        self._sort(self._listing.sorting.reversed)

    @on(RunsTable.HeaderClicked)
    def _sort_by_header(self, event: RunsTable.HeaderClicked) -> None:
        if COLUMNS[event.column].order is not None:
            self._sort(self._listing.sorting.chosen(event.column))

    def _sort(self, sorting: Sorting) -> None:
        self._listing.sort_by(sorting)
        self._draw_rows()

    @property
    def _filtering(self) -> bool:
        """Whether there is a filter, or its line is being edited."""
        return bool(self._listing.run_filter.text) or isinstance(self.focused, Input)

    def action_filter_runs(self) -> None:
        self.maximise_pane(None)
        self._filter_line.edit()
        self._show_keys()

    def action_clear_filter(self) -> None:
        """Bring back what made room, else take the filter away, or the charts' cursor."""
        if self.is_maximised:
            self.maximise_pane(None)
        elif self._filtering:
            self._filter_line.clear()
            self._filter()
            self._leave_filter()
        else:
            self._take_cursor_away()

    @on(RunFilterLine.Changed)
    def _filter(self) -> None:
        self._listing.filter_by(self._filter_line.run_filter)
        self._draw_rows()

    @on(RunFilterLine.Left)
    def _leave_filter(self) -> None:
        self._filter_line.rest()
        self.set_focus(self._table)
        self._show_keys()


_ACTIONS = frozenset(key.action for key in KEYS if key.scope is Scope.RUNS)
"""What the keys of this screen do."""
