"""The gallery on a bare app: what is drawn, how little is drawn, keys and mouse."""

from dataclasses import replace
from random import Random
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.events import MouseScrollDown
from textual.geometry import Offset
from textual.strip import Strip

from mnist_core.data.dataset import Examples
from mnist_core.store import StoredAnswers
from mnist_tui.mistakes import gallery
from mnist_tui.mistakes.gallery import Gallery, Tiles, draw_tile
from mnist_tui.mistakes.gallery_layout import GalleryLayout, lay_out
from mnist_tui.mistakes.sample_query import LabelledAnswers

DIGITS = tuple("0123456789")


class CountingGallery(Gallery):
    """Counts the lines that are drawn."""

    lines_drawn = 0

    def render_line(self, y: int) -> Strip:
        self.lines_drawn += 1
        return super().render_line(y)


@pytest.fixture
def tile_drawn(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """What draws a tile, called as ever; it counts how often."""
    counting = Mock(wraps=draw_tile)
    monkeypatch.setattr(gallery, "draw_tile", counting)
    return counting


class GalleryApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.moved: list[int | None] = []

    def compose(self) -> ComposeResult:
        yield CountingGallery()

    def on_gallery_moved(self, event: Gallery.Moved) -> None:
        self.moved.append(event.index)

    @property
    def gallery(self) -> CountingGallery:
        return self.query_one(CountingGallery)

    @property
    def lines(self) -> list[str]:
        return [self.gallery.render_line(y).text for y in range(self.gallery.size.height)]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def layout(self) -> GalleryLayout:
        """That of 28x28 images with names of one cell."""
        layout = lay_out(*self.gallery.scrollable_content_region.size, (28, 28), 1)
        assert layout is not None
        return layout

    @property
    def across(self) -> int:
        return self.layout.across


def tiles(
    count: int,
    rows: list[int] | None = None,
    names: tuple[str, ...] = DIGITS,
    shape: tuple[int, int] = (28, 28),
) -> Tiles:
    """Full images; classes in turn, every third one taken for the next class, 97 % sure."""
    labels = (np.arange(count) % len(names)).astype(np.uint16)
    predictions = labels.copy()
    predictions[::3] = (labels[::3] + 1) % len(names)
    return tiles_of(labels, predictions, rows, names, shape)


def tiles_of(
    labels: NDArray[np.uint16],
    predictions: NDArray[np.uint16],
    rows: list[int] | None,
    names: tuple[str, ...],
    shape: tuple[int, int],
) -> Tiles:
    """Full images of `labels` with answers that are 97 % sure."""
    count = len(labels)
    images = np.full((count, *shape), 255, np.uint8)
    sure = np.full(count, 0.97, np.float16)
    answers = StoredAnswers(1, predictions, np.zeros(count, np.float16), sure)
    return Tiles(
        LabelledAnswers(Examples(images, labels), names, answers),
        rows=np.arange(count) if rows is None else np.array(rows, np.intp),
        dark_on_light=False,
        empty="Nothing is wrong here.",
    )


def unanswered(tiles: Tiles) -> Tiles:
    """The same samples before any model has answered."""
    return replace(tiles, labelled=replace(tiles.labelled, answers=None))


def with_images(tiles: Tiles, images: NDArray[np.uint8]) -> Tiles:
    examples = Examples(images, tiles.labelled.labels)
    return replace(tiles, labelled=replace(tiles.labelled, examples=examples))


async def test_each_tile_has_its_digit_its_labels_and_the_confidence() -> None:
    app = GalleryApp()
    async with app.run_test(size=(60, 24)):
        shown = tiles(3)
        app.gallery.show(shown)
        assert "@@@@" in app.text
        assert "0 → 1 ✗ 97 %" in app.text
        assert "1 · 97 %" in app.text
        assert app.text.count("✗") == 1

        app.gallery.show(unanswered(shown))
        assert "✗" not in app.text
        assert "%" not in app.text
        assert {"0", "1", "2"} <= set(app.text.split())


async def test_wrong_labels_alone_have_the_error_colour() -> None:
    app = GalleryApp()
    async with app.run_test(size=(60, 24)):
        app.gallery.show(tiles(3))
        wrong = app.gallery.get_component_rich_style("gallery--wrong").color
        strips = map(app.gallery.render_line, range(app.gallery.size.height))
        red = [part.text for s in strips for part in s if part.style and part.style.color == wrong]
        assert red == ["0 → 1 ✗ 97 %"]


@pytest.mark.parametrize("empty", ["Nothing is wrong [/] here.", "[red]x \x1b[31m"])
async def test_without_rows_there_is_a_sentence(empty: str) -> None:
    app = GalleryApp()
    async with app.run_test(size=(60, 24)) as pilot:
        assert app.text.strip() == ""
        app.gallery.show(replace(tiles(3, []), empty=empty))
        await pilot.press("down", "end", "enter", "pageup")
        assert app.text.strip() == empty.replace("\x1b", "␛")
        assert app.gallery.current is None
        assert app.gallery.cursor == 0
        assert app.moved == []


async def test_ten_thousand_samples_cost_no_more_than_those_in_view(
    tile_drawn: Mock,
) -> None:
    app = GalleryApp()
    async with app.run_test(size=(80, 30)) as pilot:
        gallery = app.gallery
        gallery.show(tiles(10_000))
        await pilot.pause()
        # A repaint after the layout may draw the view twice; never more than is in view.
        in_view = app.across * 5
        assert 0 < tile_drawn.call_count <= 2 * in_view
        assert gallery.lines_drawn <= 3 * gallery.size.height

        tiles_before, lines_before = tile_drawn.call_count, gallery.lines_drawn
        await pilot.press("right")
        await pilot.pause()
        assert tile_drawn.call_count - tiles_before == 2
        assert 0 < gallery.lines_drawn - lines_before < gallery.size.height

        before = tile_drawn.call_count
        await pilot.press("end")
        await pilot.pause()
        assert gallery.current == 9999
        assert tile_drawn.call_count - before <= 2 * in_view


async def test_scrolling_through_all_samples_does_not_keep_them_all(
    tile_drawn: Mock,
) -> None:
    app = GalleryApp()
    async with app.run_test(size=(40, 12)):
        app.gallery.show(tiles(2000))
        for _ in range(60):
            app.gallery.action_move_page(1)
            assert "▌" in app.text
        assert tile_drawn.call_count > 60
        assert len(app.gallery._drawn) < 60


async def test_a_row_of_which_only_a_part_is_kept_is_drawn_whole() -> None:
    app = GalleryApp()
    async with app.run_test(size=(60, 12)):
        gallery, walk = app.gallery, Random(0)
        gallery.show(tiles(600))
        for _ in range(1500):
            # The tile that the cursor leaves may be out of view, and is not drawn again then.
            gallery.action_move_page(walk.choice([1, 0, -1]))
            y = gallery.scroll_offset.y + walk.randint(-100, 100)
            gallery.scroll_to(y=max(0, y), animate=False, force=True, immediate=True)
            assert {cell_len(line) for line in app.lines} == {gallery.size.width}


async def test_keys_move_the_cursor() -> None:
    app = GalleryApp()
    async with app.run_test(size=(80, 30)) as pilot:
        gallery = app.gallery
        gallery.show(tiles(100))
        across = app.across
        last = 99

        async def after(*keys: str) -> int:
            await pilot.press(*keys)
            return gallery.cursor

        assert await after("left") == 0
        assert await after("up") == 0
        assert await after("right", "l") == 2
        assert await after("h") == 1
        assert await after("down") == 1 + across
        assert await after("j") == 1 + 2 * across
        assert await after("k", "up") == 1
        assert await after("pagedown") > across
        assert await after("pageup") == 1
        assert await after("end") == last
        assert await after("down") == last
        assert await after("right") == last
        assert await after("pagedown") == last
        assert await after("G", "g") == 0
        assert await after("end", "home") == 0
        assert app.moved[:4] == [0, 1, 2, 1]


async def test_down_from_the_last_row_but_one_goes_to_the_last_sample() -> None:
    app = GalleryApp()
    async with app.run_test(size=(80, 30)) as pilot:
        across = app.across
        assert across > 1
        app.gallery.show(tiles(across + 1))
        await pilot.press(*["right"] * (across - 1), "down")
        assert app.gallery.cursor == across
        await pilot.press("down")
        assert app.gallery.cursor == across


async def test_the_cursor_is_always_in_view_and_marked_without_colour() -> None:
    app = GalleryApp()
    async with app.run_test(size=(60, 20)) as pilot:
        app.gallery.show(tiles(50))
        for key in ["down"] * 8 + ["end", "pageup", "home"]:
            await pilot.press(key)
            marked = [line for line in app.lines if "▌" in line]
            assert all(line.count("▌") == line.count("▐") == 1 for line in marked)
            label = int(app.gallery.current or 0) % 10
            assert str(label) in marked[-1].split("▌")[1].split("▐")[0]
            assert len(marked) >= 4


@pytest.mark.parametrize("width", range(50, 60))
async def test_the_scrollbar_hides_nothing_of_the_last_tile(width: int) -> None:
    app = GalleryApp()
    async with app.run_test(size=(width, 20)) as pilot:
        app.gallery.show(tiles(50))
        app.gallery.action_move(app.across - 1)
        await pilot.pause()
        assert app.gallery.show_vertical_scrollbar
        screen = [strip.text for strip in app.screen._compositor.render_strips()]
        assert sum("▐" in line for line in screen) == sum("▌" in line for line in screen) > 3


async def test_messages_tell_where_the_cursor_is() -> None:
    app = GalleryApp()
    async with app.run_test(size=(60, 20)) as pilot:
        app.gallery.show(tiles(50, [7, 5, 30]))
        await pilot.press("right", "right", "right")
        app.gallery.show(tiles(50, []))
        await pilot.pause()
        assert app.moved == [7, 5, 30, None]


async def test_the_mouse_moves_and_scrolls() -> None:
    app = GalleryApp()
    async with app.run_test(size=(80, 20)) as pilot:
        app.gallery.show(tiles(60))
        layout = app.layout
        second = layout.region(1).offset + Offset(3, 2)
        await pilot.click(Gallery, offset=second)
        assert app.gallery.cursor == 1
        await pilot.click(Gallery, offset=second, times=2)
        assert app.gallery.cursor == 1

        x, y = second
        for _ in range(3):
            wheel = MouseScrollDown(app.gallery, x, y, 0, 1, 0, False, False, False)
            app.gallery.post_message(wheel)
        await pilot.pause()
        await pilot.wait_for_scheduled_animations()
        assert app.gallery.scroll_offset.y > 0
        assert app.gallery.cursor == 1

        app.gallery.scroll_to(y=layout.tile_height, animate=False)
        await pilot.pause()
        await pilot.click(Gallery, offset=second)
        assert app.gallery.cursor == 1 + layout.across


async def test_a_click_beside_the_samples_does_nothing() -> None:
    app = GalleryApp()
    async with app.run_test(size=(80, 30)) as pilot:
        app.gallery.show(tiles(1))
        await pilot.click(Gallery, offset=(70, 25))
        assert app.moved == [0]
        assert app.gallery.cursor == 0


async def test_the_cursor_stays_on_its_sample_when_rows_come_and_go() -> None:
    app = GalleryApp()
    async with app.run_test(size=(60, 20)) as pilot:
        gallery = app.gallery
        gallery.show(tiles(100))
        await pilot.press("right", "right", "right")
        gallery.show(tiles(100, list(range(99, -1, -1))))
        await pilot.pause()
        assert (gallery.current, gallery.cursor) == (3, 96)
        assert "▌" in app.text
        gallery.show(tiles(100, [1, 2, 4, 5, 6]))
        assert gallery.cursor == 4
        gallery.show(tiles(100, []))
        gallery.show(tiles(100, [1, 6, 7]))
        assert gallery.current == 6, "an empty gallery does not make the cursor forget"


async def test_other_answers_keep_the_scroll() -> None:
    app = GalleryApp()
    async with app.run_test(size=(60, 20)) as pilot:
        gallery = app.gallery
        gallery.show(tiles(100))
        await pilot.press(*["down"] * 6)
        gallery.scroll_to(y=gallery.scroll_offset.y + 3, animate=False)
        scrolled, cursor = gallery.scroll_offset.y, gallery.cursor
        assert scrolled > 0
        gallery.show(unanswered(tiles(100)))
        await pilot.pause()
        assert (gallery.scroll_offset.y, gallery.cursor) == (scrolled, cursor)
        assert "%" not in app.text

        gallery.scroll_to(y=0, animate=False)
        gallery.show(tiles(100))
        await pilot.pause()
        assert gallery.scroll_offset.y == 0, "the user looks elsewhere than at the cursor"


async def test_the_style_can_be_changed() -> None:
    app = GalleryApp()
    async with app.run_test(size=(60, 20)):
        app.gallery.show(tiles(5))
        app.gallery.show_style("half-block")
        assert "▀" in app.text
        app.gallery.show_style("braille")
        assert "⣿" in app.text
        assert "▀" not in app.text


async def test_dark_on_light_digits_look_like_the_others() -> None:
    app = GalleryApp()
    usual = tiles(5)
    image = np.zeros((28, 28), np.uint8)
    image[4:20, 10:14] = 255
    images = np.repeat(image[None], 5, axis=0)
    usual = with_images(usual, images)
    async with app.run_test(size=(60, 20)):
        app.gallery.show(usual)
        expected = app.lines
        app.gallery.show(replace(with_images(usual, 255 - images), dark_on_light=True))
        assert app.lines == expected


async def test_class_names_from_outside_are_drawn_as_plain_text() -> None:
    app = GalleryApp()
    names = ("[/]", "[red]x", "\x1b[31m")
    async with app.run_test(size=(90, 20)):
        app.gallery.show(tiles(3, names=names))
        assert "→ [red]x ✗ 97 %" in app.text
        assert "[/]" in app.text
        assert "␛[31m" in app.text
        assert "\x1b" not in app.text


async def test_a_change_of_size_or_theme_draws_anew(tile_drawn: Mock) -> None:
    app = GalleryApp()
    async with app.run_test(size=(60, 20)) as pilot:
        app.gallery.show(tiles(100))
        await pilot.press("end")
        for size in [(120, 40), (24, 9), (5, 3), (1, 1), (60, 20)]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert [cell_len(line) for line in app.lines] == [app.gallery.size.width] * size[1]
            assert app.gallery.current == 99
        assert "▌" in app.text
        assert app.gallery.max_scroll_y > 0

        before = tile_drawn.call_count
        app.theme = "textual-light"
        await pilot.pause()
        assert "▌" in app.text
        assert tile_drawn.call_count > before


async def test_a_view_that_is_too_small_says_so() -> None:
    app = GalleryApp()
    async with app.run_test(size=(40, 1)):
        app.gallery.show(tiles(3))
        assert app.text.strip() == "Too small here to show a digit."


@pytest.mark.parametrize("shape", [(28, 28), (50, 50), (8, 6), (20, 33)])
@pytest.mark.parametrize("longest", [1, 2, 20])
def test_tiles_fill_the_width_and_hold_picture_and_labels(
    shape: tuple[int, int], longest: int
) -> None:
    arranged = 0
    for width in range(1, 140, 9):
        for height in range(1, 60, 7):
            layout = lay_out(width, height, shape, longest)
            if layout is None:
                continue
            arranged += 1
            assert layout.across * layout.tile_width <= width
            assert layout.down * layout.tile_height <= height
            assert layout.columns <= layout.label_width
            assert layout.rows + layout.label_rows <= layout.tile_height
            assert abs(layout.columns / (2 * layout.rows) - shape[1] / shape[0]) <= 0.5
            regions = {layout.position(*layout.region(p).offset) for p in range(20)}
            assert regions == set(range(20))
    assert arranged > 20


def test_little_room_has_few_tiles_rather_than_small_ones() -> None:
    sizes = [(40, 12), (80, 30), (160, 60)]
    layouts = [lay_out(*size, (28, 28), 1) for size in sizes]
    counts = [layout.across * layout.down for layout in layouts if layout]
    assert counts == sorted(counts)
    assert counts[0] < 4 < counts[-1]
    assert [layout.rows >= 7 for layout in layouts if layout] == [True] * 3


async def test_sixty_three_classes_with_gaps_are_shown_by_name() -> None:
    labels = np.array([0, 40, 62], np.uint16)
    predictions: NDArray[np.uint16] = np.array([62, 40, 70], np.uint16)
    names = tuple(f"{n:02}" for n in range(63))
    shown = tiles_of(labels, predictions, None, names, (50, 50))
    app = GalleryApp()
    async with app.run_test(size=(80, 20)):
        app.gallery.show(shown)
        assert "00 → 62 ✗ 97 %" in app.text
        assert "40 · 97 %" in app.text
        assert "62 → 70 ✗ 97 %" in app.text, "a class without a name has its number"
