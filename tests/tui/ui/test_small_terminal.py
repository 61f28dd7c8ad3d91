"""Below 60 x 20 the program says what it needs, and goes on training."""

from pathlib import Path

import pytest
from textual.geometry import Size

from helpers.app_harness import opened
from mnist_tui.lab.state import State
from mnist_tui.train.train_screen import TrainScreen
from mnist_tui.ui.dialogs import Question
from mnist_tui.ui.help_screen import HelpScreen
from mnist_tui.ui.sizes import TooSmall, is_too_small, what_is_needed


@pytest.mark.parametrize(
    ("size", "too_small"),
    [((60, 20), False), ((59, 20), True), ((60, 19), True), ((80, 24), False)],
)
def test_where_the_limit_is(size: tuple[int, int], too_small: bool) -> None:
    assert is_too_small(Size(*size)) is too_small


def test_the_sentence_says_what_is_needed_and_what_there_is() -> None:
    assert what_is_needed(Size(50, 15)) == (
        "mnist-tui needs at least 60 columns and 20 lines; this terminal has 50 x 15."
    )


async def test_it_starts_small_and_comes_back_when_there_is_room(tmp_path: Path) -> None:
    async with opened(tmp_path, (50, 15)) as lab:
        await lab.until(lambda: "this terminal has 50 x 15." in " ".join(lab.text().split()))
        assert "Learning rate" not in lab.text()
        await lab.pilot.resize_terminal(60, 20)
        await lab.until(lambda: isinstance(lab.app.screen, TrainScreen))
        await lab.until(lambda: "Learning rate" in lab.text())


async def test_a_run_goes_on_and_its_state_is_shown(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        lab.runs.gate.clear()
        await lab.pilot.press("r")
        await lab.until_state(State.RUNNING)
        await lab.pilot.resize_terminal(50, 15)
        await lab.until(lambda: "running" in lab.text() and "needs at least" in lab.text())
        lab.runs.gate.set()
        await lab.until_state(State.COMPLETED)
        await lab.until(lambda: "completed  run 1  epoch 2/2" in lab.text())
        await lab.pilot.resize_terminal(1, 1)
        await lab.pilot.resize_terminal(120, 40)
        await lab.until(lambda: isinstance(lab.app.screen, TrainScreen))
        assert len(lab.app.screen_stack) == 1


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_quitting_works_and_asks_while_a_run_goes_on(tmp_path: Path, key: str) -> None:
    async with opened(tmp_path) as lab:
        lab.runs.gate.clear()
        await lab.pilot.press("r")
        await lab.until_state(State.RUNNING)
        await lab.pilot.resize_terminal(50, 15)
        await lab.until(lambda: isinstance(lab.app.screen, TooSmall))
        await lab.pilot.press(key)
        await lab.until(lambda: isinstance(lab.app.screen, Question))
        await lab.pilot.press("escape")
        await lab.until(lambda: isinstance(lab.app.screen, TooSmall))
        await lab.pilot.press(key, "enter")
        lab.runs.gate.set()
        await lab.until(lambda: not lab.app.is_running)
        assert lab.session.state is State.STOPPED


async def test_a_question_stays_on_top_and_the_sentence_follows_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        lab.runs.gate.clear()
        await lab.pilot.press("r")
        await lab.until_state(State.RUNNING)
        await lab.pilot.press("q")
        await lab.pilot.resize_terminal(50, 15)
        await lab.pilot.pause()
        assert isinstance(lab.app.screen, Question)
        await lab.pilot.press("escape")
        await lab.until(lambda: isinstance(lab.app.screen, TooSmall))
        await lab.pilot.resize_terminal(80, 24)
        await lab.until(lambda: isinstance(lab.app.screen, TrainScreen))


async def test_a_dialog_is_there_again_afterwards(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("question_mark")
        await lab.pilot.resize_terminal(40, 10)
        await lab.until(lambda: isinstance(lab.app.screen, TooSmall))
        await lab.pilot.press("1", "question_mark", "ctrl+p", "r")
        assert isinstance(lab.app.screen, TooSmall)
        assert lab.runs.made == []
        await lab.pilot.resize_terminal(80, 24)
        await lab.until(lambda: isinstance(lab.app.screen, HelpScreen))
