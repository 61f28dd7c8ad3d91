"""What the mistakes, the runs, the race and the drawing look like."""

import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.app_harness import AppHarness
from helpers.recordings import points, put_recording
from helpers.scripted import ScriptedRuns
from helpers.scripted_races import ScriptedRaces
from helpers.scripted_sweep_process import ScriptedSweeps, under_way
from helpers.snapshots import NORMAL, Compare, every_size, looks_as_before, open_bench
from helpers.stored_runs import put_run
from mnist_tui.charts.chart import Chart
from mnist_tui.draw.canvas import Canvas
from mnist_tui.draw.draw_screen import DrawScreen
from mnist_tui.lab.state import State
from mnist_tui.lab.sweep_progress import SweepProgress
from mnist_tui.mistakes.gallery import Gallery
from mnist_tui.mistakes.mistakes_screen import MistakesScreen
from mnist_tui.race.race_screen import RaceScreen
from mnist_tui.race.race_session import RaceSession
from mnist_tui.recording.recording_screen import RecordingScreen
from mnist_tui.runs.runs_screen import RunsScreen
from mnist_tui.runs.runs_table import RunsTable
from mnist_tui.sweeps.sweep_screen import SweepsScreen
from mnist_tui.ui.class_bars import ClassBars

MINUTE, HOUR, DAY = 60, 3600, 86_400
LONG_AGO = datetime(2020, 2, 29, 12).timestamp()
"""The same date in every time zone."""


@every_size
def test_mistakes_and_one_of_them(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int]
) -> None:
    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        gallery = lab.app.screen.query_one(Gallery)
        await lab.until(lambda: str(gallery.border_title).startswith("Wrong · 10 of 30 test"))
        await lab.pilot.press("right")
        await lab.until(lambda: gallery.current == 3)
        assert lab.app.focused is gallery
        assert "Sample 3" in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path), story, size)


@every_size
def test_suspect_labels_of_which_one_is_marked(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int]
) -> None:
    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.until(lambda: lab.session.run is None)
        await lab.pilot.press("2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        gallery = lab.app.screen.query_one(Gallery)
        await lab.pilot.press("w", "s")
        await lab.until(lambda: str(gallery.border_title).startswith("Suspect · 10 of 30 test"))
        await lab.pilot.press("e", *"torn", "enter")
        await lab.pilot.press("right")
        await lab.until(lambda: gallery.current == 3)
        assert [mark.note for mark in lab.store.sample_marks.of(lab.store.runs()[0].id)] == ["torn"]
        assert lab.app.focused is gallery

    assert looks_as_before(snap_compare, open_bench(tmp_path), story, size)


@pytest.fixture(autouse=True)
def _time_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages stay the same words, however long a test takes."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)


def put_runs(home: Path) -> None:
    """Six runs, each with another end."""
    now = time.time()
    put_run(home, "0000000f", "half way", accuracies=(0.1, 0.8, 0.87), state="running",
            started=now, seconds=4.0, epochs=4, optimizer="adam", learning_rate=0.002)  # fmt: skip
    put_run(home, "0000000e", "wide", accuracies=(0.1, 0.85, 0.93, 0.96), tags=("wide", "keep"),
            note="The best so far; try it with dropout.", started=now - 2.5 * MINUTE,
            seconds=75.0, epochs=3, hidden_sizes="256, 256")  # fmt: skip
    put_run(home, "0000000d", "too fast", accuracies=(0.1, 0.3, 0.1), state="diverged",
            started=now - 2.5 * HOUR, rate=None, epochs=3, learning_rate=30.0)  # fmt: skip
    put_run(home, "0000000c", "held out", accuracies=(0.1, 0.75, 0.89), epochs=2,
            validation=(0.1, 0.7, 0.9), started=now - 1.5 * DAY)  # fmt: skip
    put_run(home, "0000000b", "stopped early", accuracies=(0.1, 0.6), state="stopped",
            started=now - 3.5 * DAY, optimizer="lion")  # fmt: skip
    put_run(home, "0000000a", "where it began", accuracies=(0.1, 0.7, 0.9, 0.92), epochs=3,
            tags=("baseline",), started=LONG_AGO)  # fmt: skip


@every_size
def test_runs_marked_and_pinned(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int]
) -> None:
    put_runs(tmp_path / "home")

    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("3")
        await lab.until(lambda: isinstance(lab.app.screen, RunsScreen))
        screen = lab.app.screen
        await lab.pilot.press("end", "space", "P", "home", "down", "space", "down", "down")
        chart = screen.query_one("#runs-accuracy", Chart)
        labels = ("wide", "where it began", "held out val")
        await lab.until(lambda: {curve.label for curve in chart.plot.curves} >= set(labels))
        assert isinstance(lab.app.focused, RunsTable)
        assert lab.app.focused.record is not None
        assert lab.app.focused.record.name == "held out"
        for words in ("interrupted", "2 min ago", "2 h ago", "1 d ago", "3 d ago", "2020-02-29"):
            assert (words in lab.text()) == (size[0] > 80 or words == "interrupted"), words

    assert looks_as_before(snap_compare, open_bench(tmp_path), story, size)


