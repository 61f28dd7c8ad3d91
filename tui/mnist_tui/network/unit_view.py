"""One unit, large: its weights as a picture, what uses it, and the samples that excite it."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip

from mnist_tui.network.signed_bars import Line, Part, signed_bars
from mnist_tui.network.units_view import Exciting, UnitDetail
from mnist_tui.text.digits import fit, ink
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.text.styled_text import Tone, flow
from mnist_tui.text.visible_text import shorten
from mnist_tui.ui import sample_sheet
from mnist_tui.ui.drawn_widget import DrawnWidget
from mnist_tui.ui.picture_album import PictureAlbum
from mnist_tui.ui.weight_picture import (
    Palette,
    palette_on,
    picture_levels,
    picture_lines,
    picture_size,
    sign_style,
)

_GAP = 2
_TEXT_COLUMNS, _FEW_TEXT_COLUMNS = 26, 20
"""Cells that the text beside a picture has at least; the fewer where the pane is narrow."""
_NARROW = 40
_MOST_BARS, _FEWEST_BARS = 40, 3
_SMALLEST_DIGIT, _LARGEST_DIGIT = 4, 10
"""Lines of the samples."""
_LEAST_TOP = 14
"""Lines that picture and bars keep, but no more than two thirds: a bar for each of ten classes."""
_STACKED_FROM = 30
"""Lines from which on the samples that excite it least lie below those that do most."""
_CAPTION_CELLS = len("0 +12.34")
_HEADS = 2
"""Lines of a row of samples beside the digits: what they are, and a caption for each."""


@dataclass(frozen=True, slots=True)
class UnitLayout:
    """Where the parts stand, in cells."""

    picture: Region
    """Without area where there is none, or no room."""
    text: Region
    samples: tuple[Region, ...]
    """Of each kind of samples."""


def lay_out(
    detail: UnitDetail,
    width: int,
    height: int,
    style: PictureStyle,
    palette: Palette | None,
) -> UnitLayout:
    """Picture and text beside each other, and the samples below, in rows or beside each other."""
    stacked = height >= _STACKED_FROM
    rows = 2 if stacked else 1
    digit = (height - min(_LEAST_TOP, height * 2 // 3)) // rows - _HEADS
    samples: tuple[Region, ...] = ()
    top = height
    if digit >= _SMALLEST_DIGIT:
        lines = min(digit, _LARGEST_DIGIT, height // 4) + _HEADS
        top = height - rows * lines
        across = width if stacked else (width - _GAP) // 2
        samples = tuple(
            Region(0, top + place * lines, across, lines)
            if stacked
            else Region(place * (across + _GAP), top, across, lines)
            for place in range(2)
        )
    picture = Region()
    if detail.picture is not None:
        down, wide = detail.picture.shape
        room = width - _GAP - (_TEXT_COLUMNS if width >= _NARROW else _FEW_TEXT_COLUMNS)
        if room > 0 and top > 1:
            columns, lines = picture_size((down, wide), room, top - 1, style, palette)
            picture = Region(0, 0, columns, lines)
    left = picture.width + _GAP if picture else 0
    return UnitLayout(picture, Region(left, 0, width - left, top), samples)


def text_lines(detail: UnitDetail, width: int, height: int) -> list[Line]:
    """The facts, and below them the bars, two kinds beside each other."""
    facts = flow([(fact, Tone.PLAIN) for fact in detail.facts], width)
    lines: list[Line] = [[(text, Part.PLAIN) for text, _ in line] for line in facts]
    room = min(height - len(lines) - 1, _MOST_BARS)
    if room < _FEWEST_BARS or not detail.bars:
        return lines[:height]
    across = (width - _GAP * (len(detail.bars) - 1)) // len(detail.bars)
    columns = [signed_bars(bars, across, room) for bars in detail.bars]
    lines.append([])
    for parts in zip_longest(*columns, fillvalue=[]):
        line: Line = []
        for place, part in enumerate(parts):
            blanks = place * (across + _GAP) - sum(cell_len(text) for text, _ in line)
            line += [(" " * blanks, Part.PLAIN), *part]
        lines.append(line)
    return lines


class UnitView(DrawnWidget):
    """Draws what it was given last."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"unit-view--{part}" for part in ("ink", "plain", "quiet")
    }
    DEFAULT_CSS = """
    UnitView {
        width: 1fr;
        height: 1fr;
        & > .unit-view--ink { color: $foreground; }
        & > .unit-view--plain { color: $foreground; }
        & > .unit-view--quiet { color: $text-muted; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._detail: UnitDetail | None = None
        self._picture_style: PictureStyle = "ascii"
        self._album = PictureAlbum(self, limit=64)

    def show(self, detail: UnitDetail | None) -> None:
        """Show a unit, or none."""
        self._detail = detail
        self.show_titles(Content(detail.title if detail is not None else "Unit"), Content(""))
        self.redraw()

    def show_style(self, style: PictureStyle) -> None:
        """Draw in another style from now on."""
        self._picture_style = style
        self._album.forget()
        self.redraw()

    def draw(self) -> list[Strip]:
        width, height = self.size
        detail = self._detail
        lines: list[list[Segment]] = [[] for _ in range(height)]
        if detail is not None and width > 0:
            palette = None if self.app.no_color else palette_on(self.background_colors[1])
            place = lay_out(detail, width, height, self._picture_style, palette)
            self._draw_picture(detail, place.picture, palette, lines)
            self._draw_text(detail, place.text, palette, lines)
            for samples, region in zip(detail.samples, place.samples, strict=False):
                self._draw_samples(samples, detail.dark_on_light, region, lines)
        return self.strips_of(lines)

    def _draw_picture(
        self,
        detail: UnitDetail,
        region: Region,
        palette: Palette | None,
        lines: list[list[Segment]],
    ) -> None:
        if detail.picture is None or not region:
            return
        (levels,) = picture_levels(detail.picture[None], *region.size, self._picture_style, palette)
        drawn = picture_lines(levels, palette, self.rich_style)
        for line, segments in zip(lines, drawn, strict=False):
            line += segments

    def _draw_text(
        self,
        detail: UnitDetail,
        region: Region,
        palette: Palette | None,
        lines: list[list[Segment]],
    ) -> None:
        plain, quiet = self._style("plain"), self._style("quiet")
        styles = {
            Part.PLAIN: plain,
            Part.QUIET: quiet,
            Part.NEGATIVE: plain + sign_style(-1, palette),
            Part.POSITIVE: plain + sign_style(1, palette),
        }
        for line, spans in zip(lines, text_lines(detail, *region.size), strict=False):
            _indent(line, region.x)
            line += [Segment(text, styles[part]) for text, part in spans]

    def _draw_samples(
        self, samples: Exciting, dark_on_light: bool, region: Region, lines: list[list[Segment]]
    ) -> None:
        """A title, digits beside each other, and what the unit makes of each."""
        images = ink(samples.images, dark_on_light)
        down, across = images.shape[1:]
        columns, rows = fit(down, across, region.width, region.height - _HEADS)
        tile = max(columns, _CAPTION_CELLS) + 1
        shown = min(len(images), (region.width + 1) // tile)
        title, *digit_lines = lines[region.y : region.bottom]
        for line in lines[region.y : region.bottom]:
            _indent(line, region.x)
        title.append(Segment(shorten(samples.title, region.width), self._style("quiet")))
        if not shown:
            return
        pictures = self._album.render(images[:shown], columns, rows, self._picture_style)
        colours = self._style("ink")
        for index in range(shown):
            drawn = sample_sheet.picture_lines(pictures, index, colours, colours)
            for line, segments in zip(digit_lines, drawn, strict=False):
                line += [*segments, Segment(" " * (tile - columns))]
            caption = shorten(samples.captions[index], tile - 1)
            blanks = " " * (tile - cell_len(caption))
            digit_lines[rows].append(Segment(caption + blanks, self._style("quiet")))

    def _style(self, part: str) -> Style:
        color = self.get_component_rich_style(f"unit-view--{part}").color
        return self.rich_style + Style(color=color)


def _indent(line: list[Segment], column: int) -> None:
    """Fill a line up with blanks to where the next part begins."""
    blanks = column - sum(segment.cell_length for segment in line)
    if blanks > 0:
        line.append(Segment(" " * blanks))
