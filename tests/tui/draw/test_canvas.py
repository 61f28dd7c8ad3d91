"""How a canvas lies on cells, and what its strokes look like."""

import pytest

from mnist_tui.draw.canvas import Measures


@pytest.mark.parametrize(
    ("room", "cells"),
    [((28, 14), (28, 14)), ((55, 40), (28, 14)), ((74, 37), (56, 28)), ((154, 57), (112, 56))],
)
def test_pixels_are_as_many_half_blocks_wide_as_high(
    room: tuple[int, int], cells: tuple[int, int]
) -> None:
    found = Measures.fitting(28, 28, *room)
    assert (found.columns, found.rows) == cells
    assert found.pixels_down == 2 * found.pixels_across


@pytest.mark.parametrize("shape", [(28, 28), (27, 31), (8, 8), (64, 48)])
@pytest.mark.parametrize("room", [(28, 14), (56, 28), (112, 56), (90, 30)])
def test_a_pixel_lies_in_the_cell_that_shows_it(
    shape: tuple[int, int], room: tuple[int, int]
) -> None:
    height, width = shape
    measures = Measures.fitting(height, width, *room)
    for row in range(height):
        for column in range(width):
            x, y = measures.cell(column, row)
            assert 0 <= x < measures.columns
            assert 0 <= y < measures.rows
            left, top = measures.point(x, y)
            right, bottom = measures.point(x + 1, y + 1)
            # An image with more pixels than cells has several in one.
            assert left <= column + 0.5 <= right
            assert top <= row + 0.5 <= bottom


def test_more_pixels_than_cells_still_fit() -> None:
    found = Measures.fitting(100, 100, 30, 15)
    assert (found.columns, found.rows) == (30, 15)
    assert found.point(30, 15) == (100, 100)
