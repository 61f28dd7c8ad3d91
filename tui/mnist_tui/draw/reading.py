"""What the network is given: the digit that it sees."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip

from mnist_tui.text.digits import drawn_size
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.ui.drawn_widget import DrawnWidget
from mnist_tui.ui.picture_album import PictureAlbum
from mnist_tui.ui.sample_sheet import centred, picture_lines
from mnist_tui.ui.sixel_overlay import SixelOverlay


class SeenDigit(DrawnWidget):
    """The picture, and the caption below it where there is room."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"seen-digit--paper", "seen-digit--caption"}
    DEFAULT_CSS = """
    SeenDigit {
        width: 1fr;
        height: 1fr;

        & > .seen-digit--paper { color: $foreground; background: $surface; }
        & > .seen-digit--caption { color: $text-muted; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self.ink = np.zeros((1, 1), np.uint8)
        """(height, width), full ink = 255."""
        self._caption = ""
        self._picture_style: PictureStyle = "half-block"
        self._album = PictureAlbum(self)
        self._overlay = SixelOverlay(self)

    def show(self, ink: NDArray[np.uint8], caption: str) -> None:
        """Show an image (height, width), full ink = 255."""
        self.ink, self._caption = ink, caption
        self.redraw()

    def show_style(self, style: PictureStyle) -> None:
        """Draw in another style from now on."""
        self._picture_style = style
        self._album.forget()
        self.redraw()

    def draw(self) -> list[Strip]:
        width, height = self.size
        if width < 1 or height < 1:
            return []
        base = self.rich_style
        columns, rows = drawn_size(*self.ink.shape, width, height, "half-block")
        pictures = self._album.render(self.ink[None], columns, rows, self._picture_style)
        paper = self.get_component_rich_style("seen-digit--paper")
        lines = [centred(line, columns, width) for line in picture_lines(pictures, 0, paper, paper)]
        caption = [line.plain for line in Content(self._caption).wrap(width)]
        if rows + 1 + len(caption) <= height:
            style = base + self.get_component_rich_style("seen-digit--caption")
            lines += [[], *([Segment(line.center(width), style)] for line in caption)]
        above = (height - len(lines)) // 2
        place = Region((width - columns) // 2, above, columns, rows)
        self._overlay.show(self.ink, place, self._picture_style, paper, paper)
        lines = [[]] * above + lines + [[]] * (height - len(lines) - above)
        return [Strip(line).adjust_cell_length(width, base).apply_style(base) for line in lines]
