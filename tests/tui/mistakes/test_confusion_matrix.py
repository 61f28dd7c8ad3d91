"""The confusion matrix as a widget: its keys and its mouse, and how little it draws."""

import pytest
from textual.events import MouseScrollDown

from helpers.matrix_app import DIGITS, MatrixApp, counts, names


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


async def test_a_pointer_over_a_cell_tells_its_full_names() -> None:
    app = MatrixApp()
    async with app.run_test(size=(80, 24)) as pilot:
        matrix = app.matrix
        matrix.show(counts(10), ["Ankle [b]boot[/]", *DIGITS[1:]])
        await pilot.hover(offset=(4, 2))
        await pilot.pause()
        assert "Ankle [b]boot[/]: 960 of 1000 right" in str(matrix.tooltip)
