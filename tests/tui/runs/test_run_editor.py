"""What the keys change about runs: marks, the pin, name, note, tags; deletion and its undo."""

from pathlib import Path

import pytest

from helpers.runs_lab import OpenLab
from helpers.stored_runs import LiveRun, put_run
from mnist_core.store import RunStore
from mnist_tui.lab.overlay import LOOKS
from mnist_tui.ui.dialogs import LineInput


async def test_space_marks_runs_in_looks_of_their_own_until_they_are_used_up(
    lab: OpenLab, tmp_path: Path
) -> None:
    for k in range(len(LOOKS) + 1):
        put_run(tmp_path, f"run{k}", f"run {k}", started=1000.0 - k)
    async with lab() as here:
        for look in LOOKS:
            await here.press("space")
            assert look.sign in next(line for line in here.lines() if here.current.name in line)
            await here.press("down")
        assert here.app.marks.is_full
        labels = here.legend()
        assert all(f"run {k}" in labels for k in range(len(LOOKS)))
        await here.press("space")
        assert "there are no more colours" in here.said()
        await here.press("up", "space")
        assert not here.app.marks.is_full


async def test_the_pinned_run_is_what_others_are_told_against(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.press("down", "P", "up")
        assert here.app.marks.pinned == "bbbb"
        third = next(line for line in here.lines() if "third" in line)
        assert "sgd, lr 0.01" in third
        assert "third and second (pinned)" in here.text()
        assert "Optimizer" in here.text()
        await here.until(lambda: here.legend() == "second third")
        await here.press("down", "P")
        assert here.app.marks.pinned is None


async def test_rename_note_and_tags_are_stored(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.press("N")
        await here.write("  ")
        await here.press("enter")
        assert "A run needs a name." in here.text()
        await here.write("the [/] best")
        await here.press("enter")
        assert here.store.run("cccc").name == "the [/] best"
        assert "the [/] best" in here.text()
        await here.press("m")
        await here.write("look at this again")
        await here.press("enter")
        assert "look at this again" in here.text()
        await here.press("t")
        await here.write("wide, slow,, wide ")
        await here.press("enter")
        assert here.store.run("cccc").tags == ("wide", "slow")
        assert "the [/] best has the tags wide, slow." in here.said()
        await here.press("t", "escape")
        assert not isinstance(here.app.screen, LineInput)
        assert here.store.run("cccc").tags == ("wide", "slow")


async def test_a_dialog_left_as_it_was_changes_nothing(lab: OpenLab, tmp_path: Path) -> None:
    put_run(tmp_path, "aaaa", "a\x1bb")
    async with lab() as here:
        await here.press("N", "enter")
        assert here.store.run("aaaa").name == "a\x1bb"


async def test_a_deleted_run_comes_back(lab: OpenLab, three: Path) -> None:
    async with lab((200, 60)) as here:
        await here.press("down", "space", "P", "D")
        assert here.names() == ["third", "first"]
        assert here.current.name == "first"
        assert here.marked() == ()
        assert here.app.marks.pinned is None
        assert (
            "Deleted second. Among the runs, u brings it back until the app is closed."
            in here.said()
        )
        await here.press("D")
        assert [run.record.id for run in here.screen.editor.deleted] == ["bbbb", "aaaa"]
        await here.press("u")
        assert here.current.name == "first"
        assert "Undo" in here.footer()
        assert "Undo" in here.text().splitlines()[-1], "the footer was made anew"
        await here.press("u")
        assert here.names() == ["third", "second", "first"]
        assert here.current.name == "second"
        assert here.marked() == ("bbbb",)
        assert here.app.marks.pinned == "bbbb"
        assert "Undo" not in here.footer()
        await here.press("u")


async def test_what_stays_deleted_is_purged_at_the_end(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.press("D")
        here.screen.editor.purge_deleted()
        assert here.screen.editor.deleted == []
        here.store.deleter.restore(["cccc"])
        assert len(here.store.runs()) == 2


async def test_only_a_run_that_nobody_trains_can_be_resumed_or_deleted(
    lab: OpenLab, three: Path
) -> None:
    live = LiveRun(three, "alive")
    live.train_epoch(0.4)
    try:
        async with lab() as here:
            await here.until(lambda: "alive" in here.text())
            await here.press("home")
            assert here.current.name == "alive"
            assert "Resume" not in here.footer()
            assert "Delete" not in here.footer()
            assert "Fork" in here.footer()
            await here.press("R", "D", "down")
            assert here.current.name == "third", "it is still there"
            assert "Resume" in here.footer()
            assert "Delete" in here.footer()
            assert here.app.asked == []
    finally:
        live.close()


async def test_a_change_that_fails_is_a_sentence(
    lab: OpenLab, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveRun(three, "alive")
    async with lab() as here:
        await here.until(lambda: "alive" in here.text())
        await here.press("home")
        here.screen.editor.delete_run()
        await here.pilot.pause()
        assert "Stop it before you delete it" in here.said()
        assert here.screen.editor.deleted == []
    live.close()


async def test_a_read_only_home_lists_runs_and_changes_none(
    lab: OpenLab, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Rights would not do: they do not bind root, as whom tests run in containers.
    monkeypatch.setattr(RunStore, "read_only", True)
    async with lab() as here:
        assert "third" in here.text()
        await here.press("down", "D", "N")
        assert here.names() == ["third", "second", "first"]
        assert here.app.screen is here.screen
        for command in ("Rename", "Note", "Tags", "Delete", "Resume"):
            assert command not in here.footer()
        assert "Fork" in here.footer()
