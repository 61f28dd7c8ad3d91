"""What the train screen looks like: before, during and after runs, small and large, in themes."""

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from helpers.app_harness import AppHarness
from helpers.scripted import ScriptedRuns
from helpers.snapshots import NORMAL, Compare, every_size, looks_as_before, open_bench
from mnist_core.events import BatchCompleted, Event
from mnist_core.recipe.changes import Change
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_tui.charts.chart import Chart
from mnist_tui.lab.state import State
from mnist_tui.train.hyperparameter_form import HyperparameterForm
from mnist_tui.train.sample_grid import SampleGrid
from mnist_tui.ui.sizes import TooSmall


async def two_runs(lab: AppHarness) -> None:
    """The second with another learning rate, over the curves of the first."""
    await lab.pilot.press("r")
    await lab.until_state(State.COMPLETED)
    lab.session.train(make_hyperparameters({"epochs": 3, "learning_rate": 0.5}))
    await lab.until_state(State.COMPLETED)
    assert lab.session.ghost is not None
    assert isinstance(lab.app.focused, Chart)
    assert "epoch 3/3" in lab.text()


@every_size
def test_before_the_first_run(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    async def story(lab: AppHarness) -> None:
        assert lab.session.state is State.IDLE
        assert isinstance(lab.app.focused, Chart)
        assert "Learning rate" in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path), story, size)


@every_size
def test_after_two_runs(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    assert looks_as_before(snap_compare, open_bench(tmp_path), two_runs, size)


@pytest.mark.parametrize("size", [(80, 24), NORMAL], ids=["80x24", "120x40"])
def test_with_the_line_on_the_machine(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int]
) -> None:
    async def story(lab: AppHarness) -> None:
        lab.machine.own, lab.machine.others = 1.04, 0.62
        await lab.pilot.press("m")
        lab.app._train_screen._look_at_machine()
        await lab.pilot.pause()
        assert " CPU 83 % of 2 cores: 52 % " in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path), story, size)


@pytest.mark.parametrize("theme", ["laboratory-light", "okabe-ito-dark"])
def test_after_two_runs_in_a_theme(snap_compare: Compare, tmp_path: Path, theme: str) -> None:
    async def story(lab: AppHarness) -> None:
        await two_runs(lab)
        assert lab.app.theme == theme

    assert looks_as_before(snap_compare, open_bench(tmp_path, theme=theme), story)


def test_after_two_runs_without_colour(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def story(lab: AppHarness) -> None:
        await two_runs(lab)
        assert lab.app.no_color
        assert "✗" in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path), story)


def test_the_first_launch(snap_compare: Compare, tmp_path: Path) -> None:
    async def story(lab: AppHarness) -> None:
        assert lab.session.state is State.IDLE
        assert "trains a network" in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path, first_launch=True), story)


def test_a_terminal_that_is_too_small(snap_compare: Compare, tmp_path: Path) -> None:
    async def story(lab: AppHarness) -> None:
        await lab.pilot.resize_terminal(*NORMAL)
        await lab.until(lambda: "Learning rate" in lab.text())
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.resize_terminal(50, 15)
        await lab.until(lambda: "completed  run 1  epoch 3/3" in lab.text())
        assert isinstance(lab.app.screen, TooSmall)
        assert "this terminal has 50 x 15." in " ".join(lab.text().split())

    assert looks_as_before(snap_compare, open_bench(tmp_path), story, (50, 15))


def test_a_cursor_and_wrong_digits_in_braille(snap_compare: Compare, tmp_path: Path) -> None:
    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("v", "v", "left_square_bracket", "y")
        assert lab.session.cursor == 8
        assert lab.app.screen.query_one(SampleGrid).shown_count > 0
        assert "step 8" in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path), story)


def test_a_learning_rate_changed_while_it_runs(snap_compare: Compare, tmp_path: Path) -> None:
    bench = open_bench(tmp_path)
    bench.runs.gate.clear()

    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("r")
        await lab.until(lambda: "batch 4/4" in lab.text())
        lab.app.screen.query_one(HyperparameterForm).focus_field("learning_rate")
        await lab.pilot.pause()
        assert isinstance(lab.app.focused, Input)
        lab.app.focused.value = "0.02"
        await lab.pilot.press("enter")
        lab.session.train_batches(6)
        lab.runs.gate.set()
        await lab.until_state(State.PAUSED)
        await lab.until(lambda: "batch 2/4" in lab.text())
        progress = lab.session.progress
        assert progress is not None
        assert progress.changes == [Change(4, "learning_rate", 0.02)]
        assert isinstance(lab.app.focused, Chart)
        values = lab.app.screen.query_one(HyperparameterForm).recipes[0]
        assert values is not None
        assert values.learning_rate == 0.02

    assert looks_as_before(snap_compare, bench, story)


class MeasuredRuns(ScriptedRuns):
    """Every other batch has the norm of its gradient, and the learning rate falls."""

    def _events(self, *args: Any) -> Generator[Event, None, None]:
        for event in super()._events(*args):
            if isinstance(event, BatchCompleted):
                norm = 3 / event.step if event.step % 2 else None
                yield replace(event, gradient_norm=norm, learning_rate=0.1 * (1 - event.step / 12))
            else:
                yield event


def test_the_gradients_below_the_other_charts(snap_compare: Compare, tmp_path: Path) -> None:
    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("g", "r")
        await lab.until_state(State.COMPLETED)
        gradients = lab.app.screen.query_one("#gradients", Chart)
        assert gradients.region
        assert {"norm", "lr (right)"} == {curve.label for curve in gradients.plot.curves}

    bench = open_bench(tmp_path, runs=MeasuredRuns(), schedule="cosine")
    assert looks_as_before(snap_compare, bench, story)
