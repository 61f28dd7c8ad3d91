"""The runs screen: every stored run in a table, the curves of some, and what sets two apart."""

import time
from collections.abc import Callable
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from mnist_core.store import RunRecord, RunStore, StoreError
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.view import View
from mnist_tui.lab.marks import Marks
from mnist_tui.runs.columns import COLUMNS, Sorting, sorting_by
from mnist_tui.runs.listing import DeletedRun, DeletedRuns, Listing
from mnist_tui.runs.run_filter import parse_filter
from mnist_tui.runs.runs_compared import RunsCompared
from mnist_tui.runs.runs_table import RunsTable
from mnist_tui.settings.key_hints import key_hint
from mnist_tui.settings.keys import Scope, bindings
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.chart_screen import CHART_ACTIONS, ChartScreen
from mnist_tui.ui.dialogs import LineInput, TextLine
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
        self.deleted = DeletedRuns()
        """For the app to purge at its end."""
        self._store = store
        self._marks = marks
        self._listing = Listing()
        self._problem = ""
        self._read_only = False
        self._changes: int | None = None
        """What the store told of its changes before the runs were last read."""
        self._aged = 0.0
        self._working_keys: tuple[bool | None, ...] = ()

    def compose(self) -> ComposeResult:
        yield Static(id="notice", markup=False)
        yield RunsTable(self._marks, id="runs")
        yield RunsCompared(self._store, self._marks, self._listing)
        with Vertical(id="filter-line"):
            yield TextLine(id="filter", placeholder="words, optimizer:adam, lr>=0.01, acc>0.95",
                        compact=True)  # fmt: skip
            yield Static(id="filter-problem", markup=False)
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
        try:
            unchanged = self._store.changes() == self._changes
        except StoreError:
            # Reading says what is wrong, until it is not.
            unchanged = False
        if not unchanged:
            self._read()
        elif time.time() - self._aged > AGES_INTERVAL:
            self._show_rows()

    def _read(self) -> None:
        """Read the runs and draw what follows; if they cannot be read, say so and keep the old."""
        try:
            self._changes = self._store.changes()
            records = self._store.runs()
            self._read_only = self._store.read_only
            self._problem = self._store.notice or self._store.unreadable
        except StoreError as error:
            self._changes = None
            self._problem = str(error)
        else:
            self._marks.keep_only({record.id for record in records})
            self._listing.show(records, self._marks.pinned)
        self._show_rows()
        self._show_below()

    def _show_rows(self) -> None:
        listing = self._listing
        self._aged = time.time()
        notice = self.query_one("#notice", Static)
        notice.update(visible(self._problem))
        notice.display = bool(self._problem)
        words = "" if listing.rows else self._why_no_rows()
        table = self.query_one(RunsTable)
        table.show(listing.rows, listing.total, listing.sorting, words)
        table.border_title = Content(self._title())
        table.border_subtitle = "↑↓ moves" if len(listing.rows) > 1 else ""
        self.set_class(listing.total == 0, "-without-runs")
        self._show_keys()

    def _why_no_rows(self) -> str:
        if self._listing.total:
            how = f"{key_hint('clear_filter')} clears the filter."
            return f"No run matches {visible(self._listing.run_filter.text)}. {how}"
        if self._changes is None:
            return "The runs cannot be read; see above."
        how = f"Press {key_hint('show_screen_train')}, then {key_hint('run')}, to train one."
        return f"No runs yet. {how} Every run is kept here."

    def _title(self) -> str:
        listing = self._listing
        shown, total = len(listing.rows), listing.total
        parts = ["Runs"]
        if total:
            parts.append(count(total) if shown == total else f"{count(shown)} of {count(total)}")
        if total > 1:
            sorting = listing.sorting
            by = COLUMNS[sorting.column].title
            newest = sorting == Sorting()
            parts.append("newest first" if newest else f"by {by} {sorting.arrow}")
        return " · ".join(parts)

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
            return self._filtering or self._has_cursor or self.is_maximised
        if isinstance(self.focused, Input):
            return action not in _ACTIONS | CHART_ACTIONS
        record = self._row if self.is_mounted else None
        match action:
            case "undo_delete":
                return len(self.deleted) > 0
            case "filter_runs" | "sort_runs" | "reverse_sorting":
                return self._listing.total > 0
            case "rename_run" | "edit_note" | "edit_tags":
                return record is not None and not self._read_only
            case "delete_run" | "resume_run":
                return record is not None and not self._read_only and not record.state.is_live
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
            self._say(
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
        record = self._row
        if record is None:
            return
        self._edit(
            LineInput(f"Rename {record.name}", record.name,
                      problem_of=lambda name: "" if name else "A run needs a name."),
            lambda name: self._store.rename(record.id, name),
        )  # fmt: skip

    def action_edit_note(self) -> None:
        record = self._row
        if record is None:
            return
        self._edit(
            LineInput(f"Note on {record.name}", record.note, "What this run is about"),
            lambda note: self._store.set_note(record.id, note),
        )

    def action_edit_tags(self) -> None:
        record = self._row
        if record is None:
            return
        self._edit(
            LineInput(f"Tags of {record.name}", ", ".join(record.tags), "baseline, wide"),
            lambda text: self._store.set_tags(record.id, _tags(text)),
        )

    def _edit(self, dialog: LineInput, change: Callable[[str], None]) -> None:
        def answered(text: str | None) -> None:
            if text is not None:
                self._change(lambda: change(text))

        self.app.push_screen(dialog, answered)

    def _change(self, change: Callable[[], object]) -> bool:
        """Change the store and show the result; False, and a sentence, if that failed."""
        try:
            change()
        except StoreError as error:
            self._say(str(error))
            return False
        self._read()
        return True

    def action_delete_run(self) -> None:
        record = self._row
        if record is None:
            return
        marks = self._marks
        run = DeletedRun(
            record.id,
            record.name,
            was_marked=record.id in marks.ids,
            was_pinned=record.id == marks.pinned,
        )
        if self._change(lambda: self.deleted.delete(self._store, run)):
            how = f"{key_hint('undo_delete')} brings it back."
            self._say(f"Deleted {record.name}. {how}", severity="information")

    def action_undo_delete(self) -> None:
        restored: list[DeletedRun] = []
        if self._change(lambda: restored.append(self.deleted.restore(self._store))):
            run = restored[0]
            self.query_one(RunsTable).put_cursor_on(run.id)
            if run.was_marked:
                self._mark(run.id)
            if run.was_pinned and self._marks.pinned is None:
                self._pin(run.id)
            self._say(f"{run.name} is back.", severity="information")

    def _say(self, sentence: str, severity: str = "error") -> None:
        self.notify(visible(sentence), severity=severity, markup=False)  # type: ignore[arg-type]

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

    @property
    def _has_cursor(self) -> bool:
        """Whether the charts have one."""
        return self.is_mounted and self._compared.pointed is not None

    # -- filter ----------------------------------------------------------------------------------

    @property
    def _filtering(self) -> bool:
        """Whether there is a filter, or its line is being edited."""
        return bool(self._listing.run_filter.text) or isinstance(self.focused, Input)

    def action_filter_runs(self) -> None:
        self.maximise_pane(None)
        self.query_one("#filter-line").display = True
        self.set_focus(self.query_one("#filter", Input))
        self._show_keys()

    def on_key(self, event: events.Key) -> None:
        """From the filter, down goes to what it found."""
        if event.key == "down" and isinstance(self.focused, Input):
            event.stop()
            self._leave_filter()

    def action_clear_filter(self) -> None:
        """Esc: bring back what made room, else take the filter away, or the charts' cursor."""
        if self.is_maximised:
            self.maximise_pane(None)
            return
        if not self._filtering:
            self._point_at(None)
            return
        self.query_one("#filter", Input).value = ""
        self._filter("")
        self._leave_filter()

    @on(Input.Changed, "#filter")
    def _type_filter(self, event: Input.Changed) -> None:
        event.stop()
        if event.value != self._listing.run_filter.text:
            self._filter(event.value)

    @on(Input.Submitted, "#filter")
    def _submit_filter(self, event: Input.Submitted) -> None:
        event.stop()
        self._leave_filter()

    def _filter(self, text: str) -> None:
        self._listing.run_filter = wanted = parse_filter(text)
        problem = self.query_one("#filter-problem", Static)
        problem.update(visible(wanted.problem))
        problem.display = bool(wanted.problem)
        self._show_rows()

    def _leave_filter(self) -> None:
        self.query_one("#filter-line").display = bool(self._listing.run_filter.text.strip())
        self.set_focus(self.query_one(RunsTable))
        self._show_keys()


def _tags(text: str) -> list[str]:
    """Each once, in their order."""
    return list(dict.fromkeys(tag for part in text.split(",") if (tag := part.strip())))


_ACTIONS = frozenset(
    name.removeprefix("action_") for name in vars(RunsScreen) if name.startswith("action_")
)
"""What the keys of this screen do."""
