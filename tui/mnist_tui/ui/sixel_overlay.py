"""A Sixel image laid over the place of a picture."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.style import Style
from textual.geometry import Region
from textual.widget import Widget

from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.ui.pixels import pixels_of

if TYPE_CHECKING:
    from mnist_tui.ui.sixel_image import Sixels


class SixelOverlay:
    """Shows one image above what its owner draws, where the style and the terminal have it so."""

    def __init__(self, owner: Widget) -> None:
        self._owner = owner
        self._widget: Sixels | None = None
        self._shown: object = None

    def show(
        self,
        image: NDArray[np.uint8],
        region: Region,
        style: PictureStyle,
        ink: Style,
        paper: Style,
    ) -> None:
        """Put an image (h, w), full ink = 255, over a region of the owner's content.

        Without area, or in another style, nothing is there. It may be called while drawing.
        """
        pixels = pixels_of(self._owner) if style == "pixels" and region else None
        if pixels is None or pixels.protocol != "sixel":
            self.hide()
            return
        wanted = (image.tobytes(), image.shape, region, ink.color, paper.bgcolor)
        if wanted == self._shown:
            return
        self._shown = wanted
        made = pixels.sixel_image(image, *region.size, ink.color, paper.bgcolor)

        def place() -> None:
            if self._shown is not wanted:
                return
            if self._widget is None:
                self._widget = pixels.sixel_widget()
                self._owner.mount(self._widget)
            self._widget.styles.position = "absolute"
            self._widget.styles.offset = region.offset
            self._widget.styles.width, self._widget.styles.height = region.size
            self._widget.image = made
            self._widget.display = True

        self._owner.call_later(place)

    def hide(self) -> None:
        """Show what lies below."""
        self._shown = None
        if self._widget is not None:
            widget = self._widget
            self._owner.call_later(lambda: setattr(widget, "display", self._shown is not None))
