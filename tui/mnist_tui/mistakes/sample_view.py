"""One sample, large: the digit, and all that is known of it."""

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from mnist_tui.mistakes.sample_text import SampleDetail, sample_text, wanted_height
from mnist_tui.text.digits import drawn_size, ink
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.text.styled_text import Tone
from mnist_tui.ui.drawn_widget import DrawnWidget
from mnist_tui.ui.picture_album import PictureAlbum
from mnist_tui.ui.sample_sheet import picture_lines
from mnist_tui.ui.sixel_overlay import SixelOverlay

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
        self._album = PictureAlbum(self)
        self._overlay = SixelOverlay(self)

    def show(self, detail: SampleDetail | None) -> None:
        """Show a sample, or that none is chosen."""
        self._detail = detail
        self.redraw()

    def show_style(self, style: PictureStyle) -> None:
        """Draw the digit in another style from now on."""
        if style != self._picture_style:
            self._picture_style = style
            self._album.forget()
            self.redraw()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None or self._detail is None:
            return
        place = lay_out(self._detail, *self.size, self._picture_style)
        text = sample_text(self._detail, *place.text.size)
        epoch = text.epoch_at(*(offset - place.text.offset))
        if epoch is not None:
            self.post_message(self.EpochChosen(epoch))

    def draw(self) -> list[Strip]:
        width, height = self.size
        lines: list[list[Segment]] = [[] for _ in range(height)]
        if self._detail is None or width < 1:
            self._overlay.hide()
            lines[height // 2] = [Segment(EMPTY_TEXT.center(width), self._style(Tone.QUIET))]
        else:
            self._draw_sample(self._detail, lines)
        return [Strip(line).adjust_cell_length(width, self.rich_style) for line in lines]

    def _draw_sample(self, detail: SampleDetail, lines: list[list[Segment]]) -> None:
        """Write the digit and what is said of it into empty lines."""
        base = self.rich_style
        place = lay_out(detail, *self.size, self._picture_style)
        image, colours = ink(detail.image, detail.dark_on_light), self._style("ink")
        self._overlay.show(image, place.digit, self._picture_style, colours, colours)
        if place.digit:
            pictures = self._album.render(image[None], *place.digit.size, self._picture_style)
            drawn = picture_lines(pictures, 0, colours, colours)
            for line, picture in zip(lines, drawn, strict=False):
                line += [Segment(" " * place.digit.x, base), *picture]
        text = sample_text(detail, *place.text.size)
        for line, spans in zip(lines[place.text.y :], text.lines, strict=False):
            blanks = place.text.x - sum(segment.cell_length for segment in line)
            line.append(Segment(" " * max(0, blanks), base))
            line += [Segment(words, self._style(tone)) for words, tone in spans]

    def _style(self, part: str) -> Style:
        color = self.get_component_rich_style(f"sample-view--{part}").color
        return self.rich_style + Style(color=color)
