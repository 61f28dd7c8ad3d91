"""The themes: contrast, hues that every kind of colour vision tells apart, Textual's own."""

from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from helpers.app_harness import opened
from mnist_tui.charts.chart import Chart
from mnist_tui.lab.overlay import LOOKS
from mnist_tui.lab.run_plots import TEST, TRAIN, VALIDATION
from mnist_tui.lab.state import State
from mnist_tui.settings.config import Config, ConfigFile
from mnist_tui.settings.themes import OWN_THEMES, SAFE_DARK, SAFE_LIGHT, theme_names
from mnist_tui.text.contrast import CURVE, TEXT, contrast, readable

TEXTS = (
    "foreground",
    "text-error",
    "text-warning",
    "text-success",
    "text-primary",
    "text-accent",
    "footer-key-foreground",
)
BORROWED = ("nord", "textual-light")


def colours(theme: Theme) -> dict[str, str]:
    """The variables of a theme as the app has them."""
    return {**theme.to_color_system().generate(), **theme.variables}


def test_contrast_is_that_of_the_w3c() -> None:
    black, white = Color.parse("black"), Color.parse("white")
    assert contrast(black, white) == contrast(white, black) == pytest.approx(21)
    assert contrast(white, white) == 1
    assert contrast(Color.parse("#777777"), white) == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("background", ["#ffffff", "#101010", "#808080"])
@pytest.mark.parametrize("color", ["#ffa62b", "#0178d4", "#101010", "#ffffff"])
def test_a_colour_is_moved_until_it_can_be_read(color: str, background: str) -> None:
    ground, before = Color.parse(background), Color.parse(color)
    after = readable(before, ground)
    assert contrast(after, ground) >= CURVE
    if contrast(before, ground) >= CURVE:
        assert after == before


def test_colours_of_the_terminal_are_left_to_it() -> None:
    red = Color.parse("ansi_red")
    assert readable(red, Color.parse("black")) is red


@pytest.mark.parametrize("theme", OWN_THEMES, ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", ["background", "surface"])
def test_texts_and_curves_can_be_read(theme: Theme, ground: str) -> None:
    variables = colours(theme)
    background = Color.parse(variables[ground])
    for name in TEXTS:
        assert contrast(Color.parse(variables[name]), background) >= TEXT, name
    for name in (TRAIN, VALIDATION, TEST, "$error", "$warning"):
        assert contrast(Color.parse(variables[name[1:]]), background) >= CURVE, name
    for look in LOOKS:
        assert contrast(readable(Color.parse(look.color), background), background) >= CURVE


def _as_seen(color: Color, matrix: tuple[tuple[float, float, float], ...]) -> tuple[float, ...]:
    """What a person without one kind of cones sees of a colour, in linear sRGB.

    Viénot, Brettel and Mollon, "Digital video colourmaps for checking the legibility of displays
    by dichromats", 1999, as matrices on linear sRGB.
    """
    linear = [(level / 255) ** 2.2 for level in (color.r, color.g, color.b)]
    return tuple(
        sum(weight * level for weight, level in zip(row, linear, strict=True)) for row in matrix
    )


PROTANOPIA = ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0))
DEUTERANOPIA = ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0))


@pytest.mark.parametrize("vision", [PROTANOPIA, DEUTERANOPIA], ids=["protanopia", "deuteranopia"])
@pytest.mark.parametrize("theme", [SAFE_DARK, SAFE_LIGHT], ids=lambda theme: theme.name)
def test_wrong_right_and_curves_differ_without_red_or_green_cones(
    theme: Theme, vision: tuple[tuple[float, float, float], ...]
) -> None:
    variables = colours(theme)
    pairs = (("error", "primary"), ("text-error", "foreground"), ("primary", "accent"))
    for one, other in (*pairs, ("success", "accent"), ("error", "success")):
        seen = [_as_seen(Color.parse(variables[name]), vision) for name in (one, other)]
        assert max(abs(a - b) for a, b in zip(*seen, strict=True)) > 0.1, (one, other)


def test_ours_come_first_and_textuals_are_there() -> None:
    names = theme_names()
    assert names[: len(OWN_THEMES)] == tuple(theme.name for theme in OWN_THEMES)
    assert set(BORROWED) <= set(names)


@pytest.mark.parametrize("name", [*BORROWED, SAFE_LIGHT.name])
async def test_the_files_theme_reaches_charts_and_digits(tmp_path: Path, name: str) -> None:
    chosen = ConfigFile(Path("config.toml"), Config(theme=name))
    async with opened(tmp_path, config=chosen) as lab:
        assert lab.app.theme == name
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        chart = lab.app.screen.query_one("#loss", Chart)
        _, background = chart.background_colors
        curves = {
            Color.from_rich_color(segment.style.color)
            for y in range(chart.size.height)
            for segment in chart.render_line(y)
            if segment.style and segment.style.color and "●" in segment.text
        }
        assert curves
        assert all(contrast(color, background) >= CURVE for color in curves)


async def test_another_theme_restyles_what_is_drawn(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)

        def styles() -> set[str]:
            strips = lab.app.screen._compositor.render_strips()
            return {str(segment.style.color) for strip in strips for segment in strip
                    if segment.style and segment.text.strip()}  # fmt: skip

        before = styles()
        lab.app.theme = SAFE_LIGHT.name
        await lab.pilot.pause()
        await lab.pilot.pause()
        assert len(styles() & before) <= 1
