"""Units as a page of small pictures, and those of later layers as rows of a heat map.

Both are pure functions of what is shown and the size.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

from mnist_tui.network.units_view import UnitsView
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.text.visible_text import fitting, padded, shorten
from mnist_tui.ui.sample_sheet import Sheet, Trade, arrange, centred
from mnist_tui.ui.weight_picture import (
    Palette,
    character,
    picture_levels,
    picture_lines,
    picture_size,
)

_TRADE: Trade = ((4, 2), (5, 6), (7, 12), (14, 10_000))
"""(lines, units), as for digits; larger, since weights have no outline."""
_NAME_CELLS = 2
"""Of a unit's number, for the room that a caption gets."""
_HEAD_LINES = 1
_CURSOR = "▸"
_NUMBER_CELLS = 4
"""Of a mean with a gap, from which on it is written as a number."""
_MOST_CELLS = 8
_MIXED = 0.6
"""How far the strongest colour behind a number goes, so that it stays legible."""


@dataclass(frozen=True, slots=True)
class UnitStyles:
    """How the parts are drawn."""

    base: Style
    """What the others but `cursor` have in them."""
    label: Style
    dead: Style
    cursor: Style
    palette: Palette | None
    """None: characters show what colours would."""
    picture_style: PictureStyle


class PictureSheet:
    """A page of pictures with a caption under each."""

    def __init__(self, view: UnitsView, width: int, height: int, styles: UnitStyles) -> None:
        self._styles, self._height = styles, height
        self._count, self._shape = view.count, view.picture_shape
        self._sheet: Sheet | None = arrange(
            width, height, self._shape, view.count, _NAME_CELLS, trade=_TRADE
        )

    def fits(self, view: UnitsView) -> bool:
        """Whether another view lies in the same places."""
        same = (self._count, self._shape) == (view.count, view.picture_shape)
        return view.has_pictures and same

    @property
    def across(self) -> int:
        """Units beside each other; 0: not one has room."""
        return self._sheet.across if self._sheet else 0

    @property
    def down(self) -> int:
        """Units above each other."""
        return self._sheet.down if self._sheet else 0

    def place_at(self, x: int, y: int) -> int:
        """Which place of the page is nearest to the cell (x, y)."""
        return self._sheet.position(x, y) if self._sheet else 0

    def lines(self, view: UnitsView, first: int, cursor: int) -> list[list[Segment]]:
        """The page that begins with the unit at `first`, with the one at `cursor` marked."""
        sheet, styles = self._sheet, self._styles
        lines: list[list[Segment]] = [[] for _ in range(self._height)]
        if sheet is None:
            return lines
        units = view.order[first : first + sheet.count]
        size = picture_size(
            self._shape, sheet.columns, sheet.rows, styles.picture_style, styles.palette
        )
        levels = picture_levels(view.pictures(units), *size, styles.picture_style, styles.palette)
        for place, unit in enumerate(units.tolist()):
            row, column = divmod(place, sheet.across)
            top, bottom = sheet.top(row), sheet.top(row + 1)
            top += (bottom - top - sheet.rows - 1) // 2
            width = sheet.left(column + 1) - sheet.left(column)
            drawn = picture_lines(levels[place], styles.palette, styles.base)
            for line, segments in zip(lines[top:], drawn, strict=False):
                line += centred(segments, size[0], width)
            for line in lines[top + size[1] : top + sheet.rows]:
                line.append(Segment(" " * width))
            caption = self._caption(view, unit, width, with_cursor=first + place == cursor)
            lines[top + sheet.rows] += caption
        return lines

    def _caption(
        self, view: UnitsView, unit: int, width: int, *, with_cursor: bool
    ) -> list[Segment]:
        styles = self._styles
        style = styles.dead if view.dead[unit] else styles.label
        mark = _CURSOR if with_cursor else ""
        text = shorten(mark + view.caption(unit), max(1, width - 1))
        style += styles.cursor if with_cursor else Style.null()
        return centred([Segment(text, style)], cell_len(text), width)


class MeansSheet:
    """A page of units, one a line: its mean activation over the samples of each class."""

    def __init__(self, view: UnitsView, width: int, height: int, styles: UnitStyles) -> None:
        self._styles = styles
        self._width, self._height = width, height
        captions = [view.caption(int(unit)) for unit in view.order]
        self._caption_cells = min(1 + max(map(cell_len, captions)), max(1, width // 3))
        room = width - self._caption_cells - 1
        self._cells = max(1, min(_MOST_CELLS, room // max(1, len(view.class_names))))
        self._classes = min(len(view.class_names), max(0, room // self._cells))

    def fits(self, _view: UnitsView) -> bool:
        """Never: the columns are as wide as what stands in them."""
        return False

    @property
    def across(self) -> int:
        """One, since each has a line; 0: not one has room."""
        return min(1, self.down)

    @property
    def down(self) -> int:
        """Units on a page."""
        return max(0, self._height - _HEAD_LINES)

    def place_at(self, x: int, y: int) -> int:
        """Which place of the page is on line y."""
        return max(0, y - _HEAD_LINES)

    def lines(self, view: UnitsView, first: int, cursor: int) -> list[list[Segment]]:
        """The page that begins with the unit at `first`, with the one at `cursor` marked."""
        styles = self._styles
        names = view.class_names[: self._classes]
        gap = " " * (self._caption_cells + 1)
        heads = "".join(padded(name, self._cells, right=True) for name in names)
        hidden = len(view.class_names) - self._classes
        if hidden:
            heads = shorten(f"{heads} +{hidden}", self._width - len(gap))
        lines = [[Segment(gap + heads, styles.label)]]
        means = view.means
        strongest = 1.0
        if means is not None and np.isfinite(means).any():
            strongest = float(np.abs(means[np.isfinite(means)]).max()) or 1.0
        for place, unit in enumerate(view.order[first : first + self.down]):
            marked = first + place == cursor
            style = styles.dead if view.dead[unit] else styles.label
            style += styles.cursor if marked else Style.null()
            text = (_CURSOR if marked else " ") + view.caption(int(unit))
            line = [Segment(padded(text, self._caption_cells), style), Segment(" ")]
            if means is not None:
                line += self._cells_of(means[unit, : self._classes].tolist(), strongest)
            lines.append(line)
        return lines

    def _cells_of(self, means: list[float], strongest: float) -> Iterator[Segment]:
        for mean, same in groupby(means):
            count = len(list(same))
            amount = mean / strongest if math.isfinite(mean) else 0.0
            style, palette = self._styles.base, self._styles.palette
            if palette is not None:
                style += Style(bgcolor=palette.color(_MIXED * amount).rich_color)
            text = self._mean_text(mean, amount)
            yield Segment(padded(text, self._cells, right=True) * count, style)

    def _mean_text(self, mean: float, amount: float) -> str:
        """A number where it has room, else its sign and strength; "?" of a class without any."""
        if not math.isfinite(mean):
            return "?"
        if self._cells < _NUMBER_CELLS:
            return character(amount)
        return fitting((f"{mean:.{digits}f}" for digits in (2, 1, 0)), self._cells - 1)


UnitSheet = PictureSheet | MeansSheet


def sheet_of(view: UnitsView, width: int, height: int, styles: UnitStyles) -> UnitSheet:
    """Pictures where the inputs are pixels, else the heat map."""
    kind = PictureSheet if view.has_pictures else MeansSheet
    return kind(view, width, height, styles)
