"""Changing a run from the form, running some batches, and what is offered when a run diverges."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from textual.widgets import Button, Input

from helpers.app_harness import AppHarness, opened
from helpers.lab import RACE, SIZES
from mnist_core.recipe.changes import Change, Value
from mnist_core.store import RunState
from mnist_tui.charts.chart import Chart
from mnist_tui.lab.state import State
from mnist_tui.settings.keys import KEYS
from mnist_tui.train.divergence_dialog import DivergenceDialog
from mnist_tui.train.hyperparameter_form import HyperparameterForm
from mnist_tui.ui.dialogs import LineInput, Question
from mnist_tui.ui.form_fields import FieldRow
from mnist_tui.ui.sizes import TooSmall


@asynccontextmanager
async def paused_after(
    batches: int, folder: Path, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[AppHarness]:
    """The app with a run that `n` has paused after so many batches."""
    async with opened(folder, size) as lab:
        lab.runs.weights = lambda _epoch: (np.zeros((1, 1), np.float32),)
        await lab.pilot.press("n")
        assert isinstance(lab.app.screen, LineInput)
        lab.app.screen.query_one(Input).value = str(batches)
        await lab.pilot.press("enter")
        await lab.until_state(State.PAUSED)
        yield lab


@asynccontextmanager
async def diverged(folder: Path, size: tuple[int, int] = (120, 40)) -> AsyncIterator[AppHarness]:
    """The app with a run that has diverged at its third batch."""
    async with opened(folder, size) as lab:
        lab.runs.diverge_at = 3
        await lab.pilot.press("r")
        await lab.until(lambda: isinstance(lab.app.screen, DivergenceDialog))
        await lab.pilot.pause()
        yield lab


def row(lab: AppHarness, name: str) -> str:
    """A row of the form in words, but for its value."""
    rows = lab.app.get_default_screen().query(FieldRow)
    return " ".join(next(row for row in rows if row.key == name).render().plain.split())


def told(lab: AppHarness) -> str:
    """The notifications."""
    return "\n".join(notification.message for notification in lab.app._notifications)


async def type_into(lab: AppHarness, name: str, text: str) -> None:
    form = lab.app.screen.query_one(HyperparameterForm)
    form.focus_field(name)
    await lab.pilot.pause()
    await lab.pilot.press("ctrl+u", *text)


def asked(lab: AppHarness) -> Mapping[str, Value]:
    """What the run under way was asked to change."""
    assert lab.session.run is not None
    return lab.session.run.asked


def step(lab: AppHarness) -> int:
    return lab.session.progress.step if lab.session.progress is not None else 0


# -- the form ------------------------------------------------------------------------------------


async def test_a_list_changes_no_run_under_way_and_waits_for_the_next_start(
    tmp_path: Path,
) -> None:
    async with paused_after(2, tmp_path) as lab:
        await type_into(lab, "learning_rate", "0.5, 0.6")
        assert row(lab, "learning_rate") == "Learning rate ● at the next run; now 0.1"
        await lab.pilot.press("enter")
        assert asked(lab) == {}
        assert "r trains the 2 runs of the form" in told(lab)
        await lab.pilot.press("r", "enter")
        await lab.until(lambda: len(lab.runs.made) == 3)
        assert [recipe.learning_rate for recipe in lab.runs.made] == [0.1, 0.5, 0.6]


async def test_a_queue_is_shown_and_stopped_as_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.until_state(State.IDLE)
        lab.runs.gate.clear()
        await type_into(lab, "learning_rate", "0.3, 0.2, 0.4")
        await lab.pilot.press("enter")
        await lab.until(lambda: "run 1 1 of 3" in lab.text())
        assert "Next: lr 0.2; lr 0.4. s ends them all." in lab.text()
        await lab.pilot.press("s")
        lab.runs.gate.set()
        await lab.until_state(State.STOPPED)
        assert "2 runs of the queue will not be trained." in told(lab)
        assert len(lab.runs.made) == 1


async def test_enter_changes_the_run_under_way_and_starts_none(tmp_path: Path) -> None:
    async with paused_after(2, tmp_path) as lab:
        assert row(lab, "learning_rate") == "Learning rate ●"
        await type_into(lab, "learning_rate", "0.5")
        assert row(lab, "learning_rate") == "Learning rate ● enter applies; now 0.1"
        assert asked(lab) == {}
        await lab.pilot.press("enter")
        assert asked(lab) == {"learning_rate": 0.5}
        assert row(lab, "learning_rate") == "Learning rate ● from next batch; now 0.1"
        await lab.pilot.press("escape", "p")
        await lab.until_state(State.COMPLETED)
        assert lab.session.progress is not None
        assert lab.session.progress.changes == [Change(2, "learning_rate", 0.5)]
        assert len(lab.runs.made) == 1
        form = lab.app.screen.query_one(HyperparameterForm)
        assert form.recipes[0].learning_rate == 0.5, "the form keeps it"
        assert row(lab, "learning_rate") == "Learning rate ●", "a run was trained with it"
        marks = lab.app.screen.query_one("#loss", Chart).plot.annotations
        assert [(mark.place, mark.label) for mark in marks] == [(2.0, "lr 0.5")]


async def test_a_change_in_force_says_since_when(tmp_path: Path) -> None:
    async with paused_after(2, tmp_path) as lab:
        await type_into(lab, "momentum", "0.5")
        await lab.pilot.press("enter", "escape")
        lab.session.train_batches(1)
        await lab.until(lambda: step(lab) == 3)
        await lab.until(lambda: row(lab, "momentum") == "Momentum ● since step 2")


async def test_next_epoch_and_next_run_are_told_apart(tmp_path: Path) -> None:
    async with paused_after(2, tmp_path) as lab:
        await type_into(lab, "seed", "7")
        await type_into(lab, "epochs", "3")
        assert row(lab, "seed") == "Seed ◌ at the next run; now 0"
        assert row(lab, "epochs") == "Epochs ○ enter applies; now 2"
        await lab.pilot.press("enter")
        assert asked(lab) == {"epochs": 3}
        assert row(lab, "epochs") == "Epochs ○ from epoch 2; now 2"
        assert row(lab, "seed") == "Seed ◌ at the next run; now 0"
        await lab.pilot.press("escape", "p")
        await lab.until_state(State.COMPLETED)
        assert "epoch 3/3" in lab.text()


async def test_leaving_a_field_leaves_a_draft(tmp_path: Path) -> None:
    async with paused_after(2, tmp_path) as lab:
        await type_into(lab, "dropout", "0.5")
        await lab.pilot.press("escape")
        assert asked(lab) == {}
        assert row(lab, "dropout") == "Dropout ● enter applies; now 0"


async def test_a_bad_value_changes_nothing(tmp_path: Path) -> None:
    async with paused_after(2, tmp_path) as lab:
        await type_into(lab, "learning_rate", "-1")
        await type_into(lab, "momentum", "0.5")
        await lab.pilot.press("enter")
        assert asked(lab) == {}
        assert "Takes a number above 0" in row(lab, "learning_rate")


async def test_a_resumed_run_brings_its_values_into_the_form(tmp_path: Path) -> None:
    async with paused_after(2, tmp_path) as lab:
        await type_into(lab, "dropout", "0.5")
        await lab.pilot.press("enter", "escape")
        lab.session.train_batches(1)
        await lab.until(lambda: step(lab) == 3 and lab.session.state is State.PAUSED)
        await lab.pilot.press("s")
        await lab.until_state(State.STOPPED)
        await type_into(lab, "dropout", "0.1")
        await lab.pilot.press("escape")
        lab.runs.gate.clear()
        await lab.pilot.press("R")
        await lab.until(lambda: row(lab, "dropout").endswith("enter applies; now 0.5"))
        form = lab.app.screen.query_one(HyperparameterForm)
        assert form.recipes[0].dropout == 0.1, "what was edited is not lost"


async def test_an_edit_is_not_lost_when_a_stored_run_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await type_into(lab, "learning_rate", "0.05")
        lab.runs.gate.clear()
        await lab.pilot.press("escape", "R", "a", "1", "enter")
        await lab.until_state(State.RUNNING)
        await lab.until(lambda: row(lab, "learning_rate").endswith("enter applies; now 0.1"))
        form = lab.app.screen.query_one(HyperparameterForm)
        assert form.recipes[0].learning_rate == 0.05


async def test_a_fork_takes_the_values_of_the_end(tmp_path: Path) -> None:
    async with paused_after(2, tmp_path) as lab:
        await type_into(lab, "learning_rate", "0.5")
        await lab.pilot.press("enter", "escape", "p")
        await lab.until_state(State.COMPLETED)
        form = lab.app.screen.query_one(HyperparameterForm)
        await type_into(lab, "learning_rate", "0.7")
        await lab.pilot.press("escape", "3", "f")
        await lab.until(lambda: lab.app.screen is lab.app.get_default_screen())
        assert form.recipes[0].learning_rate == 0.5


async def test_the_ghost_says_what_was_changed_in_it(tmp_path: Path) -> None:
    async with paused_after(2, tmp_path) as lab:
        await type_into(lab, "learning_rate", "0.5")
        await lab.pilot.press("enter", "escape", "p")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("r")
        await lab.until(lambda: len(lab.runs.made) == 2 and lab.session.state is State.COMPLETED)
        await lab.pilot.pause()
        curves = lab.app.screen.query_one("#loss", Chart).plot.curves
        labels = [curve.label for curve in curves]
        assert "before: lr 0.1, lr 0.5 from step 2 · test" in labels


# -- some batches --------------------------------------------------------------------------------


async def test_batches_are_asked_for_with_the_last_number(tmp_path: Path) -> None:
    async with paused_after(3, tmp_path) as lab:
        assert step(lab) == 3
        await lab.pilot.press("n")
        assert lab.app.screen.query_one(Input).value == "3"
        await lab.pilot.press("enter")
        await lab.until(lambda: step(lab) == 6 and lab.session.state is State.PAUSED)
        await lab.pilot.press("n", "escape")
        assert step(lab) == 6


async def test_a_number_of_batches_that_cannot_be_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        for text in ("", "0", "-1", "ten", "99999999999"):
            await lab.pilot.press("n")
            assert lab.app.screen.query_one(Input).value == "100"
            assert "Takes a whole number from 1" not in lab.text()
            lab.app.screen.query_one(Input).value = text
            await lab.pilot.press("enter")
            assert "Takes a whole number from 1" in lab.text()
            assert lab.runs.made == []
            await lab.pilot.press("escape")


async def test_batches_can_be_asked_for_but_while_a_run_stops(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        word = next(key.label for key in KEYS if key.action == "train_batches")
        assert word in lab.commands()
        lab.runs.gate.clear()
        await lab.pilot.press("r")
        await lab.until(lambda: step(lab) == 4)
        assert word in lab.commands()
        await lab.pilot.press("s")
        assert word not in lab.commands()


# -- divergence ----------------------------------------------------------------------------------


async def test_the_dialog_says_what_happened_and_halving_is_one_key_away(tmp_path: Path) -> None:
    async with diverged(tmp_path) as lab:
        text = lab.text()
        for words in (
            "the loss of batch 3 (epoch 1) is nan",
            "It overshoots.",
            "after batch 1",
            "0.05 instead of 0.1",
            "Halve the learning rate and go on from batch 1",
        ):
            assert words in text
        assert "paused" in text
        await lab.pilot.press("enter")
        await lab.until_state(State.COMPLETED)
        assert not isinstance(lab.app.screen, DivergenceDialog)
        assert row(lab, "learning_rate") == "Learning rate ●"
        form = lab.app.screen.query_one(HyperparameterForm)
        assert form.recipes[0].learning_rate == 0.05, "the form follows"
        (run,) = lab.store.runs()
        assert run.changes == (Change(1, "learning_rate", 0.05),)


@pytest.mark.parametrize("size", SIZES)
async def test_all_of_the_dialog_is_seen_at_any_size(size: tuple[int, int], tmp_path: Path) -> None:
    async with diverged(tmp_path, size) as lab:
        for button in lab.app.screen.query(Button):
            assert lab.app.screen.region.contains_region(button.region)
            assert str(button.label) in lab.text()
        assert lab.app.screen.query_one("#divergence-words").max_scroll_y == 0
        await lab.pilot.click("#give-up")
        await lab.until_state(State.DIVERGED)


async def test_a_run_is_given_up(tmp_path: Path) -> None:
    async with diverged(tmp_path) as lab:
        await lab.pilot.press("up", "enter")
        await lab.until_state(State.DIVERGED)
        assert "It overshoots." in lab.text()
        assert lab.store.runs()[0].state is RunState.DIVERGED
        assert "Resume" in lab.commands()
        assert "Epoch" not in lab.commands()


async def test_a_run_is_restarted_with_the_values_of_the_form(tmp_path: Path) -> None:
    async with diverged(tmp_path) as lab:
        await lab.pilot.press("escape")
        await type_into(lab, "learning_rate", "0.01")
        lab.runs.diverge_at = None
        await lab.pilot.press("escape", "p", "down", "enter")
        await lab.until_state(State.COMPLETED)
        assert [made.learning_rate for made in lab.runs.made] == [0.1, 0.01]


async def test_escape_leaves_a_way_back_to_the_choice(tmp_path: Path) -> None:
    async with diverged(tmp_path) as lab:
        await lab.pilot.press("escape")
        assert not isinstance(lab.app.screen, DivergenceDialog)
        assert "It waits: press p to choose how to go on" in lab.text()
        assert "Resume" in lab.footer()
        assert "Epoch" not in lab.footer()
        await lab.pilot.pause(0.3)
        assert not isinstance(lab.app.screen, DivergenceDialog), "it does not come by itself"
        await lab.pilot.press("p")
        assert isinstance(lab.app.screen, DivergenceDialog)
        await lab.pilot.press("escape", "s")
        await lab.until_state(State.DIVERGED)
        assert "It waits" not in lab.text()


async def test_each_divergence_is_told(tmp_path: Path) -> None:
    async with diverged(tmp_path) as lab:
        await lab.pilot.press("escape")
        first = lab.session.divergence
        assert lab.session.run is not None
        lab.session.run.change("learning_rate", 0.1)
        await lab.pilot.press("p", "enter")
        await lab.until(
            lambda: (
                isinstance(lab.app.screen, DivergenceDialog) and lab.session.divergence is not first
            )
        )


async def test_behind_another_screen_it_is_told_and_waits_for_this_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        lab.runs.diverge_at = 7
        lab.runs.gate.clear()
        await lab.pilot.press("r")
        await lab.until(lambda: step(lab) == 4)
        await lab.pilot.press("3")
        lab.runs.gate.set()
        await lab.until(lambda: "Press 1 to choose how to go on" in told(lab))
        await lab.pilot.press("1")
        await lab.until(lambda: isinstance(lab.app.screen, DivergenceDialog))


async def test_behind_a_dialog_it_waits_until_that_is_closed(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        lab.runs.diverge_at = 7
        lab.runs.gate.clear()
        await lab.pilot.press("r")
        await lab.until(lambda: step(lab) == 4)
        await lab.pilot.press("r")
        lab.runs.gate.set()
        await lab.until(lambda: lab.session.divergence is not None)
        await lab.pilot.pause(0.3)
        assert isinstance(lab.app.screen, Question)
        await lab.pilot.press("escape")
        await lab.until(lambda: isinstance(lab.app.screen, DivergenceDialog))
        await lab.pilot.resize_terminal(40, 10)
        await lab.until(lambda: isinstance(lab.app.screen, TooSmall))
        await lab.pilot.resize_terminal(80, 24)
        await lab.until(lambda: isinstance(lab.app.screen, DivergenceDialog))
        await lab.pilot.press("enter")
        await lab.until_state(State.COMPLETED)


async def test_quitting_while_it_waits_keeps_it_as_diverged(tmp_path: Path) -> None:
    async with diverged(tmp_path) as lab:
        await lab.pilot.press("ctrl+q")
        assert isinstance(lab.app.screen, Question)
        await lab.pilot.press("enter")
        await lab.until(lambda: not lab.app.is_running)
        assert lab.app.return_code == 0
        assert lab.store.runs()[0].state is RunState.DIVERGED


async def test_nothing_trains_while_a_race_goes_on(tmp_path: Path) -> None:
    async with diverged(tmp_path) as lab:
        lab.session.hold = RACE
        await lab.pilot.press("enter")
        assert lab.session.divergence is not None
        assert "A race is under way." in told(lab)
        lab.session.hold = None
        await lab.pilot.press("p", "enter")
        await lab.until_state(State.COMPLETED)
