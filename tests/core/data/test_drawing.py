"""Strokes on a canvas, and taking them back."""

from itertools import pairwise

import numpy as np
import pytest

from mnist_core.data.drawn_digit import Drawing


def stroke(drawing: Drawing, *points: tuple[float, float]) -> None:
    drawing.begin()
    for start, end in pairwise(points):
        drawing.line(start, end)


def test_a_line_has_no_holes_however_long_it_is() -> None:
    drawing = Drawing(28, 28)
    stroke(drawing, (2.5, 3.5), (25.5, 24.5))
    for share in np.linspace(0, 1, 50):
        row, column = int(3.5 + 21 * share), int(2.5 + 23 * share)
        assert drawing.ink[row, column] > 200


def test_the_pen_is_soft_and_does_not_reach_far() -> None:
    drawing = Drawing(28, 28)
    stroke(drawing, (14.0, 4.0), (14.0, 24.0))
    row = drawing.ink[14].tolist()
    assert row[13:15] == [255, 255]
    assert 0 < row[12] < 255
    assert row[12] == row[15]
    assert row[:12] == [0] * 12


def test_the_pen_grows_with_the_canvas() -> None:
    small, large = Drawing(28, 28), Drawing(56, 56)
    stroke(small, (14.0, 4.0), (14.0, 24.0))
    stroke(large, (28.0, 8.0), (28.0, 48.0))
    assert large.ink[28].sum() == pytest.approx(2 * small.ink[14].sum(), rel=0.1)


def test_ink_does_not_fade_where_strokes_cross() -> None:
    drawing = Drawing(28, 28)
    stroke(drawing, (4.0, 14.0), (24.0, 14.0))
    before = drawing.ink
    stroke(drawing, (14.0, 4.0), (14.0, 24.0))
    assert (drawing.ink >= before).all()


def test_the_eraser_takes_ink_away() -> None:
    drawing = Drawing(28, 28)
    stroke(drawing, (4.0, 14.0), (24.0, 14.0))
    drawing.line((14.0, 14.0), (14.0, 14.0), erase=True)
    assert drawing.ink[14, 14] == 0
    assert drawing.ink[14, 6] == 255


def test_strokes_are_taken_back_one_by_one() -> None:
    drawing = Drawing(28, 28)
    assert not drawing.can_undo
    stroke(drawing, (4.0, 4.0), (9.0, 4.0), (9.0, 9.0))
    first = drawing.ink
    stroke(drawing, (14.0, 14.0), (20.0, 20.0))
    drawing.undo()
    np.testing.assert_array_equal(drawing.ink, first)
    drawing.undo()
    assert drawing.is_blank
    assert not drawing.can_undo
    drawing.undo()
    assert drawing.is_blank


def test_strokes_that_changed_nothing_cost_no_undo() -> None:
    drawing = Drawing(28, 28)
    stroke(drawing, (4.0, 4.0), (9.0, 4.0))
    stroke(drawing, (5.0, 4.0), (8.0, 4.0))
    stroke(drawing, (-50.0, 4.0), (-60.0, 4.0))
    drawing.begin()
    drawing.undo()
    assert drawing.is_blank


def test_clearing_can_be_taken_back() -> None:
    drawing = Drawing(28, 28)
    stroke(drawing, (4.0, 4.0), (9.0, 4.0))
    before = drawing.ink
    drawing.clear()
    assert drawing.is_blank
    drawing.undo()
    np.testing.assert_array_equal(drawing.ink, before)


def test_the_way_back_has_an_end() -> None:
    drawing = Drawing(60, 60)
    for row in range(60):
        for column in range(0, 60, 12):
            stroke(drawing, (column, row), (column, row))
            drawing.line((column, row), (column + 2.0, row))
    taken_back = 0
    while drawing.can_undo:
        drawing.undo()
        taken_back += 1
    assert taken_back == 200
    assert not drawing.is_blank
