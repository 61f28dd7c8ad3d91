"""The pictures of a widget: characters, or images of the terminal while they are needed."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.color import Color
from rich.segment import Segment
from textual.widget import Widget

from mnist_tui.text.digits import Pictures, render
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.ui.pixels import Pixels, pixels_of


class PictureAlbum:
    """Draws pictures. An image is sent once, and deleted when newer ones need its place."""

    def __init__(self, owner: Widget, limit: int = 8) -> None:
        """`limit`: so many images are kept; at least those that the owner shows at a time."""
        self.limit = limit
        self._owner = owner
        self._sent: OrderedDict[tuple[object, ...], tuple[int, list[Segment]]] = OrderedDict()
        """Number and lines of each image, the one that was used last at the end."""

    def render(
        self,
        images: NDArray[np.uint8],
        columns: int,
        rows: int,
        style: PictureStyle,
    ) -> Pictures:
        """Images (n, height, width), full ink = 255, as :func:`render` draws them, or by Kitty."""
        pixels = pixels_of(self._owner) if style == "pixels" else None
        if pixels is None or pixels.protocol != "kitty":
            return render(images, columns, rows, style)
        blank = [[" " * columns] * rows] * len(images)
        return SentPictures(blank, album=self, pixels=pixels, images=images, columns=columns)

    def lines(
        self, pixels: Pixels, image: NDArray[np.uint8], columns: int, rows: int, color: Color | None
    ) -> list[Segment]:
        """The lines that show an image (h, w), full ink = 255, in so many cells."""
        key = (image.tobytes(), image.shape, columns, rows, color)
        if key not in self._sent:
            self._sent[key] = pixels.send(image, columns, rows, color)
        self._sent.move_to_end(key)
        _, lines = self._sent[key]
        while len(self._sent) > self.limit:
            _, (number, _) = self._sent.popitem(last=False)
            pixels.delete(number)
        return lines

    def forget(self) -> None:
        """Delete all images; what shows them has to be drawn anew."""
        pixels = pixels_of(self._owner)
        if pixels is not None:
            pixels.delete(*(number for number, _ in self._sent.values()))
        self._sent.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class SentPictures(Pictures):
    """Images of the terminal, each sent when it is drawn; the characters are blanks."""

    album: PictureAlbum
    pixels: Pixels
    images: NDArray[np.uint8]
    """(images, height, width), full ink = 255."""
    columns: int

    def painted(self, index: int, color: Color | None) -> list[Segment]:
        """The lines of one image in this colour, without a background."""
        rows = len(self.lines[index])
        return self.album.lines(self.pixels, self.images[index], self.columns, rows, color)
