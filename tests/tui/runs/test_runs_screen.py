"""The runs screen on a bare app: what it shows and asks for, and what other processes do."""

from pathlib import Path

import pytest

from helpers.lab import SIZES
from helpers.runs_lab import OpenLab
from helpers.stored_runs import LiveRun, put_run
from mnist_core.store import RunRecord, RunState, RunStore
from mnist_tui.charts.chart import Chart
from mnist_tui.runs.runs_screen import RunsScreen
from mnist_tui.settings.keys import set_active_keys
from mnist_tui.settings.rebinding import rebound


@pytest.mark.parametrize("size", SIZES[1:])
async def test_runs_are_listed_latest_first_with_a_state_in_words_and_sign(
    lab: OpenLab, three: Path, size: tuple[int, int]
) -> None:
    async with lab(size) as here:
        assert here.names() == ["third", "second", "first"]
        assert "✓ completed" in here.text()
        assert "■ stopped" in here.text()
        assert "99.00 % test" in here.text()
        assert "lr 0.01" in here.text()
        assert "Runs · 3 · newest first" in here.text()
        assert "Accuracy" in here.text()
        assert all(len(line) == here.table.size.width for line in here.lines())
        wide = size[0] > 80
        assert ("third and second (earlier)" in here.text()) == wide
        assert ("1970-01-01" in here.text()) == wide


async def test_without_runs_it_says_how_to_make_one(lab: OpenLab) -> None:
    async with lab() as here:
        assert "No runs yet. Press 1, then r" in here.text()
        for key in ("enter", "space", "P", "f", "R", "Y", "N", "m", "t", "D", "u", "o", "/"):
            await here.press(key)
        assert here.app.asked == []
        assert here.app.screen is here.screen
        assert "Filter" not in here.footer()


async def test_text_from_outside_is_shown_as_it_is(lab: OpenLab, tmp_path: Path) -> None:
    put_run(tmp_path, "aaaa", "[/]x[red]", note="[/] [red]note \x1b[31m", tags=("[bold]tag",),
            dataset="[/]data", state="failed")  # fmt: skip
    async with lab((160, 40)) as here:
        await here.press("space", "P")
        await here.until(lambda: here.legend() == "[/]x[red]")
        for words in ("[/]x[red]", "[/] [red]note ␛[31m", "[bold]tag", "[/]data"):
            assert words in here.text()
        await here.press("N")
        assert "Rename [/]x[red]" in here.text()
        await here.press("escape", "D")
        assert (
            "Deleted [/]x[red]. Among the runs, u brings it back until the app is closed."
            in here.said()
        )


async def test_a_validation_value_ranks_and_says_so(lab: OpenLab, tmp_path: Path) -> None:
    put_run(tmp_path, "aaaa", "held out", accuracies=(0.1, 0.9), validation=(0.1, 0.8))
    async with lab() as here:
        assert "80.00 % val" in here.text()
        assert "held out val" in here.legend()
        assert "Accuracy · validation" in here.text()


@pytest.mark.parametrize(
    ("key", "request_type"),
    [
        ("enter", RunsScreen.Opened),
        ("f", RunsScreen.Forked),
        ("R", RunsScreen.ResumeAsked),
        ("Y", RunsScreen.CommandAsked),
    ],
)
async def test_what_the_app_must_do_is_asked_with_the_run(
    lab: OpenLab, three: Path, key: str, request_type: type[RunsScreen.Request]
) -> None:
    async with lab() as here:
        await here.press("down", key)
        assert [type(request) for request in here.app.asked] == [request_type]
        assert here.app.asked[0].record.id == "bbbb"


async def test_sentences_name_the_keys_of_the_users_file(lab: OpenLab, tmp_path: Path) -> None:
    put_run(tmp_path, "aaaa", "alone")
    set_active_keys(rebound({"pin_run": ("b",), "clear_filter": ("f9",)})[0])
    async with lab((200, 60)) as here:
        assert "Pin a run with b, or mark one" in here.text()
        await here.press("/")
        await here.write("nothing")
        assert "No run matches nothing. F9 clears the filter." in here.text()


async def test_a_run_of_another_process_appears_moves_and_ends(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.press("down")
        live = LiveRun(three, "elsewhere", epochs=3)
        try:
            await here.until(lambda: "elsewhere" in here.text())
            assert here.current.name == "second", "the cursor stays on its run"
            assert "● running" in here.text()
            live.train_epoch(0.6)
            await here.until(lambda: "60.00 % test" in here.text())
            await here.press("home")
            await here.until(lambda: "elsewhere" in here.legend())
            chart = here.screen.query_one("#runs-accuracy", Chart)
            points = len(chart.plot.curves[-1].series)
            live.train_epoch(0.8)
            await here.until(lambda: "2/3" in here.text())
            assert len(chart.plot.curves[-1].series) == points + 1
        finally:
            live.end()
        await here.until(lambda: here.current.state is RunState.COMPLETED)
        await here.pilot.pause()
        assert "● running" not in here.text()


async def test_a_run_whose_process_dies_is_interrupted(lab: OpenLab, three: Path) -> None:
    live = LiveRun(three, "doomed")
    live.train_epoch(0.6)
    async with lab() as here:
        await here.until(lambda: "● running" in here.text())
        # What a kill does: nothing is written any more, and the lock goes.
        live.close()
        await here.until(lambda: "⊘ interrupted" in here.text())


async def test_edits_of_another_process_show(lab: OpenLab, three: Path) -> None:
    other = RunStore(three)
    async with lab() as here:
        await here.press("down", "P")
        other.rename("cccc", "renamed")
        other.deleter.delete(["bbbb"])
        await here.until(lambda: "renamed" in here.text())
        assert "second" not in here.text()
        assert here.app.marks.pinned is None
        assert here.current.name == "first"
    other.close()


async def test_nothing_is_read_while_nothing_changes(
    lab: OpenLab, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lab() as here:
        looks = 0
        changes = here.store.changes

        def counted() -> int:
            nonlocal looks
            looks += 1
            return changes()

        def unwanted() -> list[RunRecord]:
            pytest.fail("the runs were read again")

        monkeypatch.setattr(here.store, "changes", counted)
        monkeypatch.setattr(here.store, "runs", unwanted)
        await here.until(lambda: looks >= 2)


async def test_a_store_that_cannot_be_read_is_a_sentence_and_heals(
    lab: OpenLab, three: Path
) -> None:
    database, aside = three / "runs.db", three / "aside.db"
    database.replace(aside)
    database.mkdir()
    async with lab() as here:
        assert "cannot be" in here.text()
        assert "see above" in here.text()
        await here.press("o", "/", "space")
        database.rmdir()
        aside.replace(database)
        await here.until(lambda: "third" in here.text())
        assert not here.screen.query_one("#notice").display
