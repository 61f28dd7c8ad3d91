"""What lies over the screens looks like: help, the palette, questions and other dialogs."""

from pathlib import Path

from textual.command import CommandList
from textual.widgets import Button, Input

from helpers.app_harness import AppHarness
from helpers.scripted import ScriptedRuns
from helpers.snapshots import Compare, looks_as_before, open_bench
from helpers.stored_runs import put_run
from mnist_tui.charts.chart import Chart
from mnist_tui.lab.state import State
from mnist_tui.mistakes.calibration_dialog import CalibrationDialog
from mnist_tui.mistakes.class_curves_dialog import ClassCurvesDialog
from mnist_tui.mistakes.mistakes_screen import MistakesScreen
from mnist_tui.train.divergence_dialog import DivergenceDialog
from mnist_tui.ui.dialogs import CommandScreen, LineInput, Palette, Question
from mnist_tui.ui.help_screen import HelpScreen


async def trained(lab: AppHarness) -> None:
    await lab.pilot.press("r")
    await lab.until_state(State.COMPLETED)


def test_help(snap_compare: Compare, tmp_path: Path) -> None:
    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("question_mark")
        assert isinstance(lab.app.screen, HelpScreen)
        assert lab.session.state is State.IDLE
        assert "ctrl+r" in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path), story)


def test_a_search_in_help(snap_compare: Compare, tmp_path: Path) -> None:
    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("question_mark", "slash", *"momentum")
        assert isinstance(lab.app.focused, Input)
        assert lab.app.focused.value == "momentum"
        assert "ctrl+r" not in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path), story)


def test_the_calibration_of_a_run(snap_compare: Compare, tmp_path: Path) -> None:
    async def story(lab: AppHarness) -> None:
        await trained(lab)
        await lab.pilot.press("2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        await lab.pilot.press("C")
        await lab.until(lambda: isinstance(lab.app.screen, CalibrationDialog))
        assert "calibration error 0.1918" in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path), story)


def test_the_classes_over_the_epochs(snap_compare: Compare, tmp_path: Path) -> None:
    async def story(lab: AppHarness) -> None:
        await trained(lab)
        await lab.pilot.press("2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        await lab.pilot.press("t")
        await lab.until(lambda: isinstance(lab.app.screen, ClassCurvesDialog))
        assert "Curves of epoch" in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path), story)


def test_the_palette(snap_compare: Compare, tmp_path: Path) -> None:
    async def story(lab: AppHarness) -> None:
        every = list(lab.app.get_system_commands(lab.app.screen))
        await lab.pilot.press("ctrl+p")
        await lab.until(lambda: isinstance(lab.app.screen, Palette))
        commands = lab.app.screen.query_one(CommandList)
        await lab.until(lambda: commands.option_count == len(every))
        await lab.until(lambda: not commands.has_class("--populating"))
        await lab.pilot.press("down")
        await lab.until(lambda: commands.highlighted == 1)
        assert isinstance(lab.app.focused, Input)
        assert "See what each unit of the network has learned" in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path), story)


def test_the_question_before_a_restart(snap_compare: Compare, tmp_path: Path) -> None:
    bench = open_bench(tmp_path)
    bench.runs.gate.clear()

    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("r")
        await lab.until(lambda: "running    run 1  epoch 1/3" in lab.text())
        await lab.until(lambda: "batch 4/4" in lab.text())
        await lab.pilot.press("r")
        assert isinstance(lab.app.screen, Question)
        assert isinstance(lab.app.focused, Button)
        assert "Stop and restart" in str(lab.app.focused.label)
        assert lab.session.state is State.RUNNING

    assert looks_as_before(snap_compare, bench, story)


def test_the_command_that_repeats_a_run(snap_compare: Compare, tmp_path: Path) -> None:
    async def story(lab: AppHarness) -> None:
        await trained(lab)
        await lab.pilot.press("Y")
        await lab.until(lambda: "mnist-tui train --preset mlx-docs --epochs 3" in lab.text())
        assert isinstance(lab.app.screen, CommandScreen)
        assert "The command that repeats run 1" in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path), story)


def test_another_name_for_a_run(snap_compare: Compare, tmp_path: Path) -> None:
    # A stored run, since a new one has an id at random.
    put_run(tmp_path / "home", "0000000a", "[bold]first", accuracies=(0.1, 0.7, 0.9), epochs=2)

    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("3")
        chart = lab.app.screen.query_one("#runs-accuracy", Chart)
        await lab.until(lambda: "[bold]first" in [curve.label for curve in chart.plot.curves])
        await lab.pilot.press("N")
        await lab.until(lambda: isinstance(lab.app.screen, LineInput))
        assert isinstance(lab.app.focused, Input)
        lab.app.focused.value = ""
        await lab.pilot.press("enter")
        assert "Rename [bold]first" in lab.text()
        assert "A run needs a name." in lab.text()

    assert looks_as_before(snap_compare, open_bench(tmp_path), story)


def test_a_run_that_has_diverged(snap_compare: Compare, tmp_path: Path) -> None:
    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("r")
        await lab.until(lambda: isinstance(lab.app.screen, DivergenceDialog))
        assert lab.session.state is State.PAUSED
        assert isinstance(lab.app.focused, Button)
        assert "Halve the learning rate" in str(lab.app.focused.label)

    bench = open_bench(tmp_path, runs=ScriptedRuns(diverge_at=7))
    assert looks_as_before(snap_compare, bench, story)
