"""Keys and clicks that come while what they are meant for opens, closes or moves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.screen import Screen
from textual.widgets import Input, Static

from helpers.app_harness import AppHarness, opened
from helpers.hasty_keyboard import Keyboard
from helpers.random_input import Typed
from mnist_tui.lab.state import State
from mnist_tui.mistakes.gallery import Gallery
from mnist_tui.mistakes.mistakes_screen import MistakesScreen
from mnist_tui.runs.runs_screen import RunsScreen
from mnist_tui.train.hyperparameter_form import HyperparameterForm
from mnist_tui.ui.dialogs import CommandScreen, LineInput, Palette, Question
from mnist_tui.ui.form_fields import FieldRow
from mnist_tui.ui.help_screen import HelpScreen
from mnist_tui.ui.sizes import TooSmall


async def test_an_escape_behind_the_one_that_closes_the_palette_takes_no_screen_away(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("3", "ctrl+p")
        await lab.until(lambda: isinstance(lab.app.screen, Palette))
        palette = lab.app.screen
        # Both were in its queue when it closed; a click beside it does the same.
        await palette.run_action("escape")
        await palette.run_action("escape")
        assert isinstance(lab.app.screen, RunsScreen)


async def test_a_search_that_begins_once_the_palette_is_closed_finds_nothing(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("ctrl+p")
        await lab.until(lambda: isinstance(lab.app.screen, Palette))
        palette = lab.app.screen
        assert isinstance(palette, Palette)
        await lab.pilot.press("escape")
        await lab.until(lambda: not palette.query("*"))
        search = palette._gather_commands("run")
        await lab.until(lambda: search.is_finished)
        assert search.error is None
        assert lab.app.is_running


async def test_the_palette_may_be_closed_as_it_opens(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        keyboard = Keyboard(lab.app)
        for _ in range(3):
            await keyboard.press("ctrl+p", "x", "escape", "ctrl+p", "escape", "escape")
            await lab.pilot.pause()
        await lab.until(lambda: len(lab.app.screen_stack) == 1)


async def test_a_dialog_under_another_screen_does_not_close_that(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("question_mark")
        help_screen = lab.app.screen
        await lab.pilot.resize_terminal(40, 10)
        await lab.until(lambda: isinstance(lab.app.screen, TooSmall))
        await help_screen.run_action("dismiss(None)")
        assert isinstance(lab.app.screen, TooSmall)
        assert help_screen in lab.app.screen_stack


async def test_arrows_in_the_form_all_count_however_fast(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        lab.app.screen.query_one(HyperparameterForm).focus_field("preset")
        await lab.until(lambda: "Preset" in focused_row(lab))
        await Keyboard(lab.app).press(*["down"] * 6)
        await lab.until(lambda: "Learning rate" in focused_row(lab))
        await Keyboard(lab.app).press(*["up"] * 4)
        await lab.until(lambda: "Hidden layers" in focused_row(lab))


async def test_what_is_typed_at_once_in_a_field_is_taken_in_its_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("e")
        row = next(row for row in lab.app.query(FieldRow) if row.key == "epochs")
        row.editor.focus()
        await lab.pilot.pause()
        await Keyboard(lab.app).press("ctrl+u", "7", "1", "0", "left", "backspace", "4", "enter")
        await lab.until(lambda: lab.session.progress is not None)
        assert row.text == "740"
        assert lab.session.progress is not None
        assert lab.session.progress.hyperparameters.epochs == 740


def focused_row(lab: AppHarness) -> str:
    """The line of the screen that has the focus."""
    focused = lab.app.focused
    return lab.text().splitlines()[focused.region.y] if focused is not None else ""


async def test_the_form_says_which_keys_work_in_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        assert "↑↓ moves" not in lab.text()
        await lab.pilot.press("e")
        await lab.until(lambda: "↑↓ moves, enter runs" in lab.text())
        await lab.pilot.press("escape")
        await lab.until(lambda: "↑↓ moves" not in lab.text())


@pytest.mark.parametrize("typed", ["", "?"])
async def test_escape_leaves_a_filter_that_shows_nothing_else(tmp_path: Path, typed: str) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        await lab.pilot.press("slash", *typed)
        assert isinstance(lab.app.focused, Input)
        await lab.until(lambda: "Clear" in lab.footer())
        await lab.pilot.press("escape")
        assert isinstance(lab.app.focused, Gallery)
        assert not lab.app.screen.query_one("#filter-line").display


async def test_a_click_on_what_was_just_removed_does_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        words = Static("words to select")
        await lab.app.screen.mount(words, before=0)
        await lab.pilot.pause()
        x, y = words.region.offset
        assert lab.app.get_widget_at(x, y)[0] is words
        with lab.app.batch_update():  # nothing is laid out meanwhile
            await words.remove()
            assert lab.app.get_widget_at(x, y)[0] is words
            for kind in (events.MouseDown, events.MouseMove, events.MouseUp):
                await lab.app.on_event(kind(None, x, y, 0, 0, 1, False, False, False))
        await lab.pilot.pause()
        assert lab.app.is_running


def line_input() -> LineInput:
    return LineInput("What?")


def question() -> Question:
    return Question("Really?", "Yes", "No")


@pytest.mark.parametrize("dialog", [line_input, question])
async def test_leaving_while_a_dialog_opens_is_no_defect(
    tmp_path: Path, dialog: Callable[[], Screen[Any]]
) -> None:
    async with opened(tmp_path) as lab:
        lab.app.push_screen(dialog())
        lab.app.exit()
        await lab.until(lambda: not lab.app.is_running)
        assert lab.app.return_code == 0


@pytest.mark.parametrize("name", ["mistakes", "runs", "race", "sweeps", "network", "draw"])
async def test_leaving_while_a_screen_opens_is_no_defect(tmp_path: Path, name: str) -> None:
    async with opened(tmp_path) as lab:
        lab.app.action_show_screen(name)
        lab.app.exit()
        await lab.until(lambda: not lab.app.is_running)
        assert lab.app.return_code == 0
    assert not (tmp_path / "log").exists()


async def test_keys_while_the_app_is_left_do_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        lab.app.exit()
        await lab.app.on_event(events.Key("ctrl+r", None))
        assert lab.session.state is State.IDLE
        await lab.until(lambda: not lab.app.is_running)
        assert lab.app.return_code == 0


async def test_the_command_of_a_run_with_any_name_is_shown(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        lab.app.push_screen(CommandScreen("[/]", "mnist-tui train --name '[/]'"))
        await lab.pilot.pause()
        assert "The command that repeats [/]" in lab.text()
        assert "train --name '[/]'" in lab.text()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_what_is_typed_behind_the_key_that_opens_the_form_goes_into_its_field(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with opened(tmp_path, size) as lab:
        # In one piece, as over a slow connection.
        await Keyboard(lab.app).give(Typed("e0.5\r2"))
        await lab.until_state(State.COMPLETED)
        assert lab.session.progress is not None
        assert lab.session.progress.hyperparameters.learning_rate == 0.5
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))


async def test_what_is_typed_behind_the_key_that_searches_is_searched_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("question_mark")
        await lab.until(lambda: isinstance(lab.app.screen, HelpScreen))
        await Keyboard(lab.app).give(Typed("/mom"))
        await lab.until(lambda: lab.app.screen.query_one(Input).value == "mom")
