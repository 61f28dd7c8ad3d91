import numpy as np
import pytest
from numpy.typing import NDArray
from textual.app import App, ComposeResult
from textual.color import Color
from textual.geometry import Region, Size

from mnist_tui.train.sample_grid import EMPTY_TEXT, SampleGrid

HOSTILE_NAMES = ["[/]", "[red]x", "\x1b[31m"]


class GridApp(App[None]):
    def compose(self) -> ComposeResult:
        yield SampleGrid()

    @property
    def grid(self) -> SampleGrid:
        return self.query_one(SampleGrid)

    @property
    def lines(self) -> list[str]:
        return [self.grid.render_line(y).text for y in range(self.grid.size.height)]


def rings(count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """(images, labels): circles of growing width, labels 0 to 9 in turn."""
    y, x = np.mgrid[-13.5:14, -13.5:14]
    radius = np.hypot(x, y)
    widths = np.linspace(1, 4, count)[:, None, None]
    images = np.where(np.abs(radius - 9) < widths, 255, 0).astype(np.uint8)
    return images, np.arange(count, dtype=np.uint16) % 10


def sure(count: int) -> NDArray[np.float32]:
    return np.full(count, 0.9, np.float32)


def capacity(grid: SampleGrid, size: Size) -> int:
    """How many of the samples fit into `size` cells."""
    sheet = grid._arranged(size)
    return min(sheet.count, len(grid._samples.true_labels)) if sheet and grid._samples else 0


DIGITS = [str(digit) for digit in range(10)]


async def test_an_empty_grid_says_what_will_be_there() -> None:
    app = GridApp()
    async with app.run_test(size=(46, 20)):
        assert " ".join("".join(app.lines).split()) == EMPTY_TEXT
        assert app.grid.title == "Samples"
        assert capacity(app.grid, app.grid.size) == 0


async def test_only_the_lines_of_a_digit_that_looks_different_are_painted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images, labels = rings(60)
    right = labels.astype(np.uint8)
    app = GridApp()
    async with app.run_test(size=(46, 36)) as pilot:
        app.grid.show_samples(images, labels, DIGITS)
        app.grid.show_predictions("run 1", right, sure(60), 3)
        await pilot.pause()
        before = list(app.lines)
        painted: list[Region] = []
        monkeypatch.setattr(app.grid, "refresh", lambda *regions: painted.extend(regions))
        wrong = right.copy()
        wrong[0] = 5
        app.grid.show_predictions("run 1", wrong, sure(60), 3)
        after = [strip.text for strip in app.grid.draw()]
        sheet = app.grid._sheet
        assert sheet is not None
        assert len(painted) == sheet.rows + sheet.label_rows, "its colour too has changed"
        assert max(region.y for region in painted) < len(before) // sheet.down
        assert any("0 → 5 ✗" in after[region.y] for region in painted)
        assert app.grid._strips is not None
        assert [strip.text for strip in app.grid._strips] == after


async def test_predictions_mark_what_is_wrong_and_are_counted_in_the_title() -> None:
    images, labels = rings(60)
    predictions = labels.astype(np.uint8)
    predictions[[0, 4]] = 5, 9
    app = GridApp()
    async with app.run_test(size=(46, 36)) as pilot:
        app.grid.show_samples(images, labels, DIGITS)
        assert "✗" not in "".join(app.lines)
        assert app.grid.title == "Samples"
        app.grid.show_predictions("run 1", predictions, sure(60), 3)
        await pilot.pause()
        text = "\n".join(app.lines)
        shown = app.grid.shown_count
        assert 12 <= shown <= 24
        assert shown == capacity(app.grid, app.grid.size)
        assert "0 → 5 ✗" in text
        assert "4 → 9 ✗" in text
        assert text.count("✗") == 2
        assert app.grid.title == f"Samples · run 1 · epoch 3 · {shown - 2} of {shown} right"
        assert str(app.grid.border_title) == app.grid.title

        app.grid.show_samples(images, labels, DIGITS)
        assert "✗" not in "".join(app.lines)
        assert app.grid.title == "Samples"


async def test_the_same_predictions_are_not_drawn_again() -> None:
    images, labels = rings(20)
    app = GridApp()
    async with app.run_test(size=(46, 36)):
        app.grid.show_samples(images, labels, DIGITS)
        app.grid.show_predictions("run 1", labels.astype(np.uint8), sure(20), 1)
        drawn = app.grid.render_line(0)
        app.grid.show_predictions("run 1", labels.astype(np.uint8), sure(20), 2)
        assert app.grid.render_line(0) is drawn
        assert "epoch 2" in app.grid.title


async def test_predictions_of_other_samples_are_refused() -> None:
    images, labels = rings(20)
    app = GridApp()
    async with app.run_test():
        app.grid.show_samples(images, labels, DIGITS)
        with pytest.raises(ValueError, match="not of the samples on show"):
            app.grid.show_predictions("run 1", labels[:5].astype(np.uint8), sure(5), 1)


async def test_a_resize_changes_how_many_digits_fit() -> None:
    images, labels = rings(60)
    app = GridApp()
    async with app.run_test(size=(24, 18)) as pilot:
        app.grid.show_samples(images, labels, DIGITS)
        few = app.grid.shown_count
        assert capacity(app.grid, Size(76, 55)) > few
        await pilot.resize_terminal(76, 55)
        await pilot.pause()
        assert app.grid.shown_count == capacity(app.grid, Size(76, 55))
        await pilot.resize_terminal(2, 2)
        await pilot.pause()
        assert app.grid.shown_count == 0
        assert len(app.lines) == 2


async def test_class_names_from_outside_are_drawn_as_plain_text() -> None:
    images, _ = rings(3)
    labels = np.arange(3, dtype=np.uint16)
    app = GridApp()
    async with app.run_test(size=(60, 12)) as pilot:
        app.grid.show_samples(images, labels, HOSTILE_NAMES)
        app.grid.show_predictions("run 1", np.array([1, 2, 0], np.uint8), sure(3), None)
        await pilot.hover(SampleGrid, offset=(10, 3))
        text = "\n".join(app.lines)
        assert "[/]" in text
        assert "→ [red]x ✗" in text
        assert "→ ␛[31m ✗" in text
        assert "\x1b" not in text
        assert str(app.grid.tooltip) == ("True label [/], predicted [red]x with confidence 0.900.")


async def test_dark_on_light_digits_look_like_the_others() -> None:
    images, labels = rings(20)
    app = GridApp()
    async with app.run_test(size=(46, 20)):
        app.grid.show_samples(images, labels, DIGITS)
        usual = app.lines
        app.grid.show_samples(255 - images, labels, DIGITS, dark_on_light=True)
        assert app.lines == usual


async def test_the_style_of_the_digits_can_be_changed() -> None:
    images, labels = rings(20)
    app = GridApp()
    async with app.run_test(size=(46, 20)):
        app.grid.show_samples(images, labels, DIGITS)
        assert "@" in "".join(app.lines)
        app.grid.show_style("half-block")
        assert "▀" in "".join(app.lines)
        app.grid.show_style("braille")
        assert any("\u2801" <= character <= "\u28ff" for character in "".join(app.lines))


async def test_a_change_of_theme_recolours_the_digits() -> None:
    images, labels = rings(20)
    app = GridApp()
    async with app.run_test(size=(46, 20)) as pilot:
        app.theme = "textual-dark"
        app.grid.show_samples(images, labels, DIGITS)
        await pilot.pause()
        brightness = []
        for theme in ("textual-dark", "textual-light"):
            app.theme = theme
            await pilot.pause()
            strips = map(app.grid.render_line, range(app.grid.size.height))
            style = next(part.style for strip in strips for part in strip if "@" in part.text)
            assert style is not None
            assert style.color is not None
            brightness.append(Color.from_rich_color(style.color).brightness)
        assert brightness[0] > 0.5 > brightness[1]


class ChoosingApp(GridApp):
    def __init__(self) -> None:
        super().__init__()
        self.chosen: list[int] = []

    def on_sample_grid_chosen(self, event: SampleGrid.Chosen) -> None:
        self.chosen.append(event.position)


async def test_a_digit_is_chosen_by_click_or_enter_and_the_cursor_is_seen_without_colour() -> None:
    images, labels = rings(60)
    app = ChoosingApp()
    async with app.run_test(size=(46, 36)) as pilot:
        app.grid.show_samples(images, labels, DIGITS)
        app.grid.focus()
        await pilot.pause()
        assert "".join(app.lines).count("▸") == 1
        await pilot.press("right", "right", "left", "down", "enter")
        sheet = app.grid._sheet
        assert sheet is not None
        assert app.chosen == [1 + sheet.across]
        await pilot.press("left", "left", "up", "up", "enter")
        assert app.chosen[1:] == [0]
        await pilot.click(SampleGrid, offset=(45, 3))
        assert app.chosen[2:] == [sheet.across - 1]
        app.set_focus(None)
        await pilot.pause()
        assert "▸" not in "".join(app.lines)
