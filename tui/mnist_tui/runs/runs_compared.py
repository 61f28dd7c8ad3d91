"""Below the table of runs: the curves of some of them, and what sets two apart."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from mnist_core.store import (
    KeptRecord,
    RecordingRecord,
    RunRecord,
    RunState,
    RunStore,
    StoreError,
)
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.plot import Plot, extent
from mnist_tui.charts.view import View
from mnist_tui.lab.overlay import REFERENCE, Look, Marks, Overlay, RunCurves
from mnist_tui.lab.recipe_text import config_value_text, differences
from mnist_tui.lab.recorded_curves import AXES as RECORDED_AXES
from mnist_tui.lab.recorded_curves import ChartNames, RecordedCurves, charts_of
from mnist_tui.lab.recorded_plots import MarkedRecordings, recorded_plot
from mnist_tui.lab.run_plots import (
    METRIC_TITLES,
    is_training,
    measured_on,
    metrics_of,
    overlay_plot,
)
from mnist_tui.runs.results import Result, results
from mnist_tui.runs.run_listing import RunListing
from mnist_tui.settings.keys import key_hint
from mnist_tui.text.numbers import count, duration
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.sizes import NARROW

_NARROW = 30
"""Cells below which the three columns would be too short to read: labels get lines of their own."""
_ROOMY = 44
"""Cells from which on each label has a line for itself."""
_SHORT_LABEL, _FIGURE = 10, 7
"""Cells of a label where there is less, and of "91.29 %"."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run, and the one it is compared with.

    As text: what they reached and where they differ, then note, tags and the rest that the table
    of runs has no room for.
    """

    record: RunRecord
    other: RunRecord | None
    why: str
    """Why that one: pinned, marked or earlier."""

    @property
    def title(self) -> str:
        """What is shown, as plain text for the border."""
        if self.other is None:
            return visible(self.record.name)
        return visible(f"{self.record.name} and {self.other.name} ({self.why})")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _page(self.record, self.other, options.max_width)


def _page(record: RunRecord, other: RunRecord | None, width: int) -> Table:
    page = Table.grid(expand=True)
    page.add_column(overflow="fold")
    found = results(record, other)
    if other is not None:
        found += [Result(one.label, one.ours, one.theirs) for one in differences(record, other)]
    page.add_row(_in_lines(found) if width < _NARROW else _in_columns(found, record, other, width))
    if other is None:
        how = f"Pin a run with {key_hint('pin_run')}, or mark one, to see what differs."
        page.add_row(Text(how, style="dim"))
    elif not differences(record, other):
        page.add_row(Text(f"The same hyperparameters as {visible(other.name)}.", style="dim"))
    page.add_row("")
    if other is not None:
        page.add_row(Text(visible(record.name), style="underline"))
    for label, text in _facts(record):
        line = Text(f"{label}  ", style="dim")
        page.add_row(line.append(visible(text), style="not dim"))
    return page


def _in_columns(
    found: Sequence[Result], record: RunRecord, other: RunRecord | None, width: int
) -> Table:
    """A column for each run; what they reached, and what sets them apart, below each other."""
    table = Table.grid(padding=(0, 1, 0, 0))
    # Where there is little room a label takes two lines, so that figures stay whole.
    table.add_column(overflow="fold", max_width=_SHORT_LABEL if width < _ROOMY else None)
    for _ in (record, other):
        table.add_column(overflow="fold", min_width=_FIGURE)
    table.add_column(justify="right", no_wrap=True)
    if other is not None:
        head = [Text(visible(run.name), style="underline", overflow="ellipsis", no_wrap=True)
                for run in (record, other)]  # fmt: skip
        table.add_row("", *head)
    for one in found:
        ours, more = Text(visible(one.ours), style="bold"), Text(one.difference, style="dim")
        table.add_row(Text(one.label, style="dim"), ours, Text(visible(one.theirs)), more)
    return table


def _in_lines(found: Sequence[Result]) -> Table:
    table = Table.grid()
    for one in found:
        text = Text(f"{one.label} ", style="dim").append(visible(one.ours), style="not dim bold")
        if one.theirs:
            text.append(f" / {visible(one.theirs)}", style="not dim")
        if one.difference:
            text.append(f" ({one.difference})", style="not dim")
        table.add_row(text)
    return table


def _facts(record: RunRecord) -> list[tuple[str, str]]:
    facts = [
        ("Note", record.note),
        ("Tags", ", ".join(record.tags)),
        ("Failed", record.failure),
        ("Best", f"in epoch {record.best_epoch}" if record.best and record.best_epoch else ""),
        ("Data", record.dataset),
        ("Id", record.id),
    ]
    if record.state.is_live:
        facts.append(("Trained", f"by process {record.pid} on {record.host}"))
    elif record.state is RunState.INTERRUPTED:
        facts.append(("Was trained", f"by process {record.pid} on {record.host}"))
    return [(label, text) for label, text in facts if text]


def recording_page(record: RecordingRecord) -> Table:
    """What a recording says of itself, and how much of it there is."""
    facts = [
        ("Steps", count(record.step)),
        ("Metrics", count(record.metrics)),
        ("Rows", count(record.rows)),
        ("Took", duration(record.seconds)),
        ("Note", record.note),
        ("Tags", ", ".join(record.tags)),
        ("Failed", record.failure),
        ("Lost", record.lost),
        ("From", record.source),
        *((f"{name}", config_value_text(value)) for name, value in record.config.items()),
        ("Id", record.id),
    ]
    page = Table.grid(padding=(0, 1, 0, 0))
    page.add_column(overflow="fold")
    page.add_column(overflow="fold")
    for label, text in facts:
        if text:
            page.add_row(Text(visible(label), style="dim"), Text(visible(text)))
    return page


CURVES_DELAY = 0.05
"""Seconds that the cursor must rest before curves are read: a held key passes many runs."""
_KEPT_CURVES = 24
"""Runs whose curves stay in memory; more than can be drawn at once."""
_CURSOR_LOOK = Look("$primary", "●")
_CHARTS = ("runs-loss", "runs-accuracy")


def _id(record: KeptRecord | None) -> str | None:
    return None if record is None else record.id


class RunsCompared(Horizontal):
    """Draws the pinned run, the marked ones, and that under the cursor of the table on top."""

    def __init__(self, store: RunStore, marks: Marks, listing: RunListing) -> None:
        """`listing` has the runs that can be drawn, and is changed by the screen alone."""
        super().__init__(id="below")
        self._store = store
        self._marks = marks
        self._listing = listing
        self._record: KeptRecord | None = None
        self._view = View()
        self._curves: OrderedDict[str, RunCurves] = OrderedDict()
        self._marked = MarkedRecordings(store, marks)
        self._recorded: RecordedCurves | None = None
        """The recording that was drawn last."""
        self._timer: Timer | None = None
        self.pointed: float | None = None
        """Where the charts have a cursor, on their x axis."""

    def compose(self) -> ComposeResult:
        for name in _CHARTS:
            yield Chart(id=name)
        with VerticalScroll(id="comparison"):
            yield Static(id="comparison-text")

    def show(self, record: KeptRecord | None, view: View) -> None:
        """Draw everything; `record` is under the cursor of the table."""
        self._record = record
        self._show_comparison()
        self.show_view(view)

    def follow(self, record: KeptRecord | None) -> None:
        """Compare another run at once, and read its curves when the cursor rests on it."""
        if _id(record) == _id(self._record):
            return
        self._record = record
        self._show_comparison()
        self._stop_timer()
        self._timer = self.set_timer(CURVES_DELAY, self._show_curves)

    def show_view(self, view: View) -> None:
        """Draw the curves in another way."""
        self._view = view
        self._show_curves()

    def point_at(self, place: float | None) -> None:
        """Put the cursor of the charts somewhere, or take it away."""
        self.pointed = place
        for chart in self.query(Chart):
            chart.cursor = place

    @on(Chart.Pointed)
    def _point(self, event: Chart.Pointed) -> None:
        self.point_at(event.place)

    def _show_comparison(self) -> None:
        pane = self.query_one("#comparison", VerticalScroll)
        text = self.query_one("#comparison-text", Static)
        if self._record is None:
            pane.border_title = Content("Comparison")
            text.update("")
            return
        if isinstance(self._record, RecordingRecord):
            pane.border_title = Content(visible(self._record.name))
            text.update(recording_page(self._record))
            return
        comparison = self._comparison(self._record)
        pane.border_title = Content(comparison.title)
        text.update(comparison)

    def _comparison(self, record: RunRecord) -> Comparison:
        """The run against the pinned one, else that marked last, else the run before it."""
        candidates = [(self._marks.pinned, "pinned")]
        candidates += [(marked, "marked") for marked in reversed(self._marks.ids)]
        for run_id, why in candidates:
            if run_id is not None and run_id != record.id:
                other = self._listing.record(run_id)
                if isinstance(other, RunRecord):
                    return Comparison(record, other, why)
        return Comparison(record, self._listing.before(record.id), "earlier")

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _show_curves(self) -> None:
        self._stop_timer()
        try:
            if isinstance(self._record, RecordingRecord):
                self._show_recording(self._record)
                return
            overlays = list(self._overlays())
        except StoreError as error:
            self.notify(visible(str(error)), severity="error", markup=False)
            return
        data = measured_on(overlays)
        for name, metric in zip(_CHARTS, metrics_of(self._view), strict=True):
            plot = overlay_plot(metric, overlays, self._view, cursor=self.pointed)
            dotted = "training dotted" if any(map(is_training, plot.curves)) else ""
            title = " · ".join(filter(None, (METRIC_TITLES[metric], data, dotted)))
            self._show_plot(name, title, plot)

    def _show_plot(self, name: str, title: str, plot: Plot) -> None:
        all_there_is = extent(plot)
        window = self._view.within(all_there_is) if all_there_is is not None else None
        shown = replace(plot, x=replace(plot.x, window=window))
        self.query_one(f"#{name}", Chart).show_plot(title, shown)

    def _show_recording(self, record: RecordingRecord) -> None:
        """Its first two charts; its own screen has all."""
        if self._recorded is None or self._recorded.record.id != record.id:
            self._recorded = RecordedCurves(record)
        self._recorded.update(self._store, record)
        self._marked.update()
        overlays = self._marked.overlays(record.id)
        view = self._view if self._view.axis in RECORDED_AXES else replace(self._view, axis="step")
        charts = charts_of(self._recorded.names)[: len(_CHARTS)]
        charts += [ChartNames("", "", ())] * (len(_CHARTS) - len(charts))
        # Where there is room for one, it is the other one that is in front at first.
        places = reversed(_CHARTS) if self.screen.has_class(NARROW) else _CHARTS
        for name, chart in zip(places, charts, strict=True):
            plot = recorded_plot(chart, self._recorded, overlays, view, self.pointed)
            self._show_plot(name, visible(chart.title), plot)

    def _overlays(self) -> Iterator[Overlay]:
        record = self._record
        compared = self._comparison(record).other if isinstance(record, RunRecord) else None
        shown = [self._marks.pinned, _id(compared), *self._marks.ids, _id(record)]
        ids = [run_id for run_id in reversed(dict.fromkeys(reversed(shown))) if run_id is not None]
        for run_id in ids:
            run = self._listing.record(run_id)
            if not isinstance(run, RunRecord):
                continue
            curves = self._curves.pop(run_id, None) or RunCurves(run)
            curves.update(self._store, run)
            self._curves[run_id] = curves
            usual = REFERENCE if run is compared else _CURSOR_LOOK
            yield Overlay(curves, visible(run.name), self._marks.look(run_id) or usual)
        while len(self._curves) > _KEPT_CURVES:
            self._curves.popitem(last=False)
