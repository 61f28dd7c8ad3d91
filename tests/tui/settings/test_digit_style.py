from dataclasses import replace
from pathlib import Path

import pytest

from helpers.app_harness import opened
from helpers.graphics import KITTY, PLACEHOLDER
from mnist_tui.mistakes.mistakes_screen import MistakesScreen
from mnist_tui.settings.config import Config, ConfigFile
from mnist_tui.settings.digit_style import (
    FILE_NAME,
    remembered_style,
    usual_style,
)
from mnist_tui.settings.remembered import remember
from mnist_tui.text.picture_style import offered_style, offered_styles, style_after


@pytest.mark.parametrize(
    ("colours", "environ", "expected"),
    [
        ("truecolor", {}, "half-block"),
        ("256", {"LANG": "de_DE.UTF-8"}, "half-block"),
        ("standard", {}, "ascii"),
        (None, {}, "ascii"),
        ("truecolor", {"LANG": "ja_JP.UTF-8"}, "ascii"),
        ("truecolor", {"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, "half-block"),
    ],
)
def test_half_blocks_are_usual_where_they_can_be_seen(
    colours: str | None, environ: dict[str, str], expected: str
) -> None:
    assert usual_style(colours, environ) == expected


def test_a_style_is_remembered_and_anything_else_in_its_place_is_not(tmp_path: Path) -> None:
    path = tmp_path / "new" / FILE_NAME
    assert remembered_style(path) is None
    remember(path, "braille")
    assert remembered_style(path) == "braille"
    for content in (b"", b"dots\n", b"\xff\xfe"):
        path.write_bytes(content)
        assert remembered_style(path) is None
    assert remembered_style(tmp_path) is None


async def test_the_key_changes_all_screens_and_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    async with opened(tmp_path) as lab:
        assert "▀" in lab.text()
        await lab.pilot.press("r", "2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        await lab.until(lambda: "▀" in lab.text())
        await lab.pilot.press("v")
        await lab.until(lambda: "⣿" in lab.text())
        await lab.pilot.press("1")
        await lab.until(lambda: "⣿" in lab.text() and "▀" not in lab.text())
    assert (tmp_path / FILE_NAME).read_text() == "braille\n"
    async with opened(tmp_path) as lab:
        assert "⣿" in lab.text()
    from_file = ConfigFile(Path("config.toml"), Config(digits="ascii"))
    async with opened(tmp_path, config=from_file) as lab:
        assert "@@@@" in lab.text()


async def test_a_style_that_cannot_be_kept_is_shown_all_the_same(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).mkdir()
    async with opened(tmp_path) as lab:
        await lab.pilot.press("v")
        await lab.until(lambda: "▀" in lab.text())
        (told,) = lab.app._notifications
        assert told.message.startswith("The choice cannot be kept in ")


def test_the_key_goes_through_what_is_offered_and_around_the_end() -> None:
    for pixels, styles in (
        (False, ["ascii", "half-block", "braille"]),
        (True, ["ascii", "half-block", "braille", "pixels"]),
    ):
        offered = offered_styles(no_color=False, pixels=pixels)
        assert list(offered) == styles
        assert [style_after(style, offered) for style in offered] == [*styles[1:], styles[0]]
    without = offered_styles(no_color=True, pixels=True)
    assert style_after("pixels", without) == "ascii"
    assert offered_style("half-block", without, "half-block") == "ascii"
    assert offered_style("pixels", without, "half-block") == "ascii"
    assert offered_style("braille", without, "half-block") == "braille"


async def test_pixels_are_in_turn_where_the_terminal_shows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    async with opened(tmp_path, graphics=KITTY) as lab:
        await lab.pilot.press("v", "v")
        await lab.until(lambda: PLACEHOLDER in lab.text())
        assert (tmp_path / FILE_NAME).read_text() == "pixels\n"
        await lab.pilot.press("v")
        await lab.until(lambda: "@@" in lab.text())
        await lab.pilot.press("v", "v", "v")
        await lab.until(lambda: PLACEHOLDER in lab.text())
    assert (tmp_path / FILE_NAME).read_text() == "pixels\n"
    async with opened(tmp_path, graphics=KITTY) as lab:
        assert PLACEHOLDER in lab.text()


async def test_elsewhere_remembered_pixels_are_the_usual_style_and_stay_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    remember(tmp_path / FILE_NAME, "pixels")
    async with opened(tmp_path) as lab:
        assert "▀" in lab.text()
        assert "pixels" not in lab.text()
    assert remembered_style(tmp_path / FILE_NAME) == "pixels"
    # Kitty finds an image by its number in a colour, which 256 colours cannot tell.
    monkeypatch.setenv("COLORTERM", "")
    monkeypatch.setenv("TERM", "xterm-256color")
    async with opened(tmp_path, graphics=KITTY) as lab:
        assert "▀" in lab.text()


async def test_pixels_that_were_asked_for_are_missed_in_a_sentence(tmp_path: Path) -> None:
    asked = ConfigFile(Path("config.toml"), Config(digits="pixels"))
    async with opened(tmp_path, config=asked) as lab:
        assert "Digits cannot be pixels here" in lab.text()


async def test_keys_typed_while_the_terminal_was_asked_are_taken(tmp_path: Path) -> None:
    async with opened(tmp_path, graphics=replace(KITTY, typed="\x1b2\r")) as lab:
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
