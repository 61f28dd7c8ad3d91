"""A key that does nothing now says what it is there for, once."""

from pathlib import Path

from helpers.app_harness import AppHarness, opened


def said(lab: AppHarness) -> list[str]:
    return [note.message for note in lab.app._notifications if "does nothing" in note.message]


async def test_a_key_without_use_is_explained_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("R", "R", "R")
        (message,) = said(lab)
        assert message.startswith("R does nothing now. Resume: Go on with a run that has ended")


async def test_of_two_meanings_the_first_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("p")
        (message,) = said(lab)
        assert message.startswith("p does nothing now. Pause: ")


async def test_other_keys_say_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        # Of the screen on show, of no command, back from nowhere, and a command that works.
        await lab.pilot.press("1", "K", "escape", "escape", "v")
        assert not said(lab)
        await lab.pilot.press("2", "slash", "R", "p")
        assert not said(lab), "letters in a field"
        await lab.pilot.press("escape", "question_mark", "p", "R")
        assert not said(lab), "in a dialog"
