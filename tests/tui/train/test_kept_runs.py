"""The train screen and kept runs: opened, resumed, forked, deleted, drawn beside others."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest
from textual.widgets import Input

from helpers.app_harness import AppHarness, opened
from helpers.scripted import digits
from helpers.scripted_events import run_started
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.store import RunState
from mnist_tui.charts.chart import Chart
from mnist_tui.lab.state import State
from mnist_tui.train.hyperparameter_form import HyperparameterForm
from mnist_tui.train.train_screen import TrainScreen
from mnist_tui.ui.dialogs import CommandScreen

OpenBench = Callable[..., AbstractAsyncContextManager[AppHarness]]


@pytest.fixture
def bench(tmp_path: Path) -> OpenBench:
    return partial(opened, tmp_path)


async def test_the_command_that_repeats_a_run_is_shown_and_copied(bench: OpenBench) -> None:
    async with bench() as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("Y")
        await lab.until(lambda: isinstance(lab.app.screen, CommandScreen))
        await lab.pilot.pause()
        assert "mnist-tui train --preset mlx-docs" in lab.text()
        assert lab.app.clipboard.startswith("mnist-tui train --preset mlx-docs")
        await lab.pilot.press("escape")
        assert lab.app.screen is lab.app.get_default_screen()


async def test_a_stopped_run_is_resumed_with_its_key(bench: OpenBench) -> None:
    async with bench() as lab:
        assert "Resume" not in lab.commands()
        lab.runs.gate.clear()
        await lab.pilot.press("r")
        await lab.until(lambda: len(lab.store.runs()) == 1)
        await lab.pilot.press("s")
        lab.runs.gate.set()
        await lab.until_state(State.STOPPED)
        assert "Resume" in lab.commands()
        await lab.pilot.press("R")
        await lab.until_state(State.COMPLETED)
        (run,) = lab.store.runs()
        assert run.state is RunState.COMPLETED


async def test_an_interrupted_run_is_told_at_the_start(bench: OpenBench) -> None:
    async with bench() as lab:
        recorder = lab.store.record(digits(), "synthetic")
        recorder.start()
        recorder.record(run_started(epochs=7))
        recorder.finish()
        lab.session.look_for_interrupted()
        screen = lab.app.screen
        assert isinstance(screen, TrainScreen)
        screen.redraw()
        await lab.until(lambda: "run 1 was interrupted in epoch 1/7. Press R" in lab.text())


async def run_with(lab: AppHarness, **values: object) -> str:
    """Train to the end with these hyperparameters; the id of the run."""
    lab.session.train(make_hyperparameters({"epochs": 2, **values}))
    await lab.until_state(State.COMPLETED)
    return lab.store.runs()[0].id


async def test_marked_runs_are_drawn_beside_the_run_at_hand(bench: OpenBench) -> None:
    async with bench() as lab:
        for seed in range(3):
            await run_with(lab, seed=seed)
        first = lab.store.runs()[-1]
        chart = lab.app.screen.query_one("#loss", Chart)

        def labels() -> list[str]:
            return [curve.label for curve in chart.plot.curves if "run 1" in curve.label]

        assert labels() == []
        await lab.pilot.press("3", "end", "space", "1")
        await lab.until(lambda: labels() == ["seed 0 · run 1 test"])
        await lab.pilot.press("3", "space", "1")
        await lab.until(lambda: labels() == [])
        assert lab.store.run(first.id) == first


async def test_opening_a_stored_run_keeps_what_is_being_edited_and_says_so(
    bench: OpenBench,
) -> None:
    async with bench() as lab:
        await run_with(lab, seed=5, learning_rate=0.3)
        form = lab.app.screen.query_one(HyperparameterForm)
        await lab.pilot.press("e", "home", "7")
        edited = form.edited
        assert edited == ["learning_rate"]
        await lab.pilot.press("escape", "3", "enter")
        await lab.until(lambda: isinstance(lab.app.screen, TrainScreen))
        assert (form.recipes[0].seed, form.recipes[0].learning_rate) == (5, 70.1)
        assert form.edited == edited
        assert lab.said() == (
            "The form has the values of run 1, but for what was edited: learning rate."
        )


async def test_opening_a_stored_run_keeps_a_preset_that_was_chosen(bench: OpenBench) -> None:
    async with bench() as lab:
        await run_with(lab, seed=5)
        form = lab.app.screen.query_one(HyperparameterForm)
        form.focus_field("preset")
        await lab.pilot.press("right", "escape")
        assert form.recipes[0].hidden_sizes == (256, 256)
        assert "hidden_sizes" in form.edited
        await lab.pilot.press("3", "enter")
        await lab.until(lambda: isinstance(lab.app.screen, TrainScreen))
        assert (form.recipes[0].seed, form.recipes[0].hidden_sizes) == (5, (256, 256))
        assert "but for what was edited: hidden layers" in lab.said()


async def test_a_stored_run_is_opened_from_the_table(bench: OpenBench) -> None:
    async with bench() as lab:
        stored = await run_with(lab, seed=5)
        await run_with(lab, seed=6)
        await lab.pilot.press("3", "end", "enter")
        await lab.until(lambda: isinstance(lab.app.screen, TrainScreen))
        assert lab.session.progress is not None
        assert lab.session.progress.run_id == stored
        shown = lab.app.screen.query_one(HyperparameterForm).recipes[0]
        assert shown is not None
        assert shown.seed == 5, "not the values of the run before"
        assert lab.state() is State.COMPLETED, "as the store has it"
        assert "Resume" in lab.footer()
        assert "epoch 2/2" in lab.text()
        reached = lab.session.progress.test_accuracy.y[-1]
        assert f"test {100 * reached:.2f} %" in lab.text().splitlines()[1]
        assert lab.session.progress.train_loss.x("step").tolist() == list(range(1, 9))
        # One sample in three is wrong, as the scripted model said when it was trained.
        assert "run 1 · epoch 2 · " in lab.text()
        await lab.pilot.press("R", "a", "2", "enter")
        await lab.until(lambda: lab.store.run(stored).epoch == 4)
        await lab.until_state(State.COMPLETED)


async def test_a_complete_run_goes_on_as_a_new_one_that_names_it(bench: OpenBench) -> None:
    async with bench() as lab:
        await run_with(lab, seed=5)
        (parent,) = lab.store.runs()
        await lab.pilot.press("R", "escape")
        assert lab.app.screen is lab.app.get_default_screen()
        await lab.pilot.press("R", "n", "0", "enter")
        assert "Takes a whole number from 1" in lab.text()
        lab.app.screen.query_one(Input).value = "9" * 5000
        await lab.pilot.press("enter")
        assert "Takes a whole number from 1" in lab.text(), "more than Python converts"
        lab.app.screen.query_one(Input).value = "0"
        await lab.pilot.press("backspace", "1", "enter")
        await lab.until(lambda: [run.epoch for run in lab.store.runs()] == [3, 2])
        await lab.until_state(State.COMPLETED)
        child = lab.store.runs()[0]
        assert lab.store.run(parent.id) == parent, "it is left as it was"
        assert child.note == f"Goes on from {parent.name} ({parent.id}), from epoch 2."
        assert child.name == "run 2"
        assert lab.session.progress is not None
        assert lab.session.progress.run_id == child.id
        theirs, ours = (lab.store.batches(run.id) for run in (parent, child))
        assert ours[: len(theirs)].tobytes() == theirs.tobytes()
        assert len(lab.store.all_answers(child.id)) == 4


async def test_a_fork_takes_the_values_into_the_form(bench: OpenBench) -> None:
    async with bench() as lab:
        await run_with(lab, learning_rate=0.37)
        await lab.pilot.press("3", "f")
        await lab.until(lambda: isinstance(lab.app.screen, TrainScreen))
        form = lab.app.screen.query_one(HyperparameterForm)
        assert form.recipes[0].learning_rate == 0.37


async def test_deleted_runs_are_gone_after_the_app(bench: OpenBench) -> None:
    async with bench() as lab:
        kept = await run_with(lab)
        deleted = await run_with(lab, seed=1)
        await lab.pilot.press("3", "D")
        assert [run.id for run in lab.store.runs()] == [kept]
        lab.app.screens.purge_deleted()
        lab.store.deleter.restore([deleted])
        assert [run.id for run in lab.store.runs()] == [kept]


async def test_a_run_that_goes_on_from_before_its_end_is_not_asked_about(
    bench: OpenBench,
) -> None:
    async with bench() as lab:
        run_id = await run_with(lab, seed=5)
        for path in (lab.store.home / "checkpoints").rglob("*.safetensors"):
            path.unlink()
        await lab.pilot.press("R")
        await lab.until(lambda: lab.session.run is None and "starts again" in lab.text())
        assert lab.store.run(run_id).epochs == 2
        assert len(lab.store.runs()) == 1
