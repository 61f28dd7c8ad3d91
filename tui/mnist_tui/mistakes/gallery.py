"""The gallery: samples as a grid of small pictures, of which only those in view are drawn."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mnist_core.data.dataset import Examples
from mnist_tui.mistakes.gallery_layout import GalleryLayout, lay_out
from mnist_tui.mistakes.sample_query import LabelledAnswers
from mnist_tui.text import numbers
from mnist_tui.text.cropping import cropped, cropped_shape
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.text.visible_text import class_name, in_middle, visible
from mnist_tui.ui.picture_album import PictureAlbum
from mnist_tui.ui.sample_sheet import centred, label_lines, picture_lines
from mnist_tui.ui.tile_cursor import TILE_KEYS, TileCursor

_TOO_SMALL = "Too small here to show a digit."
_LEFT_EDGE, _RIGHT_EDGE = "▌", "▐"
"""They mark the cursor's tile, also where there are no colours."""
_MARK = "*"
"""On the right edge of a tile that somebody has marked."""


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """The samples of a gallery."""

    labelled: LabelledAnswers
    """All samples, shown or not."""
    rows: NDArray[np.intp]
    """(shown,), the indices of the samples to show, in their order."""
    dark_on_light: bool
    empty: str
    """The sentence that stands there while `rows` is empty."""


_NO_SAMPLES = LabelledAnswers(Examples(np.empty((0, 1, 1), np.uint8), np.empty(0, np.uint16)), ())
NO_TILES = Tiles(_NO_SAMPLES, np.empty(0, np.intp), dark_on_light=False, empty="")


@dataclass(frozen=True, slots=True)
class TileStyles:
    """How the parts of a tile are drawn."""

    label: Style
    edge: Style
    mark: Style
    paper: Style
    """What is behind the picture, the labels and the edges."""
    ground: Style
    """What is behind the blanks up to the next tile."""


def draw_tile(
    picture: list[list[Segment]],
    labels: list[str],
    layout: GalleryLayout,
    styles: TileStyles,
    *,
    with_cursor: bool,
    marked: bool = False,
) -> list[list[Segment]]:
    """The lines of one tile: the picture, its labels, and blanks up to the next tile."""
    inner = layout.label_width
    lines = [centred(segments, layout.columns, inner) for segments in picture]
    lines += [centred([Segment(text, styles.label)], cell_len(text), inner) for text in labels]
    left, right = (_LEFT_EDGE, _RIGHT_EDGE) if with_cursor else (" ", " ")
    framed = [
        [
            Segment(left, styles.edge),
            *Segment.apply_style(segments, styles.paper),
            Segment(_MARK, styles.mark) if marked and line == 0 else Segment(right, styles.edge),
        ]
        for line, segments in enumerate(lines)
    ]
    blank = [Segment(" " * layout.tile_width, styles.ground)]
    return framed + [blank] * (layout.tile_height - len(framed))


