import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_tui.text.glyphs import SAMPLES_ACROSS, SAMPLES_DOWN, nearest_glyphs


def drawn(cell: NDArray[np.float32]) -> str:
    """The character for one cell (12, 12), 0 to 1."""
    fine = cell.reshape(SAMPLES_DOWN, 2, SAMPLES_ACROSS, 4).mean(axis=(1, 3))
    return chr(nearest_glyphs(255 * fine[None])[0, 0, 0])


def stroke(x: float, y: float, right: float, down: float) -> NDArray[np.float32]:
    """(12, 12): a thin line through (x, y) of a cell from (0, 0) to (1, 2)."""
    rows, columns = np.indices((12, 12)) + 0.5
    away = (columns / 12 - x) * down - (2 * rows / 12 - y) * right
    line: NDArray[np.bool_] = np.abs(away) < 0.17 * np.hypot(right, down)
    return line.astype(np.float32)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (stroke(0.5, 1.0, 1, -2), "/"),
        (stroke(0.5, 1.0, 1, 2), "\\"),
        (stroke(0.5, 1.0, 0, 1), "|l[]"),
        (stroke(0.5, 1.9, 1, 0), "_"),
        (stroke(0.5, 1.1, 1, 0), "-~"),
        (np.zeros((12, 12), np.float32), " "),
        (np.ones((12, 12), np.float32), "@"),
    ],
)
def test_a_stroke_is_drawn_by_a_character_of_its_shape(
    cell: NDArray[np.float32], expected: str
) -> None:
    assert drawn(cell) in expected


def test_where_the_ink_lies_decides_between_characters_as_dark_as_each_other() -> None:
    top, bottom = np.zeros((2, 12, 12), np.float32)
    top[:4], bottom[8:] = 1, 1
    assert drawn(top) in "\"^'F"
    assert drawn(bottom) in "_g"


def test_an_even_grey_has_a_denser_character_the_darker_it_is() -> None:
    greys = [drawn(np.full((12, 12), level, np.float32)) for level in np.linspace(0, 1, 40)]
    order = list(dict.fromkeys(greys))
    assert len(order) >= 4
    assert order[0] == " "
    assert order[-1] == "@"
    assert greys == sorted(greys, key=order.index)


def test_many_cells_are_matched_each_for_itself() -> None:
    levels = np.zeros((2, 3 * SAMPLES_DOWN, 4 * SAMPLES_ACROSS), np.float32)
    levels[1, SAMPLES_DOWN : 2 * SAMPLES_DOWN, 2 * SAMPLES_ACROSS :] = 255
    rows = nearest_glyphs(levels)[1]
    assert nearest_glyphs(levels).shape == (2, 3, 4)
    assert ["".join(map(chr, row)) for row in rows] == ["    ", "  @@", "    "]
    assert set(nearest_glyphs(levels)[0].flat) == {ord(" ")}
