import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_core.data.drawn_digit import resample
from mnist_tui.text.digits import drawn_size, fit, render
from mnist_tui.text.picture_style import PICTURE_STYLES, PictureStyle

SIZES = [(28, 28), (64, 64), (8, 8), (20, 33), (33, 20), (1, 64), (64, 1), (1, 1)]


def noise(height: int, width: int, count: int = 3) -> NDArray[np.uint8]:
    generator = np.random.default_rng(height * 100 + width)
    return generator.integers(0, 256, (count, height, width), dtype=np.uint8)


def solid(height: int, width: int) -> NDArray[np.uint8]:
    return np.full((1, height, width), 255, np.uint8)


def test_a_known_image_gives_known_text() -> None:
    image = np.zeros((1, 12, 12), np.uint8)
    image[0, :, :3] = image[0, 10:, 6:] = 255
    assert render(image, 4, 2).lines == [["@   ", "@ __"]]


@pytest.mark.parametrize(
    ("shape", "room", "expected"),
    [
        ((28, 28), (40, 10), (20, 10)),
        ((28, 28), (10, 40), (10, 5)),
        ((20, 33), (33, 99), (33, 10)),
        ((50, 50), (100, 50), (100, 50)),
        ((28, 28), (1, 1), (1, 1)),
        ((100, 1), (10, 10), (1, 10)),
    ],
)
def test_pictures_keep_their_proportions_in_cells_twice_as_tall_as_wide(
    shape: tuple[int, int], room: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert fit(*shape, *room) == expected


@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("smaller", [(1, 1), (3, 5), (7, 4), (13, 17)])
def test_area_averaging_conserves_ink(shape: tuple[int, int], smaller: tuple[int, int]) -> None:
    height, width = min(smaller[0], shape[0]), min(smaller[1], shape[1])
    images = noise(*shape)
    means = resample(images, height, width).mean(axis=(1, 2))
    assert np.allclose(means, images.mean(axis=(1, 2)), rtol=1e-5)


def test_enlarging_interpolates_between_pixels() -> None:
    enlarged = resample(np.array([[[0, 200]]], np.uint8), 1, 4)
    assert enlarged.tolist() == [[[0.0, 50.0, 150.0, 200.0]]]


@pytest.mark.parametrize("style", PICTURE_STYLES)
@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("room", [(1, 1), (9, 5), (28, 14), (61, 30)])
def test_every_size_fills_exactly_the_cells_it_was_given(
    style: PictureStyle, shape: tuple[int, int], room: tuple[int, int]
) -> None:
    columns, rows = room
    pictures = render(noise(*shape), columns, rows, style)
    assert [len(lines) for lines in pictures.lines] == [rows] * 3
    assert {len(line) for lines in pictures.lines for line in lines} == {columns}
    if style in ("half-block", "pixels"):
        assert pictures.shades is not None
        assert pictures.shades.shape == (3, rows, columns, 2)
    else:
        assert pictures.shades is None


def test_a_picture_narrower_than_its_room_stands_in_the_middle() -> None:
    assert render(solid(8, 8), 12, 4).lines[0] == ["  @@@@@@@@  "] * 4


@pytest.mark.parametrize("style", ["ascii", "braille"])
@pytest.mark.parametrize("room", [(8, 4), (10, 5), (28, 14), (40, 20)])
def test_nothing_is_cropped(style: PictureStyle, room: tuple[int, int]) -> None:
    image = np.full((1, 28, 28), 255, np.uint8)
    image[0, 2:26] = image[0, :, 2:26] = 0
    lines = render(image, *room, style).lines[0]
    corners = {lines[row][column] for row in (0, -1) for column in (0, -1)}
    assert " " not in corners


def test_thin_strokes_stay_as_strong_in_a_thumbnail() -> None:
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, 4:24, 14] = 255
    assert [line.strip() for line in render(image, 8, 4).lines[0]] == ["_", "L", "L", ""]


def test_half_blocks_show_the_exact_pixels_where_there_are_enough_cells() -> None:
    images = noise(28, 28)
    pictures = render(images, 28, 14, "half-block")
    assert pictures.shades is not None
    assert np.array_equal(pictures.shades.swapaxes(2, 3).reshape(3, 28, 28), images)
    assert pictures.lines[0][0] == "▀" * 28


@pytest.mark.parametrize(
    ("shape", "room", "covered"),
    [
        ((28, 28), (28, 14), (28, 14)),
        ((28, 28), (55, 27), (28, 14)),
        ((28, 28), (60, 28), (56, 28)),
        ((33, 33), (40, 17), (33, 17)),
        ((8, 6), (20, 12), (18, 12)),
        ((50, 50), (49, 60), (49, 24)),
        ((28, 28), (28, 13), (26, 13)),
    ],
)
def test_half_blocks_are_whole_pixels_wherever_there_is_a_cell_for_each(
    shape: tuple[int, int], room: tuple[int, int], covered: tuple[int, int]
) -> None:
    assert drawn_size(*shape, *room, "half-block") == covered
    assert drawn_size(*shape, *room, "ascii") == fit(*shape, *room)
    shades = render(solid(*shape), *room, "half-block").shades
    assert shades is not None
    inked = shades[0].any(axis=2)
    assert (inked.any(axis=0).sum(), inked.any(axis=1).sum()) == covered


def test_enlarged_half_blocks_repeat_the_pixels() -> None:
    images = noise(28, 28)
    shades = render(images, 60, 30, "half-block").shades
    assert shades is not None
    halves = shades[:, 1:29, 2:58].swapaxes(2, 3).reshape(3, 56, 56)
    assert np.array_equal(halves, images.repeat(2, axis=1).repeat(2, axis=2))


def test_an_odd_height_has_a_blank_half_below_the_last_row() -> None:
    shades = render(noise(33, 33), 33, 17, "half-block").shades
    assert shades is not None
    halves = shades.swapaxes(2, 3).reshape(3, 34, 33)
    assert np.array_equal(halves[:, :33], noise(33, 33))
    assert not halves[:, 33].any()


def test_braille_dots_are_the_pixels_where_there_are_enough_cells() -> None:
    image = np.zeros((1, 4, 4), np.uint8)
    image[0, :, 0] = image[0, 0, :] = image[0, 3, 3] = 255
    assert render(image, 2, 1, "braille").lines == [["⡏⢉"]]


@pytest.mark.parametrize("style", PICTURE_STYLES)
def test_dark_on_light_images_are_drawn_as_their_negatives(style: PictureStyle) -> None:
    images = noise(50, 50)
    usual = render(images, 20, 10, style)
    paper = render(255 - images, 20, 10, style, dark_on_light=True)
    assert paper.lines == usual.lines
    np.testing.assert_equal(paper.shades, usual.shades)


@pytest.mark.parametrize("style", PICTURE_STYLES)
def test_blank_images_and_no_images_are_drawn(style: PictureStyle) -> None:
    blank = np.zeros((1, 28, 28), np.uint8)
    assert set("".join(render(blank, 10, 5, style).lines[0])) <= {" ", "▀"}
    assert render(blank[:0], 10, 5, style).lines == []


def test_a_picture_without_cells_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one cell, not 0 x 5"):
        render(solid(8, 8), 0, 5)
