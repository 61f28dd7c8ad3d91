"""The tiles of the gallery: where they stand, and their lines; pure functions.

They are a grid of equal tiles that goes on below the view.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region

from mnist_tui.text import numbers
from mnist_tui.text.visible_text import class_name
from mnist_tui.ui.sample_sheet import Trade, arrange, centred, label_lines

_TRADE: Trade = ((4, 4), (7, 6), (8, 24), (10, 10_000))
"""(lines, digits), as for the sheet of the train screen, but with larger pictures sooner: what
has no room here is only a key away, and mistakes are hard to read when they are small.
"""
_EDGE = 1
"""Cells at either side of a tile that stay free for the sign of the cursor."""


_LEFT_EDGE, _RIGHT_EDGE = "▌", "▐"
"""They mark the cursor's tile, also where there are no colours."""


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """The samples of a gallery. Arrays with `n` entries hold all samples, shown or not."""

    images: NDArray[np.uint8]
    """(n, height, width)."""
    labels: NDArray[np.uint16] | NDArray[np.uint8]
    """(n,), indices into `class_names`."""
    predictions: NDArray[np.uint16] | NDArray[np.uint8] | None
    """(n,); None before any model has answered."""
    confidences: NDArray[np.float32] | None
    """(n,), from 0 to 1, each that of the prediction."""
    class_names: tuple[str, ...]
    """As they came; the gallery makes them safe to draw."""
    dark_on_light: bool
    rows: NDArray[np.intp]
    """(shown,), the indices of the samples to show, in their order."""
    empty: str = ""
    """The sentence that stands there while `rows` is empty."""

    def is_wrong(self, index: int) -> bool:
        """Whether something else was said of a sample than what it is."""
        return self.predictions is not None and bool(self.predictions[index] != self.labels[index])

    def label_lines(self, index: int, rows: int, width: int) -> list[str]:
        """What stands in `rows` lines of at most `width` cells under the picture of a sample."""
        true = class_name(int(self.labels[index]), self.class_names)
        predicted, confidence = true, ""
        if self.predictions is not None:
            predicted = class_name(int(self.predictions[index]), self.class_names)
        if self.confidences is not None:
            confidence = numbers.percent(float(self.confidences[index]))
        return label_lines(true, predicted, rows, width, confidence)


@dataclass(frozen=True, slots=True)
class GalleryLayout:
    """The measures of the grid, in cells."""

    across: int
    """Tiles beside each other."""
    down: int
    """Whole tiles above each other in view."""
    tile_width: int
    tile_height: int
    columns: int
    """Cells of a picture from left to right."""
    rows: int
    """Cells of a picture from top to bottom."""
    label_rows: int

    @property
    def label_width(self) -> int:
        """Cells between the edges of a tile."""
        return self.tile_width - 2 * _EDGE

    def height(self, count: int) -> int:
        """Lines that `count` tiles take."""
        return -(-count // self.across) * self.tile_height

    def top(self, position: int) -> int:
        """The first line of a tile."""
        return position // self.across * self.tile_height

    def region(self, position: int) -> Region:
        """The cells of a tile, from the first line of the first tile on."""
        left = position % self.across * self.tile_width
        return Region(left, self.top(position), self.tile_width, self.tile_height)

    def position(self, x: int, y: int) -> int:
        """The tile nearest to the cell (x, y); there may be no such sample."""
        return y // self.tile_height * self.across + min(x // self.tile_width, self.across - 1)


def lay_out(
    width: int, height: int, image_shape: tuple[int, int], longest_name: int
) -> GalleryLayout | None:
    """The grid for a view of width x height cells, or None where not one tile fits.

    It does not depend on how many samples there are, so a filter moves tiles but never resizes
    them. `image_shape` is (height, width) in pixels, `longest_name` in cells.
    """
    most = width * height
    sheet = arrange(
        width - 2 * _EDGE, height, image_shape, most, longest_name, confidences=True, trade=_TRADE
    )
    if sheet is None:
        return None
    return GalleryLayout(
        across=sheet.across,
        down=sheet.down,
        tile_width=width // sheet.across,
        tile_height=height // sheet.down,
        columns=sheet.columns,
        rows=sheet.rows,
        label_rows=sheet.label_rows,
    )


@dataclass(frozen=True, slots=True)
class TileStyles:
    """How the parts of a tile are drawn."""

    label: Style
    edge: Style
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
            Segment(right, styles.edge),
        ]
        for segments in lines
    ]
    blank = [Segment(" " * layout.tile_width, styles.ground)]
    return framed + [blank] * (layout.tile_height - len(framed))
