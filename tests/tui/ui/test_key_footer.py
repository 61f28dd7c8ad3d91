"""The footer: the most useful keys where there is little room, help and quit always."""

from pathlib import Path

import pytest
from textual.content import Content

from helpers.app_harness import AppHarness, opened
from mnist_tui.lab.state import State
from mnist_tui.settings.keys import KEYS, shown_key
from mnist_tui.train.hyperparameter_form import HyperparameterForm
from mnist_tui.ui.footer import Entry, KeyFooter, that_fit
from mnist_tui.ui.status_line import StatusLine


def entry(action: str, key: str, word: str) -> Entry:
    return Entry(key, key, action, word, "")


ENTRIES = [
    entry("open_run", "⏎", "Open"),
    entry("mark_run", "space", "Mark"),
    entry("pin_run", "P", "Pin"),
    entry("sort_runs", "o", "Sort"),
    entry("undo_delete", "u", "Undo"),
    entry("show_screen('train')", "1", "Train"),
    entry("command_palette", "^p", "Palette"),
    entry("help", "?", "Help"),
    entry("quit", "q", "Quit"),
]


def words(width: int) -> list[str]:
    return [shown.word for shown in that_fit(ENTRIES, width)[0]]


def test_everything_is_shown_with_room_around_it_where_there_is_room() -> None:
    assert that_fit(ENTRIES, 100) == (ENTRIES, False)


def test_the_least_important_give_way_first() -> None:
    assert words(14) == ["Help", "Quit"]
    assert words(21) == ["Undo", "Help", "Quit"]
    assert words(45) == ["Open", "Mark", "Pin", "Undo", "Help", "Quit"]
    assert words(53) == ["Open", "Mark", "Pin", "Undo", "Train", "Help", "Quit"]


@pytest.mark.parametrize("width", range(1, 90))
def test_what_is_shown_never_needs_more_than_there_is(width: int) -> None:
    shown, compact = that_fit(ENTRIES, width)
    assert sum(each.width + (2 if compact else 3) for each in shown) <= width
    assert [each for each in ENTRIES if each in shown] == shown


def footer(lab: AppHarness) -> str:
    return lab.text().splitlines()[-1]


@pytest.mark.parametrize(
    "size", [(60, 20), pytest.param((80, 24), marks=pytest.mark.soak), (120, 40)]
)
async def test_help_and_quit_are_on_every_screen(tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(tmp_path, size) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        for key in "1234d":
            await lab.pilot.press(key)
            await lab.until(lambda: "? Help" in footer(lab).replace("  ", " "))
            assert "q Quit" in footer(lab).replace("  ", " ")
            assert "^q" not in footer(lab)
            if key == "d":
                await lab.pilot.press("escape")


async def test_in_a_field_the_keys_that_work_there_are_shown(tmp_path: Path) -> None:
    async with opened(tmp_path, (80, 24)) as lab:
        lab.app.screen.query_one(HyperparameterForm).focus_field("hidden_sizes")
        await lab.until(lambda: "^q" in footer(lab))
        assert "^r" in footer(lab)
        assert "f1" in footer(lab).lower()


@pytest.mark.parametrize("opens", ["question_mark", "ctrl+p", "n"])
async def test_behind_a_dialog_no_key_is_shown_since_none_works(tmp_path: Path, opens: str) -> None:
    async with opened(tmp_path, (120, 40)) as lab:
        await lab.until(lambda: "Run" in footer(lab))
        before = footer(lab)
        await lab.pilot.press(opens)
        await lab.until(lambda: not footer(lab).strip())
        await lab.pilot.press("escape")
        await lab.until(lambda: footer(lab) == before)


async def test_another_size_shows_other_keys(tmp_path: Path) -> None:
    async with opened(tmp_path, (120, 40)) as lab:
        await lab.until(lambda: "Palette" in footer(lab))
        await lab.pilot.resize_terminal(62, 30)
        await lab.until(lambda: "Palette" not in footer(lab) and "Help" in footer(lab))
        await lab.pilot.resize_terminal(120, 40)
        await lab.until(lambda: "Palette" in footer(lab))


async def test_a_click_presses_the_key_and_the_pointer_shows_what_it_does(tmp_path: Path) -> None:
    async with opened(tmp_path, (76, 24)) as lab:
        await lab.until(lambda: "Run" in footer(lab))
        line = lab.app.screen.query_one(KeyFooter)
        assert "r Run" in footer(lab)
        run = footer(lab).index("r Run")
        behind = len(footer(lab).rstrip()) + 1
        await lab.pilot.hover(KeyFooter, (behind, 0))
        assert line.tooltip is None, "behind the last key there is nothing"
        plain = line.render()
        for x in (run, run + len("r Run") - 1):
            await lab.pilot.hover(KeyFooter, (x, 0))
            assert str(line.tooltip) == next(key.help for key in KEYS if key.action == "run")
            pointed = line.render()
            assert pointed.spans != plain.spans, "the key under the pointer stands out"
            assert pointed.plain == plain.plain
        await lab.pilot.click(KeyFooter, (behind, 0))
        assert lab.session.state is State.IDLE
        await lab.pilot.click(KeyFooter, (run, 0))
        await lab.until_state(State.COMPLETED)
        await lab.pilot.hover(StatusLine)
        assert line.tooltip is None


async def test_keys_that_stay_the_same_are_not_drawn_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = 0
    render = KeyFooter.render

    def counted(line: KeyFooter) -> Content:
        nonlocal drawn
        drawn += 1
        return render(line)

    monkeypatch.setattr(KeyFooter, "render", counted)
    async with opened(tmp_path) as lab:
        await lab.until(lambda: "Run" in footer(lab))
        before = drawn
        assert before
        lab.app.screen.refresh_bindings()
        await lab.pilot.pause()
        assert drawn == before
        lab.app.screen.query_one(HyperparameterForm).focus_field("hidden_sizes")
        await lab.until(lambda: "^q" in footer(lab))
        assert drawn > before


def test_keys_are_shown_as_people_know_them() -> None:
    shown = {shown_key(name) for key in KEYS for name in key.keys}
    assert {"?", "F1", "esc", "[", "+", "space", "enter", "ctrl+q"} <= shown
    assert not any("_" in name for name in shown)
