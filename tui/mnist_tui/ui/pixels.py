"""Images of the terminal: what textual-image needs to draw them, sent without its asking."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.console import Console
from rich.segment import Segment
from textual.widget import Widget

from mnist_core.data.drawn_digit import resample
from mnist_core.shell_commands import install_command
from mnist_tui.runtime.graphics import CellSize, Graphics, GraphicsProtocol, cell_size

if TYPE_CHECKING:
    from PIL.Image import Image

    from mnist_tui.ui.sixel_image import Sixels

_LONGEST_SIDE = 1000
"""Pixels of a Sixel image that xterm takes at most."""


class Pixels:
    """The images that this terminal shows. textual-image is imported with the first of them."""

    def __init__(
        self, protocol: GraphicsProtocol, cell: CellSize, write: Callable[[str], None]
    ) -> None:
        """`write` sends a sequence to the terminal, between two frames."""
        self.protocol = protocol
        self._cell = cell
        self._write = write
        self._kept: set[int] = set()
        """The numbers of the images that Kitty has."""
        self._closed = False

    def look_at_cells(self) -> bool:
        """Whether a cell has another size than before, as with another font."""
        terminal = sys.__stdout__
        now = cell_size(terminal.fileno()) if terminal is not None else None
        before, self._cell = self._cell, now or self._cell
        return self._cell != before

    def send(
        self, image: NDArray[np.uint8], columns: int, rows: int, ink: Color | None
    ) -> tuple[int, list[Segment]]:
        """Give Kitty an image (h, w), full ink = 255: its number, and the lines that show it.

        Between the lines of ink it lets the background of the cells through. Once the app is being
        left nothing is sent, and the lines are blank.
        """
        if self._closed:
            return 0, [Segment(" " * columns)] * rows
        levels = enlarged(image, rows * self._cell.height, columns * self._cell.width)
        pixels = np.empty((*levels.shape, 4), np.uint8)
        pixels[..., :3] = full_ink(ink)
        pixels[..., 3] = levels
        with self._textual_image() as sequences:
            from PIL.Image import fromarray
            from textual_image.renderable import TGPImage

            picture = TGPImage(fromarray(pixels), columns, rows)
            console = Console(file=sequences)
            lines = [
                Segment(segment.text.rstrip("\n"), segment.style)
                for segment in console.render(picture)
            ]
        number = picture.terminal_image_id or 0
        self._kept.add(number)
        self._write(sequences.getvalue())
        return number, lines

    def delete(self, *numbers: int) -> None:
        """Have Kitty forget images."""
        gone = self._kept.intersection(numbers)
        self._kept -= gone
        if gone:
            # What textual-image sends for it deletes the placements on the screen, of which these
            # are none, and keeps the data.
            self._write("".join(f"\x1b_Ga=d,d=I,i={number},q=2\x1b\\" for number in gone))

    def close(self) -> None:
        """Delete what the terminal has; nothing is sent any more."""
        self.delete(*self._kept)
        self._closed = True

    def sixel_widget(self) -> "Sixels":
        """A widget for an image that :meth:`sixel_image` makes."""
        with self._textual_image():
            from mnist_tui.ui.sixel_image import Sixels

            return Sixels()

    def sixel_image(
        self,
        image: NDArray[np.uint8],
        columns: int,
        rows: int,
        ink: Color | None,
        paper: Color | None,
    ) -> "Image":
        """An image (h, w), full ink = 255, as large as so many cells."""
        with self._textual_image():
            from PIL.Image import fromarray

            from mnist_tui.ui.sixel_image import SHADES

        levels = enlarged(
            image, rows * self._cell.height, columns * self._cell.width, _LONGEST_SIDE
        )
        shares = np.linspace(0, 1, SHADES)[:, None]
        palette = (1 - shares) * bare_paper(paper) + shares * full_ink(ink)
        made = fromarray(np.rint(levels * ((SHADES - 1) / 255)).astype(np.uint8), "P")
        made.putpalette(np.rint(palette).astype(np.uint8).tobytes())
        return made

    @contextmanager
    def _textual_image(self) -> Iterator[StringIO]:
        """For what calls it: it takes what is written here for no terminal.

        So it asks nothing, whose answer Textual would read as keys, and writes nothing into the
        midst of what Textual writes.
        """
        terminal = sys.__stdout__
        written = _Written(terminal.fileno() if terminal is not None else -1)
        sys.__stdout__ = written  # type: ignore[misc,assignment]
        try:
            from textual_image import _terminal

            # It would ask once, and keep the answer.
            size = _terminal.CellSize(*self._cell)
            _terminal.get_cell_size._result = size  # type: ignore[attr-defined]
            yield written
        finally:
            sys.__stdout__ = terminal  # type: ignore[misc]


class _Written(StringIO):
    """Keeps what is written; a window that changes its size meanwhile is still asked for it."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def fileno(self) -> int:
        return self._descriptor


def pixels_by(
    graphics: Graphics | None, color_system: str | None, write: Callable[[str], None]
) -> Pixels | None:
    """The images of a terminal that was asked, if it shows any.

    `color_system` is what Rich says of it: Kitty finds an image by its number, which is told as the
    colour of the cells, and has more numbers than 256.
    """
    if graphics is None or graphics.protocol is None or graphics.cell is None:
        return None
    if graphics.protocol == "kitty" and color_system != "truecolor":
        return None
    return Pixels(graphics.protocol, graphics.cell, write)


def missing_pixels(style: str, pixels: Pixels | None) -> Iterator[str]:
    """In a sentence, why digits are not the pixels that were asked for."""
    if style == "pixels" and pixels is None:
        yield (
            "Digits cannot be pixels here, so they are drawn with characters: pixels need Kitty "
            "0.28, Ghostty or a terminal with Sixel, without tmux, and what "
            f"{install_command('pixels')} installs."
        )


@runtime_checkable
class HasPixels(Protocol):
    """An app on a terminal that may show images."""

    pixels: Pixels | None
    """None: it shows none."""


def pixels_of(widget: Widget) -> Pixels | None:
    """Those of the terminal that a widget is on, if that shows images."""
    app = widget.app
    return app.pixels if isinstance(app, HasPixels) else None


def enlarged(
    image: NDArray[np.uint8], height: int, width: int, longest: int | None = None
) -> NDArray[np.uint8]:
    """`image` (h, w) in the middle of (height, width), each pixel a square of equal ones.

    These are as large as they fit, and into `longest` to either side; an image that is larger
    itself is averaged. What is left is 0.
    """
    down, across = image.shape
    room_down, room_across = (min(side, longest or side) for side in (height, width))
    factor = min(room_down // down, room_across // across)
    if factor:
        larger = image.repeat(factor, axis=0).repeat(factor, axis=1)
    else:
        scale = min(room_down / down, room_across / across)
        size = max(1, int(down * scale)), max(1, int(across * scale))
        larger = np.rint(resample(image[None], *size)[0]).astype(np.uint8)
    rows, columns = larger.shape
    above, left = (height - rows) // 2, (width - columns) // 2
    whole = np.zeros((height, width), np.uint8)
    whole[above : above + rows, left : left + columns] = larger
    return whole


def full_ink(color: Color | None) -> ColorTriplet:
    """A colour to draw with; a terminal's own, which is unknown, is taken for white."""
    return color.get_truecolor() if color and not color.is_default else ColorTriplet(255, 255, 255)


def bare_paper(color: Color | None) -> ColorTriplet:
    """A colour to draw on; a terminal's own, which is unknown, is taken for black."""
    return color.get_truecolor() if color and not color.is_default else ColorTriplet(0, 0, 0)