@every_size
def test_a_recording(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    steps = np.arange(400)
    noise = np.random.default_rng(0).random((400, 8))
    losses = 3 * np.exp(-steps / 90) + 0.3 * noise[:, 0]
    later = {"validation/loss": 1.1 * losses[::40], "validation/accuracy": 0.9 - losses[::40] / 5}
    sets = [
        points({"train/loss": losses, "train/accuracy": 1 - losses / 4, "lr": steps / 4e5}),
        points(later, steps[::40]),
        points({f"grad/layer{k}": noise[:, k] * (k + 1) for k in range(8)}),
    ]
    other = put_recording(tmp_path / "home", "smaller", [points({"train/loss": losses + 0.4})])
    put_recording(tmp_path / "home", "transformer", sets, started=2e9, lr=0.001, layers=8)

    async def story(lab: AppHarness) -> None:
        lab.app._marks.toggle(other)
        await lab.pilot.press("3", "enter")
        await lab.until(lambda: isinstance(lab.app.screen, RecordingScreen))
        await lab.pilot.pause()
        chart = lab.app.screen.query_one("#metric-0", Chart)
        assert chart.border_title == "loss"
        assert "smaller train" in {curve.label for curve in chart.plot.curves}
        assert "transformer" in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path), story, size)


@pytest.fixture
def _known_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLX and NumPy: what else is installed here does not count."""
    monkeypatch.setattr(
        "mnist_tui.race.entrants.is_importable", lambda engine: "torch" not in engine
    )
    monkeypatch.setattr("mnist_tui.race.entrants.find_spec", lambda _name: None)


@pytest.mark.usefixtures("_known_machine")
def test_a_race_after_its_end(snap_compare: Compare, tmp_path: Path) -> None:
    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("4")
        await lab.until(lambda: isinstance(lab.app.screen, RaceScreen))
        await lab.pilot.press("r")
        await lab.until(lambda: "just now" in lab.text())
        await lab.until(lambda: "completed" in lab.text())
        assert isinstance(lab.app.focused, Chart)
        assert {curve.label for curve in lab.app.focused.plot.curves} == {"mlx", "numpy"}
        assert "not installed" in lab.text()

    bench = open_bench(tmp_path, make_race=ScriptedRaces())
    assert looks_as_before(snap_compare, bench, story)


@pytest.mark.usefixtures("_known_machine")
def test_a_race_under_way(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RaceSession, "turn_seconds", 7.0)
    races = ScriptedRaces()
    races.gate.clear()

    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("4")
        await lab.until(lambda: isinstance(lab.app.screen, RaceScreen))
        await lab.pilot.press("r")
        await lab.until(lambda: "numpy · round 1 of 5" in lab.text())
        assert "racing" in lab.text()
        assert lab.session.hold
        assert lab.session.state is State.IDLE

    bench = open_bench(tmp_path, make_race=races)
    assert looks_as_before(snap_compare, bench, story, NORMAL, races.gate)


@pytest.mark.parametrize("size", [(80, 24), NORMAL], ids=["80x24", "120x40"])
def test_a_sweep_under_way(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(SweepProgress, "seconds_left", 35.0)

    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("5")
        await lab.until(lambda: isinstance(lab.app.screen, SweepsScreen))
        await lab.pilot.press("r")
        await lab.until(lambda: "3/6 finished" in lab.text())
        assert "0.9500 ± 0.0012" in lab.text()
        assert lab.session.hold

    bench = open_bench(tmp_path, sweeps=ScriptedSweeps(under_way()))
    assert looks_as_before(snap_compare, bench, story, size)


def upright(_epoch: int) -> tuple[NDArray[np.float32], ...]:
    """A model that says 1 of what is high and 7 of what is wide, and is in doubt about 4 and 9."""
    weight = np.zeros((28, 28, 10), np.float32)
    weight[:8, 10:18, 1] = weight[20:, 10:18, 1] = 0.25
    weight[10:18, :8, 7] = weight[10:18, 20:, 7] = 0.25
    bias = np.zeros(10, np.float32)
    bias[[4, 9]] = 4, 3
    return weight.reshape(784, 10), bias


def test_a_drawn_digit_and_what_the_model_says(snap_compare: Compare, tmp_path: Path) -> None:
    runs = ScriptedRuns(weights=upright)

    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("d")
        await lab.until(lambda: isinstance(lab.app.screen, DrawScreen))
        screen = lab.app.screen
        await lab.pilot.press(*["up"] * 8, *["left"] * 2, "space", *["down"] * 16, "space")
        canvas = screen.query_one(Canvas)
        assert lab.app.focused is canvas
        assert not canvas.drawing.is_blank
        await lab.until(lambda: screen.query_one(ClassBars).marked == 1)
        assert "▸ 1 " in lab.text()

    bench = open_bench(tmp_path, runs=runs, hidden_sizes="")
    assert looks_as_before(snap_compare, bench, story)
