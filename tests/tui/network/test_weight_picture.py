"""Numbers with a sign as pictures and bars, as text and colours."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from mnist_tui.network.signed_bars import Part, signed_bars
from mnist_tui.network.units_view import Bars
from mnist_tui.settings.themes import OWN_THEMES
from mnist_tui.text.contrast import CURVE, contrast
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.ui.weight_picture import (
    Palette,
    character,
    palette_on,
    picture_levels,
    picture_lines,
    picture_size,
)

DARK = palette_on(Color.parse("#14171c"))
assert DARK is not None


def lines_of(
    amounts: NDArray[np.float32],
    columns: int,
    rows: int,
    style: PictureStyle,
    palette: Palette | None,
) -> list[Sequence[Segment]]:
    (levels,) = picture_levels(amounts[None], columns, rows, style, palette)
    return picture_lines(levels, palette, Style())


def cells(lines: list[Sequence[Segment]]) -> list[list[tuple[str, Style | None]]]:
    return [[(sign, part.style) for part in line for sign in part.text] for line in lines]


def colour(palette: Palette, amount: float) -> tuple[int, int, int]:
    return palette.color(round(15 * amount) / 15).rgb


# -- pictures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("zoom", [1, 2, 3])
def test_each_pixel_has_the_colour_of_its_weight(zoom: int) -> None:
    amounts = np.linspace(-1, 1, 4 * 6, dtype=np.float32).reshape(4, 6)
    assert DARK is not None
    columns, rows = picture_size((4, 6), 6 * zoom, 2 * zoom, "half-block", DARK)
    assert (columns, rows) == (6 * zoom, 2 * zoom)
    found = cells(lines_of(amounts, columns, rows, "half-block", DARK))
    for y in range(rows):
        for x in range(columns):
            sign, style = found[y][x]
            assert sign == "▀"
            assert style is not None
            assert style.color is not None
            assert style.bgcolor is not None
            upper, lower = (amounts[(2 * y + half) // zoom, x // zoom] for half in (0, 1))
            assert tuple(style.color.get_truecolor()) == colour(DARK, upper)
            assert tuple(style.bgcolor.get_truecolor()) == colour(DARK, lower)


@pytest.mark.parametrize("style", ["ascii", "braille"])
def test_characters_tell_the_sign(style: str) -> None:
    amounts = np.zeros((8, 12), np.float32)
    amounts[:4, :6], amounts[4:, 6:] = -1, 1
    lines = lines_of(amounts, 12, 4, style, DARK)  # type: ignore[arg-type]
    text = ["".join(part.text for part in line) for line in lines]
    assert text == ["======      "] * 2 + ["      ######"] * 2


def test_without_colours_half_blocks_are_characters_too() -> None:
    amounts = np.full((4, 4), -0.5, np.float32)
    lines = lines_of(amounts, 4, 2, "half-block", None)
    assert [segment.text for line in lines for segment in line] == ["~~~~", "~~~~"]
    assert all(segment.style == Style() for line in lines for segment in line)


def test_a_character_is_stronger_the_larger_the_amount() -> None:
    amounts = (-1, -0.7, -0.3, -0.1, 0, 0.1, 0.3, 0.7, 1)
    assert "".join(map(character, amounts)) == "=~-   +*#"


@pytest.mark.parametrize("shape", [(1, 64), (64, 1), (3, 200), (28, 28)])
@pytest.mark.parametrize("style", ["half-block", "ascii"])
def test_a_picture_fills_the_cells_it_says(shape: tuple[int, int], style: str) -> None:
    amounts = np.ones(shape, np.float32)
    columns, rows = picture_size(shape, 20, 9, style, DARK)  # type: ignore[arg-type]
    assert 1 <= columns <= 20
    assert 1 <= rows <= 9
    lines = lines_of(amounts, columns, rows, style, DARK)  # type: ignore[arg-type]
    assert [sum(part.cell_length for part in line) for line in lines] == [columns] * rows


@pytest.mark.parametrize("theme", OWN_THEMES, ids=lambda theme: theme.name)
def test_both_ends_can_be_told_from_the_background_of_each_theme(theme) -> None:  # type: ignore[no-untyped-def]
    background = Color.parse(theme.background)
    palette = palette_on(background)
    assert palette is not None
    for end in (palette.negative, palette.positive):
        assert contrast(end, background) >= CURVE


def test_the_terminals_own_colours_are_left_to_it() -> None:
    assert palette_on(Color.parse("ansi_default")) is None


# -- bars ----------------------------------------------------------------------------------------


def told(values: list[float] | NDArray[np.float32], width: int, height: int) -> list[str]:
    numbers = np.asarray(values, np.float32)
    names = tuple(map(str, range(len(numbers))))
    lines = signed_bars(Bars("To classes", names, numbers), width, height)
    return ["".join(text for text, _ in line) for line in lines]


def test_bars_go_to_the_side_of_their_sign() -> None:
    assert told([0.5, -1, 0.25, 0], 17, 9) == [
        "To classes",
        "0     │██   +0.50",
        "1 ████│     -1.00",
        "2     │█    +0.25",
        "3     │     +0.00",
    ]


def test_the_largest_are_shown_where_not_all_have_room() -> None:
    assert told([0.5, -1, 0.25, 0], 17, 4) == [
        "To classes",
        "1 ████│     -1.00",
        "0     │██   +0.50",
        "+2 smaller",
    ]


def test_numbers_that_are_none_have_no_bar() -> None:
    assert told([np.nan, 1, -np.inf], 17, 9)[1:] == [
        "0     │      +nan",
        "1     │████ +1.00",
        "2     │      -inf",
    ]


@pytest.mark.parametrize("width", [1, 5, 12, 80])
@pytest.mark.parametrize("height", [0, 1, 2, 3, 50])
def test_bars_stay_in_their_room(width: int, height: int) -> None:
    lines = told(list(np.linspace(-200, 3, 40)), width, height)
    assert len(lines) <= height
    assert width < 12 or all(len(line) <= width for line in lines)


def test_signs_have_parts_of_their_own() -> None:
    lines = signed_bars(Bars("t", ("a", "b"), np.array([-1, 1], np.float32)), 30, 5)
    parts = [{part for text, part in line if "█" in text} for line in lines[1:]]
    assert parts == [{Part.NEGATIVE}, {Part.POSITIVE}]
