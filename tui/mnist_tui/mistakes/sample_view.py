"""One sample, large: the digit, and all that is known of it."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from mnist_tui.mistakes.explanation import Explanation, Map, Nearby
from mnist_tui.mistakes.map_drawing import legend, map_lines
from mnist_tui.mistakes.neighbour_sheet import neighbour_lines
from mnist_tui.mistakes.sample_text import (
    SampleDetail,
    sample_text,
    sample_words,
    wanted_height,
)
from mnist_tui.text.digits import Pictures, drawn_size, ink
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.text.styled_text import StyledLine, Tone
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.drawn_widget import DrawnWidget
from mnist_tui.ui.picture_album import PictureAlbum
from mnist_tui.ui.sample_sheet import picture_lines
from mnist_tui.ui.sixel_overlay import SixelOverlay
from mnist_tui.ui.weight_picture import Palette, in_half_blocks, palette_on

EMPTY_TEXT = "No sample."
_GAP = 2
_TEXT_COLUMNS = 36
"""Cells that the text beside a digit has at least: the labels with short names in one line."""
_TEXT_SHARE = 0.4
"""Of the width, that the text has where that is more."""
_FEWEST_LINES = 2
"""Of text, where a digit stands above it."""
_SMALLEST_DIGIT = 3
"""Lines below which a digit says nothing."""
_SMALL_DIGIT = 8
"""Lines that a digit gets before the text gets more than `_FEWEST_LINES`."""
_MOST_PICTURES = 16
"""The digit, and its neighbours."""


@dataclass(frozen=True, slots=True)
class SampleLayout:
    """Where digit and text stand, in cells."""

    digit: Region
    """Without area where there is no room for it."""
    text: Region


def lay_out(detail: SampleDetail, width: int, height: int, style: PictureStyle) -> SampleLayout:
    """Beside each other where that leaves room for the text and the digit is larger so."""
    beside = _beside(detail, width, height, style)
    stacked = _stacked(detail, width, height, style)
    if beside is None:
        return stacked
    whole = stacked.text.height >= wanted_height(detail, width)
    return stacked if whole and stacked.digit.height > beside.digit.height else beside


def _beside(
    detail: SampleDetail, width: int, height: int, style: PictureStyle
) -> SampleLayout | None:
    pixels_down, pixels_across = detail.image.shape
    text_columns = max(_TEXT_COLUMNS, int(width * _TEXT_SHARE))
    room = max(1, width - text_columns - _GAP)
    columns, rows = drawn_size(pixels_down, pixels_across, room, max(1, height), style)
    left = columns + _GAP
    if width - left < text_columns or rows < min(_SMALL_DIGIT, height):
        return None
    return SampleLayout(Region(0, 0, columns, rows), Region(left, 0, width - left, height))


def _stacked(detail: SampleDetail, width: int, height: int, style: PictureStyle) -> SampleLayout:
    least = max(min(_SMALL_DIGIT, height - _FEWEST_LINES), 0)
    room = max(least, height - wanted_height(detail, width) - 1)
    if room < _SMALLEST_DIGIT:
        return SampleLayout(Region(), Region(0, 0, width, height))
    pixels_down, pixels_across = detail.image.shape
    columns, rows = drawn_size(pixels_down, pixels_across, width, room, style)
    # A wide image does not need all the lines; a blank one sets it apart where there is room.
    top = rows + (height - rows > wanted_height(detail, width))
    digit = Region((width - columns) // 2, 0, columns, rows)
    return SampleLayout(digit, Region(0, top, width, height - top))


class SampleView(DrawnWidget):
    """A digit as large as fits with its labels, measures, probabilities and history."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"sample-view--ink"} | {
        f"sample-view--{tone}" for tone in Tone
    }
    DEFAULT_CSS = """
    SampleView {
        width: 1fr;
        height: 1fr;
        & > .sample-view--ink { color: $foreground; }
        & > .sample-view--plain { color: $foreground; }
        & > .sample-view--quiet { color: $text-muted; }
        & > .sample-view--right { color: $text-success; }
        & > .sample-view--wrong { color: $text-error; }
        & > .sample-view--cursor { color: $accent; }
    }
    """

    class EpochChosen(Message):
        """The user clicked an epoch of the history."""

        def __init__(self, epoch: int) -> None:
            super().__init__()
            self.epoch = epoch

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._detail: SampleDetail | None = None
        self._picture_style: PictureStyle = "ascii"
        self._explanation: Explanation | None = None
        self._album = PictureAlbum(self, limit=_MOST_PICTURES)
        self._overlay = SixelOverlay(self)

    def show(self, detail: SampleDetail | None, explanation: Explanation | None = None) -> None:
        """Show a sample, or that none is chosen; and why the model says what it does of it."""
        self._detail, self._explanation = detail, explanation
        self.redraw()

    def show_style(self, style: PictureStyle) -> None:
        """Draw the digit in another style from now on."""
        if style != self._picture_style:
            self._picture_style = style
            self._album.forget()
            self.redraw()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        detail = self._worded()
        if offset is None or detail is None or isinstance(self._shown, Nearby):
            return
        place = lay_out(detail, *self.size, self._laid_out_style)
        text = sample_text(detail, *place.text.size)
        epoch = text.epoch_at(*(offset - place.text.offset))
        if epoch is not None:
            self.post_message(self.EpochChosen(epoch))

    @property
    def _shown(self) -> Map | Nearby | None:
        return self._explanation.shown if self._explanation is not None else None

    @property
    def _palette(self) -> Palette | None:
        return None if self.app.no_color else palette_on(self.background_colors[1])

    @property
    def _laid_out_style(self) -> PictureStyle:
        """The style that has the size of what is drawn: a map is in half-blocks or characters."""
        if not isinstance(self._shown, Map):
            return self._picture_style
        return "half-block" if in_half_blocks(self._picture_style, self._palette) else "ascii"

    def _worded(self) -> SampleDetail | None:
        """The sample with what the explanation says."""
        if self._detail is None or self._explanation is None:
            return self._detail
        words, shown = visible(self._explanation.text), self._shown
        if isinstance(shown, Map):
            words += f" {legend(shown.signs, self._palette, self._picture_style)}"
        return replace(self._detail, why=words)

    def draw(self) -> list[Strip]:
        width, height = self.size
        lines: list[list[Segment]] = [[] for _ in range(height)]
        detail = self._worded()
        if detail is None or width < 1:
            self._overlay.hide()
            lines[height // 2] = [Segment(EMPTY_TEXT.center(width), self._style(Tone.QUIET))]
        else:
            self._draw_sample(detail, lines)
        return [Strip(line).adjust_cell_length(width, self.rich_style) for line in lines]

    def _draw_sample(self, detail: SampleDetail, lines: list[list[Segment]]) -> None:
        """Write the digit and what is said of it into empty lines."""
        place = lay_out(detail, *self.size, self._laid_out_style)
        self._draw_digit(detail, place.digit, lines)
        text = lines[place.text.y :]
        for line in text:
            blanks = place.text.x - sum(segment.cell_length for segment in line)
            line.append(Segment(" " * max(0, blanks), self.rich_style))
        width, height = place.text.size
        if isinstance(self._shown, Nearby):
            words = sample_words(detail, width)[:height]
            self._write(words, text)
            top = len(words) + (len(words) < height)
            self._draw_neighbours(self._shown, detail, width, text[top:height])
        else:
            self._write(sample_text(detail, width, height).lines, text)

    def _write(self, spans: list[StyledLine], lines: list[list[Segment]]) -> None:
        for line, styled in zip(lines, spans, strict=False):
            line += [Segment(words, self._style(tone)) for words, tone in styled]

    def _draw_digit(self, detail: SampleDetail, region: Region, lines: list[list[Segment]]) -> None:
        """The digit, or the map over it, where there is room."""
        base, colours = self.rich_style, self._style("ink")
        shown, style = self._shown, self._picture_style
        if isinstance(shown, Map):
            self._overlay.hide()
            drawn = iter(
                map_lines(
                    shown, *region.size, style, self._palette, colours,
                    dark_on_light=detail.dark_on_light,
                ) if region else ()
            )  # fmt: skip
        else:
            image = ink(detail.image, detail.dark_on_light)
            self._overlay.show(image, region, style, colours, colours)
            if not region:
                return
            pictures = self._album.render(image[None], *region.size, style)
            drawn = picture_lines(pictures, 0, colours, colours)
        for line, picture in zip(lines, drawn, strict=False):
            line += [Segment(" " * region.x, base), *picture]

    def _draw_neighbours(
        self, nearby: Nearby, detail: SampleDetail, width: int, lines: list[list[Segment]]
    ) -> None:
        def render(images: NDArray[np.uint8], columns: int, rows: int) -> Pictures:
            return self._album.render(images, columns, rows, self._picture_style)

        drawn = neighbour_lines(
            nearby, detail, width, len(lines), render, self._style("ink"), self._style
        )
        for line, segments in zip(lines, drawn, strict=True):
            line += Segment.apply_style(segments, self.rich_style)

    def _style(self, part: str) -> Style:
        color = self.get_component_rich_style(f"sample-view--{part}").color
        return self.rich_style + Style(color=color)
