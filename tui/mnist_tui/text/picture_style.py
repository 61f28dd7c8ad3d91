"""The styles in which digits are drawn, by name; `digits.py` draws them."""

from typing import Literal, get_args

PictureStyle = Literal["ascii", "half-block", "braille"]
PICTURE_STYLES: tuple[PictureStyle, ...] = get_args(PictureStyle)
"""In the order in which a key cycles through them."""

_OF_COLOURS: PictureStyle = "half-block"
"""Drawn with nothing but colours."""


def style_after(style: PictureStyle, no_color: bool = False) -> PictureStyle:
    """The next style that can be seen, around the end."""
    styles = [style for style in PICTURE_STYLES if not (no_color and style == _OF_COLOURS)]
    return styles[(styles.index(style) + 1) % len(styles)] if style in styles else styles[0]


def offered_style(name: str, no_color: bool = False) -> PictureStyle:
    """The style called `name`, or another where that one could not be seen."""
    style = next(style for style in PICTURE_STYLES if style == name)
    return style_after(style, no_color) if no_color and style == _OF_COLOURS else style
