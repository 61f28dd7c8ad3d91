"""The runs screen on a bare app, and what tests do with it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

import mnist_tui.app
from helpers.lab import Lab
from mnist_core.store import RunRecord, RunStore
from mnist_tui.charts.chart import Chart
from mnist_tui.lab.overlay import Marks
from mnist_tui.runs.runs_screen import RunsScreen
from mnist_tui.runs.runs_table import RunsTable
from mnist_tui.settings.themes import DARK


class BareApp(App[None]):
    """Only the runs screen; keeps what it asks for."""

    CSS_PATH = str(Path(mnist_tui.app.__file__).with_name("app.tcss"))

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.store = RunStore(home)
        self.marks = Marks()
        self.runs_screen = RunsScreen(self.store, self.marks)
        self.asked: list[RunsScreen.Request] = []

    def on_mount(self) -> None:
        self.push_screen(self.runs_screen)

    def on_runs_screen_opened(self, event: RunsScreen.Opened) -> None:
        self.asked.append(event)

    def on_runs_screen_forked(self, event: RunsScreen.Forked) -> None:
        self.asked.append(event)

    def on_runs_screen_resume_asked(self, event: RunsScreen.ResumeAsked) -> None:
        self.asked.append(event)

    def on_runs_screen_command_asked(self, event: RunsScreen.CommandAsked) -> None:
        self.asked.append(event)


class RunsLab(Lab[BareApp]):
    """The app under Pilot."""

    def __init__(self, app: BareApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.store = app.store
        self.screen = app.runs_screen

    def marked(self) -> tuple[str, ...]:
        """The ids of the marked runs, now."""
        return self.app.marks.ids

    @property
    def table(self) -> RunsTable:
        return self.screen.query_one(RunsTable)

    @property
    def current(self) -> RunRecord:
        record = self.table.record
        assert isinstance(record, RunRecord), "no run is shown"
        return record

    async def write(self, text: str) -> None:
        """Type `text` into the field that has the focus, in place of what is there."""
        field = self.app.screen.query_one(Input)
        assert field.has_focus
        field.value = text
        await self.pilot.pause()

    def lines(self) -> list[str]:
        """The table as text, its header first."""
        return [self.table.render_line(y).text for y in range(self.table.size.height)]

    def names(self) -> list[str]:
        """Of the runs in view, as far as they have one of the names used here."""
        return [record.name for line in self.lines()[1:] for record in self.store.runs()
                if f" {record.name} " in line]  # fmt: skip

    def legend(self) -> str:
        chart = self.screen.query_one("#runs-accuracy", Chart)
        return " ".join(curve.label for curve in chart.plot.curves if curve.label)


OpenLab = Callable[..., AbstractAsyncContextManager[RunsLab]]
