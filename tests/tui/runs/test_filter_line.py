"""The line of the filter: it works while it is typed, and says what is wrong."""

from pathlib import Path

from textual.widgets import Input

from helpers.runs_lab import OpenLab
from helpers.stored_runs import put_many


async def test_the_filter_works_while_it_is_typed(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.press("/")
        assert here.footer() == "Clear"
        await here.press(*"adam")
        assert here.names() == ["second"]
        assert "Runs · 1 of 3" in here.text()
        await here.press("enter")
        assert here.table.has_focus
        assert "adam" in here.lines()[1]
        await here.press("f")
        assert here.app.asked[-1].record.name == "second"
        await here.press("escape")
        assert here.names() == ["third", "second", "first"]
        assert not here.screen.query_one("#filter-line").display


async def test_a_term_that_is_not_understood_says_so_and_filters_nothing_away(
    lab: OpenLab, three: Path
) -> None:
    async with lab() as here:
        await here.press("/")
        await here.write("lr>fast")
        assert "lr takes a number" in here.text()
        assert len(here.names()) == 3
        await here.write("lr<0.05")
        assert "takes a number" not in here.text()
        assert here.names() == ["third"]
        await here.press("down")
        assert here.table.has_focus


async def test_the_cursor_is_in_view_when_many_runs_come_back(lab: OpenLab, tmp_path: Path) -> None:
    put_many(tmp_path, 300)
    async with lab((80, 24)) as here:
        await here.press("/")
        await here.write("name:7")
        await here.press("enter", "end")
        name = here.current.name
        await here.press("escape")
        await here.until(lambda: any(f" {name} " in line for line in here.lines()))
        assert here.current.name == name


async def test_a_filter_without_a_match_says_how_to_be_rid_of_it(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        await here.press("down", "/")
        await here.write("[/]nothing")
        assert "No run matches [/]nothing. Esc clears the filter." in here.text()
        await here.press("enter", "enter", "space", "D", "f")
        assert here.app.asked == []
        await here.press("escape")
        assert here.current.name == "second", "the cursor is back on its run"


async def test_a_letter_that_is_told_of_late_brings_no_cleared_filter_back(
    lab: OpenLab, three: Path
) -> None:
    async with lab() as here:
        await here.press("/", *"adam")
        field = here.screen.query_one("#filter", Input)
        await here.press("escape")
        field.post_message(Input.Changed(field, "adam"))
        await here.pilot.pause()
        assert here.names() == ["third", "second", "first"]
        assert not here.screen.query_one("#filter-line").display
