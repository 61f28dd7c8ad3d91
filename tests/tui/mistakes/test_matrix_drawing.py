"""What a confusion matrix shows at every size, its shades, and what is read from its counts."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.cells import cell_len
from textual.color import Color

from helpers.matrix_app import DIGITS, MatrixApp, counts, names
from mnist_tui.mistakes.confusion_matrix import NO_ROOM
from mnist_tui.mistakes.matrix_drawing import cell_text
from mnist_tui.mistakes.matrix_layout import LEVELS, MatrixCounts
from mnist_tui.settings.themes import DARK, LIGHT

SIZES = [(20, 8), (31, 9), (44, 20), (60, 14), (80, 24), (120, 40)]
WIDTH, HEIGHT = 71, 15
"""Cells in which ten classes with totals of four digits stand whole."""


def mistakes(matrix: NDArray[np.int64]) -> int:
    return int(matrix.sum() - np.trace(matrix))


@pytest.mark.parametrize(
    ("true", "predicted", "said"),
    [
        (1, None, "true 1: no samples, so no recall"),
        (None, 2, "predicted 2: no samples, so no precision"),
        (1, 1, "true 1, predicted 1: no samples are 1"),
        (1, 0, "true 1, predicted 0: no samples are 1"),
        (0, None, "true 0: 3 of 4 right, recall 75.0%"),
    ],
)
def test_of_no_samples_nothing_is_counted(
    true: int | None, predicted: int | None, said: str
) -> None:
    found = MatrixCounts(np.array([[3, 1, 0], [0, 0, 0], [0, 2, 0]]), DIGITS[:3])
    assert cell_text(found, true, predicted, 80) == said
    for width in range(1, 80):
        assert "0 of 0" not in cell_text(found, true, predicted, width)


async def test_a_matrix_that_fits_shows_every_count_and_every_total() -> None:
    matrix = counts(10)
    matrix[4, 9] = 123
    matrix[7, :] = 0
    app = MatrixApp()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        assert not app.whole.strip()
        app.matrix.show(matrix, DIGITS)
        await pilot.pause()
        lines = app.lines
        assert "predicted →" in lines[0]
        assert lines[1].split() == ["true", "↓", *DIGITS, "total", "recall"]
        for row in range(10):
            shown = [str(number) if number else "·" for number in matrix[row]]
            whole = int(matrix[row].sum())
            recall = f"{100 * matrix[row, row] / whole:.1f}%" if whole else "-"
            assert lines[2 + row].split() == [str(row), *shown, str(whole), recall]
        totals = matrix.sum(axis=0)
        assert lines[12].split() == ["total", *map(str, totals), str(matrix.sum())]
        precisions = [
            f"{100 * matrix[c, c] / totals[c]:.1f}" if matrix[c, c] else "0.0" for c in range(10)
        ]
        accuracy = f"{100 * np.trace(matrix) / matrix.sum():.1f}%"
        assert lines[13].split() == ["prec.%", *precisions, accuracy]
        assert "hidden" not in app.whole
        assert " of 10," not in app.whole


async def test_one_cell_less_than_the_minimum_hides_something_and_says_so() -> None:
    for size in ((WIDTH - 1, HEIGHT), (WIDTH, HEIGHT - 1)):
        app = MatrixApp()
        async with app.run_test(size=size) as pilot:
            app.matrix.show(counts(10), DIGITS)
            await pilot.pause()
            assert "not all totals shown" in app.whole
            assert {"0", "9"} <= set(app.lines[1].split())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("classes", [1, 2, 10, 63])
async def test_every_size_shows_whole_numbers_and_says_what_is_hidden(
    classes: int, size: tuple[int, int]
) -> None:
    matrix = counts(classes) if classes > 1 else np.array([[1000]])
    app = MatrixApp()
    async with app.run_test(size=size) as pilot:
        app.matrix.show(matrix, names(classes))
        for keys in ([], ["right"] * 3, ["end", "pagedown", "pagedown"], ["left", "up"]):
            await pilot.press(*keys)
            await pilot.pause()
            head, *body = app.lines[1:]
            seen_columns = [int(word) for word in head.split()[2:] if word.isdigit()]
            rows = [line for line in body if line.split() and line.split()[0].isdigit()]
            rows = [line for line in rows if not {"hidden", "→", "of"} & set(line.split())]
            seen_rows = []
            for line in rows:
                label, *numbers = line.split()
                seen_rows.append(int(label))
                shown = [str(n) if n else "·" for n in matrix[int(label), seen_columns]]
                assert numbers[: len(shown)] == shown
            assert seen_rows
            assert seen_columns
            row, column = app.matrix.cursor
            assert row is None or row in seen_rows
            assert column is None or column in seen_columns
            hidden = mistakes(matrix) - sum(
                int(matrix[r, c]) for r in seen_rows for c in seen_columns if r != c
            )
            said = f"{hidden:_}".replace("_", " ")
            if len(seen_columns) == len(seen_rows) == classes:
                assert "mistake" not in app.whole
            elif f"{said} " not in app.whole:
                # Said of each side: the sides must add up.
                after, before = seen_columns[-1] + 1, seen_columns[0]
                off = matrix - np.diag(np.diag(matrix))
                if after < classes:
                    assert _said(app.whole, int(off[:, after:].sum()), "to the right")
                if before:
                    assert _said(app.whole, int(off[:, :before].sum()), "to the left")
                if seen_rows[-1] + 1 < classes:
                    assert _said(app.whole, int(off[seen_rows[-1] + 1 :].sum()), "below")
                if seen_rows[0]:
                    assert _said(app.whole, int(off[: seen_rows[0]].sum()), "above")


def _said(text: str, number: int, place: str) -> bool:
    shown = f"{number:_}".replace("_", " ") if number else "no"
    return any(f"{shown}{noun} {place}" in text for noun in (" mistakes", " mistake", ""))


async def test_where_nothing_fits_words_say_so() -> None:
    app = MatrixApp()
    async with app.run_test(size=(10, 4)) as pilot:
        app.matrix.show(counts(10), DIGITS)
        await pilot.press("down", "enter")
        await pilot.pause()
        assert " ".join(app.whole.split()) == NO_ROOM
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "recall" in app.whole


async def test_the_selected_cell_stands_in_brackets_without_colour() -> None:
    app = MatrixApp()
    async with app.run_test(size=(80, 24)) as pilot:
        matrix = app.matrix
        matrix.show(np.diag([7] * 10) + 5, ["cat", *DIGITS[1:]])
        for cell, mark, y in (
            ((4, 9), "[5]", 6),
            ((3, 3), "[12]", 5),
            ((0, None), "[cat]", 2),
            ((None, 0), "[cat]", 1),
            ((None, None), "[true ↓]", 1),
        ):
            matrix.select(*cell)
            await pilot.pause()
            assert mark in app.lines[y]
            assert app.whole.count("[") == app.whole.count("]") == 1
            assert matrix.cursor == matrix.selected == cell
        matrix.clear()
        await pilot.pause()
        assert "[" not in app.whole
        with pytest.raises(ValueError, match="10 classes"):
            matrix.select(10, 0)


async def test_the_cursor_is_seen_without_colour() -> None:
    app = MatrixApp()
    async with app.run_test(size=(80, 24)) as pilot:
        matrix = app.matrix
        matrix.show(counts(10), DIGITS)
        matrix.focus()
        await pilot.press("down")
        await pilot.pause()
        strip = matrix.render_line(3)
        reversed_texts = [text for text, style, _ in strip if style and style.reverse]
        assert len(reversed_texts) == 1
        assert not any(style.reverse for _, style, _ in matrix.render_line(2) if style)
        app.set_focus(None)
        await pilot.pause()
        styles = [style for _, style, _ in matrix.render_line(3) if style]
        assert any(style.underline for style in styles)
        assert not any(style.reverse for style in styles)


async def test_names_from_outside_are_literal_and_do_not_break_columns() -> None:
    outside = ["[red]x[/]", "日本語の長い名前です", "e\x1b[31m", "\u202eabc", "", "plain"]
    app = MatrixApp()
    for size in ((80, 24), (30, 12)):
        async with app.run_test(size=size) as pilot:
            matrix = app.matrix
            matrix.show(counts(6, each=99, wrong=9), outside)
            await pilot.pause()
            assert "[red]" in app.whole
            assert "\x1b" not in app.whole
            assert "\u202e" not in app.whole
            assert all(cell_len(line) == size[0] for line in app.lines)
            rights = {_end_of_first_number(line) for line in app.lines[2:6]}
            assert len(rights) == 1
        app = MatrixApp()


def _end_of_first_number(line: str) -> int:
    """The cell where the number of the first column ends."""
    cells = 0
    ends = []
    for character, following in pairwise(line):
        cells += cell_len(character)
        if character in "·0123456789" and following == " ":
            ends.append(cells)
    return ends[0]


@pytest.mark.parametrize("theme", [DARK, LIGHT])
async def test_every_number_is_legible_on_its_shade(theme: object) -> None:
    app = MatrixApp()
    async with app.run_test(size=(80, 24)) as pilot:
        app.theme = DARK.name if theme is DARK else LIGHT.name
        matrix = app.matrix
        matrix.show(np.arange(100).reshape(10, 10), DIGITS)
        await pilot.pause()
        shades = set()
        for y in range(2, 12):
            for text, style, _ in matrix.render_line(y):
                if style and text.strip().isdigit() and style.color and style.bgcolor:
                    ink, paper = (
                        Color.from_rich_color(color) for color in (style.color, style.bgcolor)
                    )
                    assert _contrast(ink, paper) >= 4.5
                    shades.add(paper.hex)
        assert len(shades) > LEVELS


def _contrast(one: Color, other: Color) -> float:
    """WCAG 2.1's contrast ratio."""

    def luminance(color: Color) -> float:
        parts = [
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
            for part in color.normalized
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_rare_mistakes_are_shaded_beside_a_large_diagonal() -> None:
    levels = MatrixCounts(np.array([[99_000, 1], [10, 0]]), ("a", "b")).levels
    assert levels == [[LEVELS, 2], [LEVELS, 0]]


def test_beside_another_model_cells_say_how_many_more_there_are() -> None:
    ours, theirs = np.array([[90, 10, 0], [5, 80, 15], [0, 2, 98]]), np.array(
        [[94, 6, 0], [5, 70, 25], [0, 0, 100]]
    )  # fmt: skip
    counts = MatrixCounts(ours, DIGITS[:3], theirs, "run 1")
    assert counts.cells == [["-4", "+4", ""], ["", "+10", "-10"], ["", "+2", "-2"]]
    assert counts.levels[1] == [0, LEVELS, LEVELS]
    good = {(row, column) for row in range(3) for column in range(3) if counts.is_good(row, column)}
    assert good >= {(1, 1), (1, 2)}, "more right, and fewer wrong"
    assert not good & {(0, 0), (0, 1), (2, 1), (2, 2)}
    assert cell_text(counts, 1, 2, 80) == "true 1, predicted 2: 15 of 100, 10 fewer than run 1"
    assert cell_text(counts, 0, 1, 80) == "true 0, predicted 1: 10 of 100, 4 more than run 1"
    assert cell_text(counts, 1, 0, 80) == "true 1, predicted 0: 5 of 100, as many as run 1"
    assert cell_text(counts, 1, None, 80) == "true 1: 80 of 100 right, recall 80.0%"


def test_no_matrix_but_a_square_one_is_taken() -> None:
    with pytest.raises(ValueError, match="square"):
        MatrixCounts(np.zeros((2, 3), np.int64), ())


@pytest.mark.parametrize("class_names", [(), ("a",), tuple("abcdef")])
def test_classes_without_a_name_are_called_by_their_number(class_names: Sequence[str]) -> None:
    assert MatrixCounts(np.eye(3, dtype=np.int64), class_names).names == [
        *class_names[:3],
        *("0", "1", "2")[len(class_names) :],
    ]
