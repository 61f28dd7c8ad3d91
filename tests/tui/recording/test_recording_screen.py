"""The screen of a recording: opened from the runs, filtered, scrolled, and read on."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest
from textual.widgets import Input

import mnist_core
from helpers.app_harness import AppHarness
from helpers.app_harness import opened as opened_app
from helpers.hasty_keyboard import Keyboard
from helpers.recordings import points, put_recording
from helpers.stored_runs import put_run
from mnist_core.recording import recording_thread
from mnist_core.store import RunStore
from mnist_tui.charts.chart import Chart
from mnist_tui.draw.draw_screen import DrawScreen
from mnist_tui.mistakes.mistakes_screen import MistakesScreen
from mnist_tui.recording.recording_screen import RecordingScreen
from mnist_tui.runs.runs_screen import RunsScreen
from mnist_tui.settings.keys import KEYS, Scope
from mnist_tui.settings.rebinding import scopes_of
from mnist_tui.train.train_screen import TrainScreen


class Opened(Protocol):
    def __call__(
        self, size: tuple[int, int] = (120, 40)
    ) -> AbstractAsyncContextManager["RecordingLab"]: ...


class RecordingLab:
    """The app with the newest recording open."""

    def __init__(self, lab: AppHarness) -> None:
        self.lab = lab

    @property
    def screen(self) -> RecordingScreen:
        screen = self.lab.app.screen
        assert isinstance(screen, RecordingScreen)
        return screen

    def titles(self) -> list[str]:
        """Of the charts on show."""
        return [str(chart.border_title) for chart in self.charts()]

    def charts(self) -> list[Chart]:
        return [
            chart for chart in self.screen.query(Chart) if chart.display and chart.visible
            and chart.region and chart.plot.curves
        ]  # fmt: skip

    async def press(self, *keys: str) -> None:
        await self.lab.press(*keys)


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    @asynccontextmanager
    async def open_recording(
        size: tuple[int, int] = (120, 40),
    ) -> AsyncIterator[RecordingLab]:
        async with opened_app(tmp_path, size) as lab:
            await lab.press("3")
            await lab.until(lambda: isinstance(lab.app.screen, RunsScreen))
            await lab.press("enter")
            await lab.until(lambda: isinstance(lab.app.screen, RecordingScreen))
            await lab.pilot.pause()
            yield RecordingLab(lab)

    return open_recording


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def put_many(home: Path) -> str:
    """A recording of 23 charts."""
    steps = np.arange(200.0)
    names = ["train/loss", "validation/loss", "lr", *(f"grad/{k}" for k in range(21))]
    return put_recording(home, "many", [points(dict.fromkeys(names, steps))], lr=0.5)


async def test_it_opens_from_the_runs_and_goes_back(home: Path, opened: Opened) -> None:
    put_many(home)
    async with opened() as open_one:
        lab = open_one.lab
        assert open_one.titles()[:3] == ["loss", "lr", "grad/0"]
        first = lab.text().splitlines()[0]
        for words in ("✓ completed", "many", "step 199", "charts 1-", "24 metrics", "lr 0.5"):
            assert words in first
        await open_one.press("escape")
        assert isinstance(lab.app.screen, RunsScreen)
        # Its curves are drawn there too, and what it says of itself.
        await lab.until(lambda: "loss" in lab.text())
        assert "Metrics" in lab.text()
        for key, screen in (("2", MistakesScreen), ("1", TrainScreen), ("d", DrawScreen)):
            await lab.press("3", "enter")
            await lab.until(lambda: isinstance(lab.app.screen, RecordingScreen))
            await lab.press(key)
            assert isinstance(lab.app.screen, screen)
            assert not [s for s in lab.app.screen_stack if isinstance(s, RecordingScreen)]


async def test_hasty_keys_open_and_leave_it_once(home: Path, tmp_path: Path) -> None:
    put_many(home)
    async with opened_app(tmp_path) as lab:
        keyboard = Keyboard(lab.app)
        for _ in range(3):
            await keyboard.press("3", "enter", "enter", "m", "slash", "x", "escape", "escape", "z")
            await lab.until(lambda: isinstance(lab.app.screen, RunsScreen))
        await keyboard.press("3", "enter", "enter", "1", "3", "enter", "d", "escape")
        await lab.until(lambda: isinstance(lab.app.screen, RunsScreen))
        await keyboard.press("1")
        await lab.until(lambda: len(lab.app.screen_stack) == 1)


async def test_help_begins_with_its_keys(home: Path, opened: Opened) -> None:
    put_many(home)
    async with opened((80, 24)) as open_one:
        assert open_one.screen.has_class("-narrow")
        assert scopes_of(open_one.screen, KEYS) == {Scope.RECORDING, Scope.CHARTS, Scope.ZOOM}
        await open_one.press("question_mark")
        await open_one.lab.until(lambda: "A recording" in open_one.lab.text())


async def test_charts_are_scrolled_by_rows_and_pages(home: Path, opened: Opened) -> None:
    put_many(home)
    async with opened((80, 24)) as open_one:
        assert open_one.titles() == ["loss", "lr", "grad/0", "grad/1"]
        await open_one.press("down")
        assert open_one.titles() == ["grad/0", "grad/1", "grad/2", "grad/3"]
        await open_one.press("pagedown", "j", "k")
        assert open_one.titles()[0] == "grad/4"
        await open_one.press(*["ctrl+d"] * 9)
        # The last rows; the last one has one chart.
        assert open_one.titles() == ["grad/18", "grad/19", "grad/20"]
        await open_one.press(*["pageup"] * 9)
        assert open_one.titles()[0] == "loss"


async def test_only_what_is_on_show_is_drawn(
    home: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_recording(home, "wide", [points({f"m{k}": [1.0, 2.0] for k in range(1000)})])
    drawn: list[str] = []
    whole = Chart._draw

    def draw(chart: Chart) -> list[int]:
        drawn.append(str(chart.id))
        return whole(chart)

    monkeypatch.setattr(Chart, "_draw", draw)
    async with opened() as open_one:
        assert len(open_one.charts()) == 12
        assert len(open_one.screen._curves._series) == 12
        assert {name for name in drawn if name.startswith("metric-")} == {
            f"metric-{k}" for k in range(12)
        }
        assert len(list(open_one.screen.query(Chart))) <= 30


async def test_names_are_filtered(home: Path, opened: Opened) -> None:
    put_many(home)
    async with opened() as open_one:
        lab = open_one.lab
        await open_one.press("slash")
        assert isinstance(lab.app.focused, Input)
        await open_one.press(*"d/1", "enter")
        assert open_one.titles()[:2] == ["grad/1", "grad/10"]
        assert len(open_one.titles()) == 11
        assert isinstance(lab.app.focused, Chart)
        await open_one.press("slash", *"xyz")
        assert "No metric is called xyz. Esc clears the filter." in lab.text()
        await open_one.press("escape")
        assert open_one.titles()[0] == "loss"
        assert not isinstance(lab.app.focused, Input)
        await open_one.press("escape")
        assert isinstance(lab.app.screen, RunsScreen)


async def test_charts_share_zoom_axis_cursor_and_scale(home: Path, opened: Opened) -> None:
    put_many(home)
    async with opened() as open_one:
        await open_one.press("plus")
        windows = {chart.plot.x.window for chart in open_one.charts()}
        assert len(windows) == 1
        assert windows != {None}
        await open_one.press("0", "x", "y", "less_than_sign")
        plots = [chart.plot for chart in open_one.charts()]
        assert {plot.x.column for plot in plots} == {"time"}
        assert {plot.y.scale.name for plot in plots} == {"LOG"}
        assert {plot.x.window for plot in plots} == {None}
        await open_one.press("x")
        await open_one.lab.pilot.click(open_one.charts()[0], offset=(20, 5))
        await open_one.lab.pilot.pause()
        assert len({chart.cursor for chart in open_one.charts()}) == 1
        assert open_one.charts()[0].cursor is not None
        await open_one.press("escape")
        assert open_one.charts()[0].cursor is None
        await open_one.press("tab", "z")
        assert len(open_one.charts()) == 1
        assert open_one.charts()[0].size.height > 30
        await open_one.press("escape")
        assert len(open_one.charts()) > 1


async def test_marked_recordings_lie_below(home: Path, opened: Opened) -> None:
    other = put_recording(home, "other", [points({"train/loss": [3.0, 2.0]})], started=1.5e9)
    put_run(home, "aaaa", "a run", started=1e9)
    put_many(home)
    async with opened_app(home.parent) as lab:
        for marked in (other, "aaaa"):
            lab.app._marks.toggle(marked)
        await lab.press("3")
        # So they do among the runs.
        below = lab.app.screen.query_one("#runs-loss", Chart)
        await lab.until(lambda: "other train" in [curve.label for curve in below.plot.curves])
        await lab.press("enter")
        await lab.until(lambda: isinstance(lab.app.screen, RecordingScreen))
        await lab.pilot.pause()
        loss, lr, *_ = RecordingLab(lab).charts()
        assert "other train" in [curve.label for curve in loss.plot.curves]
        assert [curve.label for curve in lr.plot.curves] == ["", "now"]


async def test_what_the_model_said(home: Path, opened: Opened) -> None:
    with mnist_core.record("conv", home=home) as run:
        run.log({"loss": 1.0})
        run.predictions([0, 1, 2, 2], np.eye(3)[[0, 1, 2, 0]])
        run.image("[/]kernel", np.eye(8))
    async with opened() as open_one:
        lab = open_one.lab
        await open_one.press("m")
        text = lab.text()
        assert "75.00 % right" in text
        assert "2 taken for 0" in text
        assert "[/]kernel · step 0" in text
        assert open_one.titles() == []
        await open_one.press("escape")
        assert open_one.titles() == ["loss"]


async def test_a_recording_of_another_process_is_read_on(
    home: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_thread, "WRITE_INTERVAL", 0.01)
    run = mnist_core.record("live", home=home)
    async with opened() as open_one:
        lab = open_one.lab
        assert "No numbers yet." in lab.text()
        run.log({"train/loss": 2.0}, step=0)
        await lab.until(lambda: open_one.titles() == ["train/loss"])
        run.log({"train/loss": 1.0}, step=50)
        run.log({"val/loss": 1.0}, step=50)
        await lab.until(lambda: open_one.titles() == ["loss"])
        await lab.until(lambda: "step 50 " in lab.text())
        run.log({"train/loss": 0.5, "val/loss": 0.4}, step=90)
        await lab.until(lambda: len(open_one.charts()[0].plot.curves[0].series) == 3)
        assert "● running" in lab.text()
        run.finish()
        await lab.until(lambda: "✓ completed" in lab.text())


async def test_one_that_is_deleted_meanwhile_says_so_and_keeps_its_curves(
    home: Path, opened: Opened
) -> None:
    recording_id = put_many(home)
    async with opened() as open_one:
        other = RunStore(home)
        other.deleter.delete([recording_id])
        other.close()
        await open_one.lab.until(lambda: "no longer in" in open_one.lab.text())
        assert open_one.titles()[0] == "loss"
        await open_one.press("down", "escape")
        assert "No runs yet" in open_one.lab.text()


async def test_what_only_runs_can_do_is_not_offered_for_recordings(home: Path) -> None:
    put_many(home)
    async with opened_app(home.parent) as lab:
        await lab.press("3")
        await lab.until(lambda: "many" in lab.text())
        assert lab.commands() >= {"Open", "Mark", "Delete", "Rename", "Filter"}
        assert not lab.commands() & {"Fork", "Resume", "Command", "Pin"}
        await lab.press("D")
        await lab.until(lambda: "No runs yet" in lab.text())
        await lab.press("u")
        await lab.until(lambda: "many" in lab.text())
