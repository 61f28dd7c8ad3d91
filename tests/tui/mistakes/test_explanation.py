"""What the ways to ask say in words, and how a map is drawn over its digit."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from helpers.asked_network import blocks
from helpers.scripted import digits
from mnist_core.network.explanations import contrast_of, saliency, smallest_flip
from mnist_core.network.neighbours import Neighbours
from mnist_core.network.pixel_function import PixelFunction
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_tui.mistakes.explanation import (
    NOT_TWO,
    Map,
    Nearby,
    Sample,
    Signs,
    Why,
    mapped,
    nearby,
)
from mnist_tui.mistakes.map_drawing import legend, map_lines
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.ui.weight_picture import CHARACTERS, palette_on

DATA = digits()
MAPS = (Why.GRADIENT, Why.OCCLUSION, Why.CHANGE)


def function_of(factor: float = 1.0, classes: int = 10) -> PixelFunction:
    recipe = make_hyperparameters({"hidden_sizes": "16,12"})
    parameters = [factor * array for array in blocks(1)]
    parameters[-2:] = [parameters[-2][:, :classes], parameters[-1][:classes]]
    return PixelFunction(parameters, recipe, DATA)


def sample(*, dark_on_light: bool = False) -> Sample:
    return Sample(DATA.test.images[3], 3, DATA.class_names, dark_on_light)


def test_the_key_goes_from_the_last_way_to_the_first() -> None:
    assert [why.following for why in Why] == [*list(Why)[1:], Why.DIGIT]


def test_the_words_name_the_classes_that_are_compared() -> None:
    function = function_of()
    said, other = contrast_of(function.logits(DATA.test.images[3:4])[0], 3)  # type: ignore[misc]
    assert (
        mapped(Why.GRADIENT, function, sample()).text == f"Why {said} and not {other}, by gradient."
    )
    covered = mapped(Why.OCCLUSION, function, sample()).text
    assert covered == f"Why {said} and not {other}, with 4x4 pixels covered at a time."


def test_the_change_is_drawn_on_what_it_makes_of_the_digit() -> None:
    function = function_of()
    contrast = contrast_of(function.logits(DATA.test.images[3:4])[0], 3)
    assert contrast is not None
    flip = smallest_flip(function, DATA.test.images[3], contrast)
    assert flip is not None
    found = mapped(Why.CHANGE, function, sample())
    assert isinstance(found.shown, Map)
    np.testing.assert_array_equal(found.shown.image, np.rint(flip.image))
    change = flip.image - DATA.test.images[3]
    np.testing.assert_allclose(found.shown.amounts, change / np.abs(change).max(), atol=1e-6)
    assert found.text.startswith(f"It would say {flip.predicted} and not {contrast.predicted} with")


def test_signs_are_those_of_ink() -> None:
    function = function_of()
    contrast = contrast_of(function.logits(DATA.test.images[3:4])[0], 3)
    assert contrast is not None
    slopes = saliency(function, DATA.test.images[3], contrast)
    for dark, sign in ((False, 1), (True, -1)):
        found = mapped(Why.GRADIENT, function, sample(dark_on_light=dark))
        assert isinstance(found.shown, Map)
        np.testing.assert_allclose(
            found.shown.amounts, sign * slopes / np.abs(slopes).max(), atol=1e-6
        )


@pytest.mark.parametrize("why", MAPS)
def test_what_cannot_be_said_is_a_sentence(why: Why) -> None:
    for function in (function_of(classes=1), function_of(np.nan)):
        found = mapped(why, function, replace(sample(), true=0))
        assert (found.text, found.shown) == (NOT_TWO, None)
    still = mapped(why, function_of(0.0), sample())
    assert still.shown is None
    assert still.text.endswith(".")


def test_the_words_of_a_search() -> None:
    function, train = function_of(), DATA.train
    found = Neighbours(np.array([7, 1]), np.array([0.5, 2.0]))
    shown = nearby(function, sample(), train, found).shown
    assert isinstance(shown, Nearby)
    np.testing.assert_array_equal(shown.examples.labels, train.labels[[7, 1]])
    assert nearby(function, sample(), train, None).text.startswith("Looking through 40 training")
    assert nearby(function, sample(), train, "No memory.").text == "No memory."
    empty = Neighbours(np.empty(0, np.intp), np.empty(0))
    said = nearby(function, sample(), train[:0], empty)
    assert (said.text, said.shown) == ("There are no training samples here to look through.", None)
    broken = Neighbours(np.array([7]), np.array([np.nan]))
    assert nearby(function, sample(), train, broken).text == NOT_TWO


# -- the drawing -------------------------------------------------------------------------------

BLACK, WHITE = Color.parse("#000000"), Color.parse("#ffffff")
INK = Style(color=WHITE.rich_color)
SIGNS = Signs("above", "below")


def quarters() -> Map:
    """Ink in the lower half; above 0 in the left upper quarter, below in the right lower one."""
    image, amounts = np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.float32)
    image[4:] = 255
    amounts[:4, :4], amounts[4:, 4:] = 1, -1
    return Map(image, amounts, SIGNS)


def plain(lines: list[list[Segment]]) -> list[str]:
    return ["".join(segment.text for segment in line) for line in lines]


def in_one_colour(color: Color) -> Style:
    return Style(color=color.rich_color, bgcolor=color.rich_color)


@pytest.mark.parametrize("style", get_args(PictureStyle))
def test_without_colours_characters_tell_signs_from_ink(style: PictureStyle) -> None:
    lines = plain(map_lines(quarters(), 8, 4, style, None, INK, dark_on_light=False))
    assert lines == ["####    "] * 2 + ["::::===="] * 2
    assert not set(".:") & set(CHARACTERS)
    assert legend(SIGNS, None, style) == "+ * #: above; = ~ -: below."


def test_paper_is_paper() -> None:
    dark = replace(quarters(), image=255 - quarters().image)
    lines = plain(map_lines(dark, 8, 4, "ascii", None, INK, dark_on_light=True))
    assert lines == ["####    "] * 2 + ["::::===="] * 2


def test_with_colours_the_digit_is_dim_below_them() -> None:
    palette = palette_on(BLACK)
    assert palette is not None
    lines = map_lines(quarters(), 8, 4, "half-block", palette, INK, dark_on_light=False)
    assert plain(lines) == ["▀" * 8] * 4
    upper_left, upper_right = lines[0]
    lower_left, lower_right = lines[3]
    assert upper_left.style == Style(
        color=palette.positive.rich_color, bgcolor=palette.positive.rich_color
    )
    assert upper_right.style == Style(color=BLACK.rich_color, bgcolor=BLACK.rich_color)
    assert lower_right.style == Style(
        color=palette.negative.rich_color, bgcolor=palette.negative.rich_color
    )
    assert lower_left.style is not None
    grey = lower_left.style.color
    assert grey is not None
    assert grey not in (BLACK.rich_color, WHITE.rich_color)
    assert legend(SIGNS, palette, "half-block") == "Orange: above; blue: below."
    assert legend(SIGNS, palette, "braille").startswith("+ * #")


def test_a_map_fills_the_cells_it_is_given() -> None:
    random = np.random.default_rng(1)
    shown = Map(
        random.integers(0, 255, (28, 28), np.uint8),
        random.uniform(-1, 1, (28, 28)).astype(np.float32),
        SIGNS,
    )
    palette = palette_on(BLACK)
    for columns, rows in ((28, 14), (56, 28), (11, 6), (1, 1)):
        for style in get_args(PictureStyle):
            lines = map_lines(shown, columns, rows, style, palette, INK, dark_on_light=False)
            assert [len(line) for line in plain(lines)] == [columns] * rows
