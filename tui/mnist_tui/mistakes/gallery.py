"""The gallery: samples as a grid of small pictures, of which only those in view are drawn."""

import textwrap
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mnist_tui.mistakes.gallery_drawing import GalleryLayout, Tiles, TileStyles, draw_tile, lay_out
from mnist_tui.text.digits import PictureStyle, render, shared_box
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.sample_sheet import picture_lines

_TOO_SMALL = "Too small here to show a digit."


class Gallery(ScrollView, can_focus=True):
    """Pictures with their labels. The cursor stays on its sample when rows come and go."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h", "move(-1)", "Left", show=False),
        Binding("right,l", "move(1)", "Right", show=False),
        Binding("up,k", "move_row(-1)", "Up", show=False),
        Binding("down,j", "move_row(1)", "Down", show=False),
        Binding("pageup", "move_page(-1)", "Page up", show=False),
        Binding("pagedown", "move_page(1)", "Page down", show=False),
        Binding("home,g", "move_to_end(-1)", "First", show=False),
        Binding("end,G", "move_to_end(1)", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"gallery--{part}" for part in ("ink", "label", "wrong", "cursor", "empty")
    }
    DEFAULT_CSS = """
    Gallery {
        width: 1fr;
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-gutter: stable;
        scrollbar-size-vertical: 1;
        & > .gallery--ink { color: $foreground; }
        & > .gallery--label { color: $text-muted; }
        & > .gallery--wrong { color: $text-error; }
        & > .gallery--cursor { color: $foreground 60%; background: $foreground 8%; }
        & > .gallery--empty { color: $text-muted; }
    }
    Gallery:focus > .gallery--cursor { color: $primary; background: $primary 20%; }
    """

    class Moved(Message):
        """The cursor is on another sample, or on none."""

        def __init__(self, index: int | None) -> None:
            super().__init__()
            self.index = index
            """Of the sample among all of them."""

    class Chosen(Message):
        """The user pressed Enter on a sample, or double-clicked it."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._tiles: Tiles | None = None
        self._boxed: NDArray[np.uint8] | None = None
        """The images without the margin that all of them share."""
        self._cursor = 0
        self._sample: int | None = None
        """Where the cursor was last; an empty gallery does not make it forget."""
        self._announced: int | None = None
        self._picture_style: PictureStyle = "ascii"
        self._grid: GalleryLayout | None = None
        self._drawn: dict[int, list[list[Segment]]] = {}
        """The lines of tiles by position, those in view and few others."""
        self._styles: dict[str, Style] = {}

    # -- what is shown ---------------------------------------------------------------------------

    @property
    def cursor(self) -> int:
        """The position of the cursor among the rows, 0 when there are none."""
        return self._cursor

    @property
    def current(self) -> int | None:
        """The index of the sample under the cursor among all samples."""
        return int(self._tiles.rows[self._cursor]) if self._tiles and self._count else None

    @property
    def _count(self) -> int:
        return 0 if self._tiles is None else len(self._tiles.rows)

    def show(self, tiles: Tiles) -> None:
        """Show other samples, or the same with other answers.

        The cursor stays on its sample while that is among the rows, else about where it was.
        """
        before = self._tiles
        same_images = (
            before is not None
            and before.images is tiles.images
            and before.dark_on_light == tiles.dark_on_light
        )
        if not same_images:
            rows, columns = shared_box(tiles.images, tiles.dark_on_light)
            self._boxed = tiles.images[:, rows, columns]
        offset = self._cursor_top - self.scroll_offset.y
        in_view = 0 <= offset < max(1, self.size.height)
        at_top = self.scroll_offset.y == 0
        self._tiles = tiles
        places = np.flatnonzero(tiles.rows == (-1 if self._sample is None else self._sample))
        if len(places):
            self._cursor = int(places[0])
        else:
            self._cursor = min(self._cursor, max(0, self._count - 1))
        self._lay_out()
        if in_view and not at_top:
            self.scroll_to(y=self._cursor_top - offset, animate=False, force=True)
        if in_view:
            self._scroll_to_cursor()
        self._announce()

    def show_style(self, style: PictureStyle) -> None:
        """Draw the digits in another style from now on."""
        if style != self._picture_style:
            self._picture_style = style
            self._redraw()

    # -- moving ----------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        self._move_to(self._cursor + by)

    def action_move_row(self, by: int) -> None:
        """To the tile above or below; from the last row but one never past the last sample."""
        if self._grid is None:
            return
        across = self._grid.across
        last_row = (self._count - 1) // across
        if 0 <= self._cursor // across + by <= last_row:
            self._move_to(self._cursor + by * across)

    def action_move_page(self, pages: int) -> None:
        if self._grid is None:
            return
        across = self._grid.across
        rows = self._grid.down * pages
        column = self._cursor % across
        row = min(max(0, self._cursor // across + rows), max(0, self._count - 1) // across)
        self._move_to(row * across + column)

    def action_move_to_end(self, end: int) -> None:
        self._move_to(0 if end < 0 else self._count - 1)

    def action_choose(self) -> None:
        if self.current is not None:
            self.post_message(self.Chosen(self.current))

    def _move_to(self, position: int) -> None:
        before, after = self._cursor, max(0, min(position, self._count - 1))
        self._cursor = after
        self._scroll_to_cursor()
        if self._grid is not None and before != after:
            for changed in (before, after):
                self._drawn.pop(changed, None)
                self.refresh(self._grid.region(changed).translate(-self.scroll_offset))
        self._announce()

    def _announce(self) -> None:
        current = self.current
        self._sample = self._sample if current is None else current
        if current != self._announced:
            self._announced = current
            self.post_message(self.Moved(current))

    @property
    def _cursor_top(self) -> int:
        return 0 if self._grid is None else self._grid.top(self._cursor)

    def _scroll_to_cursor(self) -> None:
        if self._grid is None:
            return
        top, bottom = self._cursor_top, self._cursor_top + self._grid.tile_height
        first = self.scroll_offset.y
        if top < first:
            self.scroll_to(y=top, animate=False, force=True)
        elif bottom > first + self.size.height:
            self.scroll_to(y=bottom - self.size.height, animate=False, force=True)

    async def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or self._grid is None:
            return
        position = self._grid.position(offset.x, offset.y + self.scroll_offset.y)
        if position < self._count:
            self._move_to(position)
            if event.chain == 2:
                self.action_choose()

    # -- drawing ---------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._lay_out()
        self._scroll_to_cursor()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles = {}
        self._drawn = {}

    @property
    def _view(self) -> Size:
        """The cells beside the scrollbar, whose place stays free when there is none."""
        return self.scrollable_content_region.size

    def _lay_out(self) -> None:
        """Find the measures of the grid, and forget what was drawn."""
        self._grid = None
        if self._tiles is not None and self._boxed is not None:
            height, width = self._boxed.shape[1:]
            longest = max((cell_len(visible(n)) for n in self._tiles.class_names), default=1)
            self._grid = lay_out(*self._view, (height, width), longest)
        height = self._grid.height(self._count) if self._grid else 0
        self.virtual_size = Size(self._view.width, height)
        self._redraw()

    def _redraw(self) -> None:
        self._drawn = {}
        self.refresh()

    def _style(self, part: str) -> Style:
        if part not in self._styles:
            # Only here are colours that let others shine through mixed with what is behind.
            whole = self.get_component_rich_style(f"gallery--{part}")
            ground = whole if part == "cursor" else self.rich_style
            self._styles[part] = Style(color=whole.color, bgcolor=ground.bgcolor)
        return self._styles[part]

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        if self._grid is None or not self._count:
            return self._words_line(y)
        row, line = divmod(y + self.scroll_offset.y, self._grid.tile_height)
        first = row * self._grid.across
        last = min(first + self._grid.across, self._count)
        if first >= last:
            return Strip.blank(width, base)
        self._draw_tiles(first, last)
        segments = [part for position in range(first, last) for part in self._drawn[position][line]]
        return Strip(segments).adjust_cell_length(width, base)

    def _words_line(self, y: int) -> Strip:
        width = self.size.width
        words = visible(self._tiles.empty) if self._tiles and not self._count else ""
        if self._count:
            words = _TOO_SMALL
        lines = textwrap.wrap(words, max(1, min(width - 4, 70)))
        index = y - max(0, (self.size.height - len(lines)) // 2)
        text = lines[index] if 0 <= index < len(lines) else ""
        style = self._style("empty")
        return Strip([Segment(text.center(width), style)]).adjust_cell_length(width, style)

    def _draw_tiles(self, first: int, last: int) -> None:
        """Draw the tiles from `first` to before `last` as far as they are not drawn yet."""
        assert self._tiles is not None
        assert self._boxed is not None
        assert self._grid is not None
        missing = [position for position in range(first, last) if position not in self._drawn]
        if not missing:
            return
        # Scrolling through all samples must not keep them all.
        if len(self._drawn) > 4 * (self._grid.down + 2) * self._grid.across:
            self._drawn = {p: tile for p, tile in self._drawn.items() if first <= p < last}
        indices = self._tiles.rows[missing]
        pictures = render(
            self._boxed[indices],
            self._grid.columns,
            self._grid.rows,
            self._picture_style,
            dark_on_light=self._tiles.dark_on_light,
        )
        for place, (position, index) in enumerate(zip(missing, indices, strict=True)):
            with_cursor = position == self._cursor
            ground = self._style("cursor") if with_cursor else self.rich_style
            paper = Style(bgcolor=ground.bgcolor)
            ink = self._style("ink") + paper
            styles = TileStyles(
                label=self._style("wrong" if self._tiles.is_wrong(index) else "label") + paper,
                edge=self._style("cursor") + paper,
                paper=paper,
                ground=self.rich_style,
            )
            self._drawn[position] = draw_tile(
                list(picture_lines(pictures, place, ink, ink)),
                self._tiles.label_lines(index, self._grid.label_rows, self._grid.label_width),
                self._grid,
                styles,
                with_cursor=with_cursor,
            )
