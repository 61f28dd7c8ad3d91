"""The measures of the gallery: how many tiles fit, how large they are, and where each lies."""

from dataclasses import dataclass

from textual.geometry import Region

from mnist_tui.ui.sample_sheet import Trade, arrange

_TRADE: Trade = ((4, 2), (5, 4), (7, 6), (8, 24), (10, 10_000))
"""(lines, digits), as for the sheet of the train screen, but with larger pictures sooner: what
has no room here is only a key away, and mistakes are hard to read when they are small.
"""
_EDGE = 1
"""Cells at either side of a tile that stay free for the sign of the cursor."""


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
