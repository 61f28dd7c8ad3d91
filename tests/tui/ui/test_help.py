"""Help and the palette: everything is in them, what belongs to the screen first."""

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from textual.widgets import Input, OptionList

from helpers.app_harness import AppHarness, opened
from mnist_core.recipe.hyperparameters import hyperparameter_fields
from mnist_core.recipe.presets import presets
from mnist_tui.lab.state import State
from mnist_tui.settings.keys import KEYS, Scope
from mnist_tui.settings.rebinding import scopes_of
from mnist_tui.ui.dialogs import Palette
from mnist_tui.ui.help_screen import HelpScreen, Section, found, sections, sections_text

SCREENS = {
    "1": {Scope.TRAIN, Scope.CHARTS, Scope.ZOOM},
    "2": {Scope.MISTAKES},
    "3": {Scope.RUNS, Scope.CHARTS, Scope.ZOOM},
    "4": {Scope.RACE, Scope.ZOOM},
    "5": {Scope.SWEEPS, Scope.ZOOM},
    "6": {Scope.NETWORK},
}


def text(shown: list[Section], width: int = 100) -> str:
    output = StringIO()
    Console(file=output, width=width).print(sections_text(shown))
    return output.getvalue()


def test_every_key_hyperparameter_and_preset_is_in_it() -> None:
    every = list(sections(KEYS, {Scope.TRAIN}))
    rows = [row for section in every for row in section.rows]
    for key in KEYS:
        assert (key.shown_keys, key.label, key.help) in rows
    words = text(every)
    for word in (*(field.label for field in hyperparameter_fields().values()), *presets()):
        assert word in words


@pytest.mark.parametrize("scope", [Scope.TRAIN, Scope.RUNS, Scope.MISTAKES])
def test_the_present_screen_comes_first_and_all_are_there_once(scope: Scope) -> None:
    titles = [section.title for section in sections(KEYS, {scope, Scope.EVERYWHERE})]
    assert titles[0].lower() == scope.name.lower()
    assert titles[1:3] == ["Everywhere", "Moving about"]
    assert len(titles) == len(set(titles))


def test_a_hyperparameter_says_when_an_edit_takes_effect() -> None:
    rows = {row[0]: row[-1] for section in sections(KEYS, set()) for row in section.rows}
    assert rows["Learning rate"].endswith("An edit takes effect at once.")
    assert rows["Batch size"].endswith("An edit takes effect with the next epoch.")
    assert rows["Seed"].endswith("An edit takes effect with the next run.")


def test_a_search_keeps_the_rows_that_have_all_words() -> None:
    every = list(sections(KEYS, {Scope.TRAIN}))
    rows = [row for section in found(every, "LEARNING rate") for row in section.rows]
    assert 0 < len(rows) < 20
    assert all("learning" in " ".join(row).lower() for row in rows)
    (presets_section,) = found(every, "presets")[-1:]
    assert len(presets_section.rows) == len(presets()), "a title keeps its rows"
    assert found(every, "no such word here") == []
    assert found(every, "") == every


def test_it_can_be_read_at_sixty_columns() -> None:
    lines = text(list(sections(KEYS, {Scope.TRAIN})), 50).splitlines()
    assert max(map(len, lines)) <= 50
    longest = max(KEYS, key=lambda key: len(key.help))
    assert longest.help.split()[-1] in " ".join(lines)


async def test_screens_know_their_scopes(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        for key, scopes in SCREENS.items():
            await lab.press(key)
            assert scopes_of(lab.app.screen, KEYS) - {Scope.EVERYWHERE} == scopes


async def test_help_opens_on_the_screens_own_keys_and_searches(tmp_path: Path) -> None:
    async with opened(tmp_path, (60, 20)) as lab:
        await lab.pilot.press("3", "question_mark")
        await lab.until(lambda: isinstance(lab.app.screen, HelpScreen))
        assert "Show the run under the cursor." in lab.text()
        await lab.pilot.press("slash", *"momentum")
        await lab.until(lambda: "Momentum" in lab.text() and "under the cursor" not in lab.text())
        await lab.pilot.press(*"[red]")
        await lab.until(lambda: "Nothing here says momentum[red]." in lab.text())
        await lab.pilot.press("escape")
        await lab.until(lambda: "Show the run under the cursor." in lab.text())
        assert not lab.app.screen.query_one(Input).display
        await lab.pilot.press("escape")
        assert not isinstance(lab.app.screen, HelpScreen)


def working(lab: AppHarness) -> set[str]:
    """What is said of the commands whose keys work now."""
    return {active.binding.tooltip for active in lab.app.screen.active_bindings.values()}


@pytest.mark.parametrize("key", ["1", "2", "3", "4", "5", "6"])
async def test_the_palette_has_every_command_whose_key_works(tmp_path: Path, key: str) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press(key)
        await lab.pilot.pause()
        offered = [command.help for command in lab.app.get_system_commands(lab.app.screen)]
        palette = next(entry.help for entry in KEYS if entry.action == "command_palette")
        assert {entry.help for entry in KEYS} & working(lab) - {palette} <= set(offered)
        assert set(offered) - {"Choose the colours."} <= working(lab)
        assert len(offered) == len(set(offered))


async def test_the_palette_lists_the_screens_and_goes_there(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("ctrl+p")
        await lab.until(lambda: isinstance(lab.app.screen, Palette))
        await lab.pilot.press(*"runs")
        await lab.until(lambda: "Compare all runs" in lab.text())
        await lab.until(lambda: lab.app.screen.query_one(OptionList).highlighted is not None)
        await lab.pilot.press("enter")
        await lab.until(lambda: "No runs yet" in lab.text())
