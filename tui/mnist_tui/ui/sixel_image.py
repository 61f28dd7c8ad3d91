"""textual-image's widget for Sixel, with colours that xterm takes too.

Imported as textual-image is: late, and where that takes its output for no terminal.
"""

import re

from PIL.Image import Image
from textual.app import ComposeResult
from textual_image._sixel import BackgroundColor
from textual_image.widget import SixelImage, SixelOptions
from textual_image.widget.sixel import _ImageSixelImpl, _NoopRenderable

SHADES = 16
"""As many colours as a VT340 has, and xterm in its place."""

_DEFINITION = re.compile(r"#(\d+);2;\d+;\d+;\d+")


class Sixels(SixelImage, Renderable=_NoopRenderable):
    """Shows an image of at most `SHADES` colours."""

    def compose(self) -> ComposeResult:
        yield _Drawn(self.image, SixelOptions(colors=SHADES))


class _Drawn(_ImageSixelImpl):
    def _image_to_sixels(
        self,
        image: Image,
        sixel_options: SixelOptions | None = None,
        background: BackgroundColor | None = None,
    ) -> str:
        drawn = super()._image_to_sixels(image, sixel_options, background)
        # To define a colour does not choose it in xterm.
        return _DEFINITION.sub(r"\g<0>#\1", drawn)
