"""NO_COLOR: no colour at all, and nothing that only a colour told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.segment import Segment
from textual.widgets import OptionList

from helpers.app_harness import AppHarness, opened
from mnist_tui.lab.state import State
from mnist_tui.mistakes.mistakes_screen import MistakesScreen
from mnist_tui.runs.runs_table import RunsTable
from mnist_tui.settings.config import Config, ConfigFile
from mnist_tui.text.picture_style import offered_styles
from mnist_tui.train.sample_grid import SampleGrid


@pytest.fixture(autouse=True)
def _no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")


def segments(lab: AppHarness) -> Iterator[Segment]:
    """Everything on the screen as it goes to the terminal."""
    for strip in lab.app.screen._compositor.render_strips():
        yield from strip.apply_filter(lab.app._filters[-1], lab.app.screen.background_colors[1])


def coloured(lab: AppHarness) -> list[Segment]:
    return [
        segment
        for segment in segments(lab)
        if segment.style is not None
        and any(
            color is not None and not color.is_default
            for color in (segment.style.color, segment.style.bgcolor)
        )
    ]


async def test_no_screen_has_a_colour(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        assert "✗" in lab.text()
        for keys in (("e",), ("escape", "2"), ("m",), ("3", "space"), ("question_mark",)):
            await lab.pilot.press(*keys)
            await lab.pilot.pause()
            assert coloured(lab) == []


async def test_the_focus_is_a_heavy_border(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:

        def border(part: str) -> str:
            return lab.app.screen.query_one(part).styles.border_top[0]

        assert border("#loss") == "heavy"
        assert border("#form") == "round"
        await lab.pilot.press("e")
        await lab.pilot.pause()
        assert border("#loss") == "round"
        assert border("#form") == "heavy"


async def test_cursors_are_reversed(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("3")
        await lab.pilot.pause()
        table = lab.app.screen.query_one(RunsTable)
        assert all(segment.style and segment.style.reverse for segment in table.render_line(1))
        await lab.pilot.press("ctrl+p")
        await lab.until(lambda: lab.app.screen.query_one(OptionList).highlighted is not None)
        await lab.until(lambda: any(s.style and s.style.reverse for s in segments(lab)))


def test_what_is_nothing_but_colours_is_left_out() -> None:
    for pixels in (False, True):
        assert offered_styles(no_color=True, pixels=pixels) == ("ascii", "braille")


async def test_the_files_style_is_used_where_it_can_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_blocks = ConfigFile(Path("config.toml"), Config(digits="half-block"))
    async with opened(tmp_path / "without", config=half_blocks) as lab:
        assert "▀" not in lab.text()
        await lab.pilot.press("v", "v", "v")
        assert "▀" not in lab.text()
    monkeypatch.delenv("NO_COLOR")
    async with opened(tmp_path / "with", config=half_blocks) as lab:
        assert "▀" in lab.text()
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        await lab.until(lambda: "▀" in lab.text())


async def test_with_colours_nothing_of_this_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR")
    async with opened(tmp_path) as lab:
        assert lab.app.screen.query_one("#loss").styles.border_top[0] == "round"
        assert coloured(lab)
        assert lab.app.screen.query_one(SampleGrid).shown_count > 0
