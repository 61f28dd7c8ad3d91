"""The styles in which digits are drawn, by name; `digits.py` draws them."""

from collections.abc import Sequence
from typing import Literal, get_args

PictureStyle = Literal["ascii", "half-block", "braille", "pixels"]
PICTURE_STYLES: tuple[PictureStyle, ...] = get_args(PictureStyle)
"""In the order in which a key cycles through them."""

_OF_COLOURS: tuple[PictureStyle, ...] = ("half-block", "pixels")
"""Drawn with nothing but colours."""


def offered_styles(*, no_color: bool, pixels: bool) -> tuple[PictureStyle, ...]:
    """The styles that can be seen; `pixels` says whether the terminal shows images."""
    return tuple(
        style
        for style in PICTURE_STYLES
        if not (no_color and style in _OF_COLOURS) and (pixels or style != "pixels")
    )


def offered_style(name: str, offered: Sequence[PictureStyle], usual: PictureStyle) -> PictureStyle:
    """The style called `name`, or another where that one could not be seen.

    In the place of pixels stands the usual one of the terminal.
    """
    for wanted in (name, usual) if name == "pixels" else (name,):
        for style in offered:
            if style == wanted:
                return style
    return offered[0]


def style_after(style: PictureStyle, offered: Sequence[PictureStyle]) -> PictureStyle:
    """The next of the styles that are offered, around the end."""
    return offered[(offered.index(style) + 1) % len(offered)] if style in offered else offered[0]