class Gallery(TileCursor, ScrollView, can_focus=True):
    """Pictures with their labels. The cursor stays on its sample when rows come and go."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = TILE_KEYS
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"gallery--{part}" for part in ("ink", "label", "wrong", "cursor", "mark", "empty")
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
        & > .gallery--mark { color: $accent; }
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

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._tiles = NO_TILES
        self._cropped_shape = (1, 1)
        """(height, width) in pixels that the images have without their margins."""
        self._sample: int | None = None
        """Where the cursor was last; an empty gallery does not make it forget."""
        self._announced: int | None = None
        self._picture_style: PictureStyle = "ascii"
        self._grid: GalleryLayout | None = None
        self._drawn: LRUCache[int, list[list[Segment]]] = LRUCache(0)
        """The lines of tiles by position, those in view and few others."""
        self._album = PictureAlbum(self)

    # -- what is shown ---------------------------------------------------------------------------

    @property
    def current(self) -> int | None:
        """The index of the sample under the cursor among all samples."""
        return int(self._tiles.rows[self.cursor]) if self.tile_count else None

    def show(self, tiles: Tiles) -> None:
        """Show other samples, or the same with other answers.

        The cursor stays on its sample while that is among the rows, else about where it was.
        """
        before, images = self._tiles, tiles.labelled.examples.images
        same_images = before.labelled.examples.images is images
        if not same_images or before.dark_on_light != tiles.dark_on_light:
            self._cropped_shape = cropped_shape(images, tiles.dark_on_light)
        offset = self._cursor_top - self.scroll_offset.y
        in_view = 0 <= offset < max(1, self.size.height)
        at_top = self.scroll_offset.y == 0
        self._tiles = tiles
        places = np.flatnonzero(tiles.rows == (-1 if self._sample is None else self._sample))
        if len(places):
            self.cursor = int(places[0])
        else:
            self.cursor = min(self.cursor, max(0, self.tile_count - 1))
        self._lay_out()
        if in_view and not at_top:
            self.scroll_to(y=self._cursor_top - offset, animate=False, force=True)
        if in_view:
            self._scroll_to_cursor()
        self._announce()

    def go_to(self, index: int) -> None:
        """Put the cursor on the sample `index`, if it is among the rows."""
        for position in np.flatnonzero(self._tiles.rows == index)[:1]:
            self.move_to(int(position))

    def show_style(self, style: PictureStyle) -> None:
        """Draw the digits in another style from now on."""
        if style != self._picture_style:
            self._picture_style = style
            self._album.forget()
            self._redraw()

    # -- moving ----------------------------------------------------------------------------------

    @property
    def tile_count(self) -> int:
        return len(self._tiles.rows)

    @property
    def tiles_across(self) -> int:
        return self._grid.across if self._grid is not None else 0

    @property
    def tiles_down(self) -> int:
        return self._grid.down if self._grid is not None else 0

    def cursor_moved(self, before: int) -> None:
        self._scroll_to_cursor()
        if self._grid is not None and before != self.cursor:
            for changed in (before, self.cursor):
                self._drawn.discard(changed)
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
        return 0 if self._grid is None else self._grid.top(self.cursor)

    def _scroll_to_cursor(self) -> None:
        if self._grid is not None:
            tile = self._grid.region(self.cursor)
            self.scroll_to_region(tile, animate=False, force=True, x_axis=False)

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or self._grid is None:
            return
        position = self._grid.position(offset.x, offset.y + self.scroll_offset.y)
        if position < self.tile_count:
            self.move_to(position)

    # -- drawing ---------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._lay_out()
        self._scroll_to_cursor()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._drawn.clear()

    @property
    def _view(self) -> Size:
        """The cells beside the scrollbar, whose place stays free when there is none."""
        return self.scrollable_content_region.size

    def _lay_out(self) -> None:
        """Find the measures of the grid, and forget what was drawn."""
        longest = max((cell_len(visible(n)) for n in self._tiles.labelled.class_names), default=1)
        self._grid = grid = lay_out(*self._view, self._cropped_shape, longest)
        self.virtual_size = Size(self._view.width, grid.height(self.tile_count) if grid else 0)
        if grid is not None:
            # Scrolling through all samples must not keep them all.
            in_view = (grid.down + 2) * grid.across
            self._drawn.maxsize = 4 * in_view
            # A tile in view is kept there while those around it are drawn.
            self._album.limit = 5 * in_view
        self._redraw()

    def _redraw(self) -> None:
        self._drawn.clear()
        self.refresh()

    def _color(self, part: str) -> Style:
        # Only here are colours that let others shine through mixed with what is behind.
        return Style(color=self.get_component_rich_style(f"gallery--{part}").color)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self.rich_style
        if self._grid is None or not self.tile_count:
            return self._words_line(y)
        row, line = divmod(y + self.scroll_offset.y, self._grid.tile_height)
        first = row * self._grid.across
        last = min(first + self._grid.across, self.tile_count)
        if first >= last:
            return Strip.blank(width, base)
        self._draw_tiles(self._grid, range(first, last))
        segments = [part for position in range(first, last) for part in self._drawn[position][line]]
        return Strip(segments).adjust_cell_length(width, base)

    def _words_line(self, y: int) -> Strip:
        width = self.size.width
        words = _TOO_SMALL if self.tile_count else visible(self._tiles.empty)
        text = in_middle(words, min(width - 4, 70), *self.size, y)
        style = self._color("empty") + Style(bgcolor=self.rich_style.bgcolor)
        return Strip([Segment(text, style)]).adjust_cell_length(width, style)

    def _draw_tiles(self, grid: GalleryLayout, positions: range) -> None:
        """Draw the tiles at `positions` as far as they are not drawn yet."""
        # To get those that are kept keeps them while the others take the place of older ones.
        missing = [position for position in positions if self._drawn.get(position) is None]
        if not missing:
            return
        labelled, indices = self._tiles.labelled, self._tiles.rows[missing]
        images = labelled.examples.images[indices]
        images = cropped(images, self._cropped_shape, self._tiles.dark_on_light)
        pictures = self._album.render(images, grid.columns, grid.rows, self._picture_style)
        ground = self.rich_style
        under_cursor = self.get_component_rich_style("gallery--cursor")
        for place, (position, index) in enumerate(zip(missing, indices, strict=True)):
            with_cursor = position == self.cursor
            paper = Style(bgcolor=(under_cursor if with_cursor else ground).bgcolor)
            ink = self._color("ink") + paper
            styles = TileStyles(
                label=self._color("wrong" if labelled.wrong[index] else "label") + paper,
                edge=self._color("cursor") + paper,
                mark=self._color("mark") + paper,
                paper=paper,
                ground=ground,
            )
            self._drawn[position] = draw_tile(
                list(picture_lines(pictures, place, ink, ink)),
                _labels(labelled, index, grid),
                grid,
                styles,
                with_cursor=with_cursor,
                marked=int(index) in labelled.marked,
            )


def _labels(labelled: LabelledAnswers, index: int, grid: GalleryLayout) -> list[str]:
    """What stands under the picture of a sample."""
    true, predicted = (
        class_name(int(labels[index]), labelled.class_names)
        for labels in (labelled.labels, labelled.predictions)
    )
    confidence = ""
    if labelled.confidences is not None:
        confidence = numbers.percent(float(labelled.confidences[index]))
    return label_lines(true, predicted, grid.label_rows, grid.label_width, confidence)
