"""The runs screen: every stored run in a table, the curves of some, and what sets two apart."""

import time
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from mnist_core.store import RunRecord, RunStore
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.view import View
from mnist_tui.lab.overlay import Marks
from mnist_tui.runs.columns import Sorting, sorting_by
from mnist_tui.runs.filter_line import FilterLine
from mnist_tui.runs.run_editor import RunEditor
from mnist_tui.runs.run_filter import RunFilter
from mnist_tui.runs.run_listing import RunListing, RunReader
from mnist_tui.runs.runs_compared import RunsCompared
from mnist_tui.runs.runs_table import RunsTable
from mnist_tui.settings.keys import Scope, bindings, key_hint
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.chart_screen import CHART_ACTIONS, ChartScreen
from mnist_tui.ui.footer import KeyFooter
from mnist_tui.ui.sizes import WIDTHS

POLL_INTERVAL = 1.0
"""Seconds between two looks at what other processes did."""
AGES_INTERVAL = 30.0
"""Seconds after which "3 min ago" is written anew."""


class RunsScreen(ChartScreen):
    """Lists, compares and edits the runs of `store`; the app answers the messages it posts."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.RUNS), *bindings(Scope.CHARTS)]
    PANES = "#runs, #below, Chart, #comparison"
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

    def __init__(self, store: RunStore, marks: Marks) -> None:
        """`store` belongs to the thread of the app; `marks` may be shared with other screens."""
        super().__init__(View(axis="epoch"))
        self._store = store
        self._marks = marks
        self._reader = RunReader(store)
        self._listing = RunListing()
        self._editor = RunEditor(self, store, self._read)
        self.deleted = self._editor.deleted
        """For the app to purge at its end."""
        self._aged = 0.0
        """When the ages in the table were written."""
        self._working_keys: tuple[bool | None, ...] = ()

    def compose(self) -> ComposeResult:
        yield Static(id="notice", markup=False)
        yield RunsTable(self._marks, id="runs")
        yield RunsCompared(self._store, self._marks, self._listing)
        yield FilterLine()
        yield KeyFooter()

    def on_mount(self) -> None:
        self.set_interval(POLL_INTERVAL, self._poll)

    def on_screen_resume(self) -> None:
        """The screen is on top, for the first time or again."""
        self._read()

    # -- reading ---------------------------------------------------------------------------------

    def _poll(self) -> None:
        if not self.is_current:
            return
        if self._reader.is_due:
            self._read()
        elif time.time() - self._aged > AGES_INTERVAL:
            self._show_rows()

    def _read(self) -> None:
        """Read the runs and draw what follows; if they cannot be read, say so and keep the old."""
        records = self._reader.read()
        if records is not None:
            self._marks.keep_only({record.id for record in records})
            self._listing.show(records, self._marks.pinned)
        self._show_rows()
        self._show_below()

    def _show_rows(self) -> None:
        listing = self._listing
        self._aged = time.time()
        notice = self.query_one("#notice", Static)
        notice.update(visible(self._reader.problem))
        notice.display = bool(self._reader.problem)
        words = "" if listing.rows else self._why_no_rows()
        table = self.query_one(RunsTable)
        table.show(listing.rows, listing.total, listing.sorting, words)
        table.border_title = Content(listing.title)
        table.border_subtitle = "↑↓ moves" if len(listing.rows) > 1 else ""
        self.set_class(listing.total == 0, "-without-runs")
        self._show_keys()

    def _why_no_rows(self) -> str:
        if self._listing.total:
            how = f"{key_hint('clear_filter')} clears the filter."
            return f"No run matches {visible(self._listing.run_filter.text)}. {how}"
        if self._reader.has_failed:
            return "The runs cannot be read; see above."
        how = f"Press {key_hint('show_screen_train')}, then {key_hint('run')}, to train one."
        return f"No runs yet. {how} Every run is kept here."

    # -- curves and comparison -------------------------------------------------------------------

    @property
    def _compared(self) -> RunsCompared:
        return self.query_one(RunsCompared)

    def _show_below(self) -> None:
        self._compared.show(self._row, self.view)

    def draw_charts(self) -> None:
        self._compared.show_view(self.view)

    def on_descendant_focus(self) -> None:
        self._show_keys()

    @on(RunsTable.Moved)
    def _follow_cursor(self, event: RunsTable.Moved) -> None:
        event.stop()
        row = self._row
        if (row.id if row is not None else "") != self._compared.shown_id:
            self._compared.follow(row)
            self._show_keys()

    @on(Chart.Pointed)
    def _point(self, event: Chart.Pointed) -> None:
        event.stop()
        self._point_at(event.place)

    def _point_at(self, place: float | None) -> None:
        self._compared.point_at(place)
        self._show_keys()

    # -- keys ------------------------------------------------------------------------------------

    @property
    def _row(self) -> RunRecord | None:
        """The run under the cursor."""
        row = self.query_one(RunsTable).row
        return None if row is None else row.record

    def _show_keys(self) -> None:
        """Have the footer look again if other keys work now."""
        working = tuple(self.check_action(action, ()) for action in _ACTIONS)
        if working != self._working_keys:
            self._working_keys = working
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys that would do nothing now."""
        if action == "clear_filter":
            pointed = self._compared.pointed if self.is_mounted else None
            return self._filtering or self.is_maximised or pointed is not None
        if isinstance(self.focused, Input):
            return action not in _ACTIONS | CHART_ACTIONS
        record = self._row if self.is_mounted else None
        match action:
            case "undo_delete":
                return len(self.deleted) > 0
            case "filter_runs" | "sort_runs" | "reverse_sorting":
                return self._listing.total > 0
            case "rename_run" | "edit_note" | "edit_tags":
                return record is not None and not self._reader.read_only
            case "delete_run" | "resume_run":
                ended = record is not None and not record.state.is_live
                return ended and not self._reader.read_only
            case _ if action in _ACTIONS:
                return record is not None
            case _:
                return super().check_action(action, parameters)

    def action_open_run(self) -> None:
        self._ask(self.Opened)

    def action_fork_run(self) -> None:
        self._ask(self.Forked)

    def action_resume_run(self) -> None:
        self._ask(self.ResumeAsked)

    def action_show_run_command(self) -> None:
        self._ask(self.CommandAsked)

    @on(RunsTable.Chosen)
    def _choose(self, event: RunsTable.Chosen) -> None:
        event.stop()
        self._ask(self.Opened)

    def _ask(self, request: type[Request]) -> None:
        if self._row is not None:
            self.post_message(request(self._row))

    def action_mark_run(self) -> None:
        if self._row is not None and not self._mark(self._row.id):
            marked = len(self._marks.ids)
            self._editor.say(
                f"{marked} runs are marked, and there are no more colours. "
                f"Press {key_hint('mark_run')} on one of them first.",
                severity="warning",
            )

    def _mark(self, run_id: str) -> bool:
        """Mark a run or take its mark away; False: there is no look left for it."""
        done = self._marks.toggle(run_id)
        self.query_one(RunsTable).refresh()
        self._show_below()
        return done

    def action_pin_run(self) -> None:
        if self._row is not None:
            self._pin(self._row.id)

    def _pin(self, run_id: str) -> None:
        self._marks.pin(run_id)
        self._listing.show([row.record for row in self._listing.every], self._marks.pinned)
        self._show_rows()
        self._show_below()

    def action_rename_run(self) -> None:
        if self._row is not None:
            self._editor.rename(self._row)

    def action_edit_note(self) -> None:
        if self._row is not None:
            self._editor.edit_note(self._row)

    def action_edit_tags(self) -> None:
        if self._row is not None:
            self._editor.edit_tags(self._row)

    def action_delete_run(self) -> None:
        if self._row is not None:
            self._editor.delete(self._row, self._marks)

    def action_undo_delete(self) -> None:
        run = self._editor.undo_delete()
        if run is None:
            return
        self.query_one(RunsTable).put_cursor_on(run.id)
        if run.was_marked:
            self._mark(run.id)
        if run.was_pinned and self._marks.pinned is None:
            self._pin(run.id)
        self._editor.say(f"{run.name} is back.", severity="information")

    def action_sort_runs(self) -> None:
        self._sort(self._listing.sorting.following)

    def action_reverse_sorting(self) -> None:
        self._sort(self._listing.sorting.reversed)

    @on(RunsTable.HeaderClicked)
    def _sort_by_header(self, event: RunsTable.HeaderClicked) -> None:
        event.stop()
        now = self._listing.sorting
        self._sort(now.reversed if event.column == now.column else sorting_by(event.column))

    def _sort(self, sorting: Sorting) -> None:
        self._listing.sorting = sorting
        self._show_rows()

    def change_axis(self, axis: str) -> None:
        self._point_at(None)
        super().change_axis(axis)

    # -- filter ----------------------------------------------------------------------------------

    @property
    def _filtering(self) -> bool:
        """Whether there is a filter, or its line is being edited."""
        return bool(self._listing.run_filter.text) or isinstance(self.focused, Input)

    def action_filter_runs(self) -> None:
        self.maximise_pane(None)
        self.query_one(FilterLine).edit()
        self._show_keys()

    def action_clear_filter(self) -> None:
        """Bring back what made room, else take the filter away, or the charts' cursor."""
        if self.is_maximised:
            self.maximise_pane(None)
        elif self._filtering:
            self._filter(self.query_one(FilterLine).show(""))
            self._leave_filter()
        else:
            self._point_at(None)

    @on(FilterLine.Changed)
    def _take_filter(self, event: FilterLine.Changed) -> None:
        event.stop()
        self._filter(event.run_filter)

    def _filter(self, run_filter: RunFilter) -> None:
        self._listing.run_filter = run_filter
        self._show_rows()

    @on(FilterLine.Left)
    def _leave_filter(self) -> None:
        self.query_one(FilterLine).rest()
        self.set_focus(self.query_one(RunsTable))
        self._show_keys()


_ACTIONS = frozenset(
    name.removeprefix("action_") for name in vars(RunsScreen) if name.startswith("action_")
)
"""What the keys of this screen do."""
