"""The confusion matrix: what it shows at every size, keys and mouse, how little it draws."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.color import Color
from textual.events import MouseScrollDown
from textual.strip import Strip

from mnist_tui.mistakes.confusion_matrix import NO_ROOM, ConfusionMatrix
from mnist_tui.mistakes.matrix_layout import LEVELS, MatrixCounts
from mnist_tui.settings.themes import DARK, LIGHT

SIZES = [(20, 8), (31, 9), (44, 20), (60, 14), (80, 24), (120, 40)]
DIGITS = [str(digit) for digit in range(10)]
WIDTH, HEIGHT = 71, 15
"""Cells in which ten classes with totals of four digits stand whole."""


class CountingMatrix(ConfusionMatrix):
    """Counts the lines that are drawn."""

    lines_drawn = 0

    def render_line(self, y: int) -> Strip:
        self.lines_drawn += 1
        return super().render_line(y)


class MatrixApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        self.chosen: list[tuple[int | None, int | None]] = []

    def compose(self) -> ComposeResult:
        yield CountingMatrix()

    def on_confusion_matrix_chosen(self, event: ConfusionMatrix.Chosen) -> None:
        self.chosen.append((event.true, event.predicted))

    @property
    def matrix(self) -> CountingMatrix:
        return self.query_one(CountingMatrix)

    @property
    def lines(self) -> list[str]:
        strips = self.screen._compositor.render_strips()
        return [strip.text for strip in strips]

    @property
    def whole(self) -> str:
        return "\n".join(self.lines)


def counts(classes: int, each: int = 1000, wrong: int = 40, seed: int = 0) -> NDArray[np.int64]:
    """`each` samples a class, `wrong` of them taken for random others."""
    random = np.random.default_rng(seed)
    matrix = np.diag(np.full(classes, each - wrong)).astype(np.int64)
    for row in range(classes):
        for other in random.integers(1, classes, wrong):
            matrix[row, (row + other) % classes] += 1
    return matrix


def names(classes: int) -> list[str]:
    return [str(label) for label in range(classes)]


def mistakes(matrix: NDArray[np.int64]) -> int:
    return int(matrix.sum() - np.trace(matrix))


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


async def test_keys_reach_cells_headers_and_ends() -> None:
    app = MatrixApp()
    async with app.run_test(size=(80, 24)) as pilot:
        matrix = app.matrix
        matrix.show(counts(10), DIGITS)
        matrix.focus()
        for keys, place in (
            (["down", "j", "right", "l", "l"], (2, 3)),
            (["k", "h"], (1, 2)),
            (["end"], (1, 9)),
            (["right"], (1, 9)),
            (["home"], (1, 0)),
            (["left"], (1, None)),
            (["left"], (1, None)),
            (["up", "up"], (None, None)),
            (["right"], (None, 0)),
            (["pagedown"], (9, 0)),
            (["down"], (9, 0)),
            (["pageup"], (0, 0)),
        ):
            await pilot.press(*keys)
            assert matrix.cursor == place, keys
        assert app.chosen == []
        assert matrix.selected is None


async def test_enter_chooses_cells_rows_columns_and_all() -> None:
    app = MatrixApp()
    async with app.run_test(size=(80, 24)) as pilot:
        matrix = app.matrix
        matrix.show(counts(10), DIGITS)
        matrix.focus()
        await pilot.press("enter", "up", "enter", "left", "enter", "down", "down", "enter")
        assert app.chosen == [(0, 0), (None, 0), (None, None), (1, None)]
        assert matrix.selected == (1, None)
        matrix.clear()
        assert matrix.selected is None
        assert matrix.cursor == (1, None)


async def test_a_click_chooses_what_is_under_it_also_when_scrolled() -> None:
    app = MatrixApp()
    async with app.run_test(size=(60, 20)) as pilot:
        matrix = app.matrix
        matrix.show(counts(63), names(63))
        matrix.focus()
        await pilot.press("end", "pagedown", "pagedown")
        await pilot.pause()
        lines = app.lines
        x = lines[1].index("60") + 1
        y = next(y for y, line in enumerate(lines) if line.split()[:1] == ["20"])
        await pilot.click(offset=(x, y))
        await pilot.click(offset=(x, 1))
        await pilot.click(offset=(4, y))
        await pilot.click(offset=(4, 1))
        await pilot.click(offset=(len(lines[y].rstrip()) - 1, y))
        assert app.chosen == [(20, 60), (None, 60), (20, None), (None, None), (20, None)]
        await pilot.click(offset=(4, 0))
        await pilot.click(offset=(4, 19))
        assert len(app.chosen) == 5


async def test_the_wheel_scrolls_and_leaves_the_cursor() -> None:
    app = MatrixApp()
    async with app.run_test(size=(60, 20)) as pilot:
        matrix = app.matrix
        matrix.show(counts(63), names(63))
        await pilot.pause()
        for shift in (False, True):
            event = MouseScrollDown(matrix, 5, 5, 0, 1, 0, shift, False, False)
            matrix.post_message(event)
        await pilot.pause()
        assert app.lines[1].split()[2] == "1"
        assert app.lines[2].split()[0] == "1"
        assert matrix.cursor == (0, 0)
        await pilot.press("right")
        await pilot.pause()
        assert matrix.cursor == (0, 1)
        assert app.lines[2].split()[0] == "0"


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


async def test_new_counts_keep_cursor_selection_and_scroll() -> None:
    app = MatrixApp()
    async with app.run_test(size=(60, 20)) as pilot:
        matrix = app.matrix
        matrix.show(counts(63), names(63))
        matrix.select(40, 50)
        matrix.focus()
        await pilot.press("up", "up", "left")
        await pilot.pause()
        before = [line.split()[0] for line in app.lines[1:12]], app.lines[1].split()
        matrix.show(counts(63, wrong=300, seed=2), names(63))
        await pilot.pause()
        assert ([line.split()[0] for line in app.lines[1:12]], app.lines[1].split()) == before
        assert matrix.cursor == (38, 49)
        assert matrix.selected == (40, 50)
        matrix.show(counts(10), DIGITS)
        await pilot.pause()
        assert matrix.cursor == (9, 9)
        assert matrix.selected is None


@pytest.mark.parametrize("classes", [2, 10, 63])
async def test_a_move_draws_the_lines_of_the_cursor_only(classes: int) -> None:
    app = MatrixApp()
    async with app.run_test(size=(120, 40)) as pilot:
        matrix = app.matrix
        matrix.show(counts(classes), names(classes))
        matrix.focus()
        await pilot.pause()
        for key, most in (("down", 4), ("right", 3), ("up", 4)):
            before = matrix.lines_drawn
            await pilot.press(key)
            await pilot.pause()
            assert 0 < matrix.lines_drawn - before <= most
        await pilot.press("h", "h", "k", "k")
        await pilot.pause()
        before = matrix.lines_drawn
        await pilot.press("left", "up")
        await pilot.pause()
        assert matrix.lines_drawn == before


async def test_moves_leave_the_screen_as_a_whole_redraw_would() -> None:
    app = MatrixApp()
    async with app.run_test(size=(80, 24)) as pilot:
        matrix = app.matrix
        matrix.show(counts(63), names(63))
        matrix.focus()
        await pilot.press(*["down"] * 20, *["right"] * 20, "up", "left", "enter", "k", "h")
        await pilot.pause()
        by_lines = app.export_screenshot(simplify=True)
        app.refresh()
        await pilot.pause()
        assert app.export_screenshot(simplify=True) == by_lines


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


async def test_a_pointer_over_a_cell_tells_its_full_names() -> None:
    app = MatrixApp()
    async with app.run_test(size=(80, 24)) as pilot:
        matrix = app.matrix
        matrix.show(counts(10), ["Ankle [b]boot[/]", *DIGITS[1:]])
        await pilot.hover(offset=(4, 2))
        await pilot.pause()
        assert "Ankle [b]boot[/]: 960 of 1000 right" in str(matrix.tooltip)


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


def test_no_matrix_but_a_square_one_is_taken() -> None:
    with pytest.raises(ValueError, match="square"):
        MatrixCounts(np.zeros((2, 3), np.int64), ())


@pytest.mark.parametrize("class_names", [(), ("a",), tuple("abcdef")])
def test_classes_without_a_name_are_called_by_their_number(class_names: Sequence[str]) -> None:
    assert MatrixCounts(np.eye(3, dtype=np.int64), class_names).names == [
        *class_names[:3],
        *("0", "1", "2")[len(class_names) :],
    ]
