"""The table of runs: its lines, cursor and order, however many runs there are."""

from pathlib import Path

import pytest
from textual import events
from textual.geometry import Offset

from helpers.counting import count_calls
from helpers.runs_lab import OpenLab
from helpers.stored_runs import put_many, put_run
from mnist_tui.runs.runs_table import RunsTable


async def test_the_cursor_moves_by_keys_and_stays_within_the_runs(
    lab: OpenLab, three: Path
) -> None:
    async with lab() as here:
        for key, name in [("up", "third"), ("j", "second"), ("down", "first"), ("down", "first"),
                          ("k", "second"), ("home", "third"), ("end", "first"),
                          ("pageup", "third"), ("pagedown", "first")]:  # fmt: skip
            await here.press(key)
            assert here.current.name == name, key
        await here.until(lambda: here.legend() == "first")
        assert "where it began" in here.text()
        assert "baseline" in here.text()


async def test_a_click_moves_the_cursor_and_a_second_one_opens(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.pilot.click(RunsTable, offset=(20, 3))
        assert here.current.name == "second"
        assert here.app.asked == []
        await here.pilot.double_click(RunsTable, offset=(20, 4))
        await here.pilot.pause()
        assert [request.record.name for request in here.app.asked] == ["first"]


@pytest.mark.parametrize("cursor_on", ["second", "first"])
async def test_a_late_double_click_opens_a_run_only_if_both_clicks_were_on_it(
    lab: OpenLab, three: Path, cursor_on: str
) -> None:
    async with lab() as here:
        table = here.table
        x, y = 20, table.gutter.top + 2
        at = table.region.offset + Offset(x, y)
        style = here.app.screen.get_style_at(*at)
        click = events.Click(table, x, y, 0, 0, 1, False, False, False, *at, style, chain=2)
        click.stop()  # the screen would take it for one more
        await here.press(*["down"] * ["third", "second", "first"].index(cursor_on))
        table.post_message(click)
        third, second, first = table._rows
        table.show([second, first, third], 3, table._sorting)
        await here.pilot.pause()
        assert here.current.name == "second"
        opened = [request.record.name for request in here.app.asked]
        assert opened == (["second"] if cursor_on == "second" else [])


async def test_sorting_by_keys_and_by_a_click_on_the_header(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        header = here.lines()[0]
        assert "started ↓" in header
        await here.pilot.click(RunsTable, offset=(header.index("best") + 2, 1))
        await here.pilot.pause()
        assert here.names() == ["first", "third", "second"], "by the best value, not the last"
        assert "best ↓" in here.lines()[0]
        assert "by best ↓" in here.text()
        assert here.current.name == "third", "the cursor stays on its run"
        await here.press("O")
        assert here.names() == ["second", "third", "first"]
        assert "best ↑" in here.lines()[0]
        await here.press("o", "l")
        assert "last ↓" in here.lines()[0]
        assert here.names() == ["third", "second", "first"]
        await here.press("o", "l")
        assert here.names() == ["first", "second", "third"], "the one that is on turns round"
        await here.press("b")
        assert here.names() == ["first", "third", "second"]
        assert "by best ↓" in here.text()
        assert here.current.name == "first", "who asks for the best one wants to look at it"
        await here.press("b")
        assert "newest first" in here.text()


async def test_of_a_thousand_runs_only_those_in_view_are_drawn(
    lab: OpenLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_many(tmp_path, 1000)
    lines_drawn = count_calls(monkeypatch, RunsTable, "line")
    async with lab() as here:
        in_view = here.table.size.height - 1
        assert "Runs · 1 000" in here.text()
        assert lines_drawn[here.table] <= 3 * in_view
        for keys in (("o", "l"), ("O",), ("end",), ("pageup",), ("/", *"lion")):
            before = lines_drawn[here.table]
            await here.press(*keys)
            assert lines_drawn[here.table] - before <= 3 * in_view * len(keys), keys
        assert "Runs · 333 of 1 000" in here.text()
        await here.press("enter", "home")
        before = lines_drawn[here.table]
        await here.press("down")
        assert lines_drawn[here.table] - before <= 4, "the cursor's old line and its new one"


async def test_scrolling_follows_the_cursor_and_the_wheel(lab: OpenLab, tmp_path: Path) -> None:
    put_many(tmp_path, 100)
    async with lab() as here:
        await here.press("end")
        assert here.current.name == "run 1"
        assert " run 1 " in here.lines()[-1]
        await here.press("home")
        assert " run 100 " in here.lines()[1]
        here.table.action_scroll_down()
        here.table.scroll_to(y=10, animate=False)
        await here.pilot.pause()
        assert " run 90 " in here.lines()[1]
        assert "started" in here.lines()[0], "the header stays"
        assert here.current.name == "run 100", "the cursor stays on its run"
        await here.pilot.click(RunsTable, offset=(20, 3))
        assert here.current.name == "run 89"


async def test_a_new_run_does_not_move_the_lines_that_are_read(
    lab: OpenLab, tmp_path: Path
) -> None:
    put_many(tmp_path, 100)
    async with lab() as here:
        for _ in range(3):
            await here.press("pagedown")
        current, place = here.current.name, here.lines()
        row = next(y for y, line in enumerate(place) if f" {current} " in line)
        put_run(tmp_path, "new0", "brand new")
        await here.until(lambda: "Runs · 101" in here.text())
        assert here.current.name == current
        assert f" {current} " in here.lines()[row]
        await here.press("home")
        assert "brand new" in here.lines()[1]
        put_run(tmp_path, "new1", "newer still")
        await here.until(lambda: "newer still" in here.text())
        assert here.current.name == "brand new"
