"""The app while it watches: what is on the screen, which keys work, and that nothing is written."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from helpers.lab import Lab
from helpers.recordings import points, put_recording
from helpers.scripted import STEPS, loaded
from helpers.stored_runs import LiveRun
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import RunStore
from mnist_core.store import recorder as recorder_module
from mnist_tui.app import MnistApp
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State
from mnist_tui.lab.watch import WATCHES, Watch
from mnist_tui.race.race_screen import RaceScreen
from mnist_tui.recording.recording_screen import RecordingScreen
from mnist_tui.runs.runs_screen import RunsScreen
from mnist_tui.sweeps.sweep_screen import SweepsScreen
from mnist_tui.train.train_screen import TrainScreen


class WatchingLab(Lab[MnistApp]):
    """The app on a home that others write."""

    def __init__(self, home: Path, log: Path, name: str, *, only_reads: bool) -> None:
        store = RunStore(home, only_reads=only_reads)
        watch = Watch(store, lambda _record: loaded(), name)
        self.session = Session(None, DataSource(loaded), str, store, watch)
        self.app = MnistApp(self.session, None, Hyperparameters(), "mlx-docs", log, store)

    async def until_state(self, state: State) -> None:
        await self.until(lambda: self.session.state is state)

    def step(self) -> int:
        return self.session.progress.step if self.session.progress is not None else -1


@asynccontextmanager
async def watching(
    folder: Path, name: str = "", *, only_reads: bool = False, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[WatchingLab]:
    lab = WatchingLab(folder / "home", folder / "log", name, only_reads=only_reads)
    async with lab.app.run_test(size=size) as pilot:
        lab.pilot = pilot
        try:
            yield lab
        finally:
            lab.session.close()


@pytest.fixture(autouse=True)
def _write_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "WRITE_INTERVAL", 0.002)


async def test_a_run_is_watched_to_its_end_and_the_next_one_after_it(tmp_path: Path) -> None:
    async with watching(tmp_path) as lab:
        await lab.until(lambda: "There is no run in" in lab.text())
        live = LiveRun(tmp_path / "home", epochs=2, learning_rate=0.25)
        await lab.until(lambda: "Watching run 1, which process" in lab.text())
        live.train_epoch(0.5)
        await lab.until(lambda: "batch 4/4" in lab.text() and "test 50.00 %" in lab.text())
        assert "● running    run 1  epoch 1/2" in lab.text()
        # The digits are drawn in turn with the charts.
        await lab.until(lambda: "run 1 · epoch 1 · " in lab.text())
        assert "Learning rate   0.25" in lab.text(), "the form"
        live.train_epoch(0.75)
        live.end()
        await lab.until(lambda: "✓ completed  run 1  epoch 2/2" in lab.text())
        assert "run 1 has ended. The next one is shown" in lab.text()
        second = LiveRun(tmp_path / "home", epochs=5)
        await lab.until(lambda: "● running    run 2  epoch 0/5" in lab.text())
        assert "run 2 has begun, and is watched now." in lab.said()
        second.close()
        await lab.until(lambda: "run 2 was interrupted: its process is gone." in lab.text())


async def test_keys_that_train_are_not_offered(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "home", epochs=3)
    async with watching(tmp_path) as lab:
        await lab.until_state(State.RUNNING)
        live.train_epoch(0.5)
        await lab.until(lambda: lab.step() == STEPS)
        for ended in (False, True):
            works = {
                binding.action
                for _, binding, enabled, _ in lab.app.screen.active_bindings.values()
                if enabled
            }
            trains = {"run", "pause", "resume", "stop", "one_more_epoch", "train_batches",
                      "resume_stored", "edit"}  # fmt: skip
            assert works & trains == set()
            assert {"help", "quit", "show_screen('runs')", "show_screen('mistakes')"} <= works
            if not ended:
                live.end()
                await lab.until_state(State.COMPLETED)
        await lab.press("r", "n", "R", "full_stop", "p", "s")
        assert lab.session.run is None
        for key, kind in (("4", RaceScreen), ("5", SweepsScreen)):
            await lab.press(key, "r")
            assert isinstance(lab.app.screen, kind), "nothing is asked"
            assert "Start" not in lab.footer().split()
            assert lab.session.hold is None
        assert "This app only watches" in lab.text()
        await lab.press("1")
        assert len(lab.app.screen_stack) == 1
        train_screen = lab.app.screen
        assert isinstance(train_screen, TrainScreen)
        train_screen.steering.run()  # as Enter in the form does
        await lab.until(lambda: lab.said() == WATCHES)
        await lab.press("q")
        assert lab.app.return_code == 0, "nobody is asked"


async def test_a_narrow_screen_says_what_a_run_is_trained_with(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "home", learning_rate=0.25)
    async with watching(tmp_path, size=(80, 24)) as lab:
        await lab.until(lambda: "Learning rate 0.25" in lab.text())
        assert "edits" not in lab.text()
        await lab.pilot.click("#folded-form")
        assert "Learning rate 0.25" in lab.text(), "it stays folded"
        live.close()


async def test_the_other_screens_follow_too(tmp_path: Path) -> None:
    live = LiveRun(tmp_path / "home", epochs=9)
    live.train_epoch(0.5)
    async with watching(tmp_path) as lab:
        await lab.until(lambda: lab.step() == STEPS)
        await lab.press("2")
        await lab.until(lambda: "run 1 · epoch 1" in lab.text())
        live.train_epoch(0.6)
        await lab.until(lambda: "run 1 · epoch 2" in lab.text())
        await lab.press("3")
        await lab.until(lambda: "2/9" in lab.text())
        await lab.press("R")
        await lab.press("question_mark")
        assert lab.app.screen.is_modal
        await lab.press("escape", "1")
        live.close()
        await lab.until_state(State.INTERRUPTED)
        await lab.press("3", "R")
        assert WATCHES in lab.said()


async def test_a_recording_opens_its_own_screen_and_a_run_takes_it_away(tmp_path: Path) -> None:
    home = tmp_path / "home"
    put_recording(home, "theirs", [points({"loss": [1.0, 0.5]})])
    async with watching(tmp_path) as lab:
        await lab.until(lambda: isinstance(lab.app.screen, RecordingScreen))
        assert "completed  theirs" in lab.text()
        assert lab.session.state is State.IDLE
        live = LiveRun(home)
        await lab.until(lambda: isinstance(lab.app.screen, TrainScreen))
        await lab.until(lambda: "● running    run 1" in lab.text())
        put_recording(home, "another", [points({"loss": [1.0]})], started=time.time() + 9)
        await lab.until(lambda: isinstance(lab.app.screen, RecordingScreen))
        await lab.press("escape")
        assert "another has ended. The next one" in lab.text()
        live.close()


async def test_who_looks_at_something_else_is_left_there(tmp_path: Path) -> None:
    home = tmp_path / "home"
    live = LiveRun(home)
    async with watching(tmp_path) as lab:
        await lab.until_state(State.RUNNING)
        await lab.press("3")
        put_recording(home, "theirs", [points({"loss": [1.0]})], started=time.time() + 9)
        await lab.until(lambda: "theirs has begun, and is watched now." in lab.said())
        assert isinstance(lab.app.screen, RunsScreen)
        await lab.press("1")
        await lab.until(lambda: isinstance(lab.app.screen, RecordingScreen))
        await lab.press("escape", "3", "1")
        assert isinstance(lab.app.screen, TrainScreen), "it opens once"
        live.close()


async def test_a_style_is_not_remembered_where_nothing_may_be_written(tmp_path: Path) -> None:
    LiveRun(tmp_path / "home").close()
    async with watching(tmp_path, only_reads=True) as lab:
        await lab.until_state(State.INTERRUPTED)
        before = sorted(tmp_path.rglob("*"))
        await lab.press("v")
        await asyncio.sleep(0)
        assert sorted(tmp_path.rglob("*")) == before
        await lab.press("3")
        await lab.until(lambda: "run 1" in lab.text())
        assert {"Delete", "Resume", "Note"} & set(lab.footer().split()) == set()
