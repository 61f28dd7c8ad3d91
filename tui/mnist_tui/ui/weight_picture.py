"""Numbers with a sign as pictures: blue below 0, orange above, or a character for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from mnist_core.data.drawn_digit import resample
from mnist_tui.text.digits import drawn_size
from mnist_tui.text.picture_style import PictureStyle

LEVELS = 15
"""To either side of 0, that colours are told apart in."""
CHARACTERS = "=~- +*#"
"""From the most negative to the most positive: lines below 0, crosses above."""
STEPS = len(CHARACTERS) // 2

Amounts = NDArray[np.float32]
"""(height, width), or several (n, height, width), from -1 to 1."""


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours from a negative end by what is behind to a positive end.

    Blue and orange are told apart with every kind of colour blindness (Okabe and Ito, "Color
    Universal Design", 2008).
    """

    zero: Color
    negative: Color
    positive: Color

    def color(self, amount: float) -> Color:
        """Of an amount from -1 to 1."""
        return self.zero.blend(self.negative if amount < 0 else self.positive, abs(amount))


_ON_DARK = Color.parse("#56b4e9"), Color.parse("#e69f00")
_ON_LIGHT = Color.parse("#0060a8"), Color.parse("#b35400")


def palette_on(background: Color) -> Palette | None:
    """The colours for a background; None where it is the terminal's own, which nothing is mixed
    with.
    """
    if background.ansi is not None:
        return None
    return Palette(background, *(_ON_LIGHT if background.brightness > 0.5 else _ON_DARK))


def in_half_blocks(style: PictureStyle, palette: Palette | None) -> bool:
    """Whether pictures are colours alone. Elsewhere characters show the sign: braille cannot."""
    return palette is not None and style in ("half-block", "pixels")


def picture_size(
    shape: tuple[int, int], columns: int, rows: int, style: PictureStyle, palette: Palette | None
) -> tuple[int, int]:
    """(columns, rows) of a picture of (height, width) pixels in so many cells."""
    kind: PictureStyle = "half-block" if in_half_blocks(style, palette) else "ascii"
    return drawn_size(*shape, columns, rows, kind)


def picture_levels(
    amounts: Amounts,
    columns: int,
    rows: int,
    style: PictureStyle,
    palette: Palette | None,
) -> NDArray[np.int8]:
    """What is drawn of pictures (n, height, width) of amounts from -1 to 1, in so many cells each.

    (n, rows, columns, 2), the levels of the upper and the lower half of each cell, or for
    characters (n, rows, columns).
    """
    if in_half_blocks(style, palette):
        return half_levels(amounts, columns, rows)
    return character_levels(amounts, columns, rows)


def half_levels(amounts: Amounts, columns: int, rows: int) -> NDArray[np.int8]:
    """(n, rows, columns, 2) from -`LEVELS` to `LEVELS` of pictures (n, height, width)."""
    halves = np.rint(LEVELS * _halved(amounts, columns, rows)).astype(np.int8)
    return halves.reshape(-1, rows, 2, columns).swapaxes(2, 3)


def character_levels(amounts: Amounts, columns: int, rows: int) -> NDArray[np.int8]:
    """(n, rows, columns) from -`STEPS` to `STEPS` of pictures (n, height, width)."""
    cells = resample(amounts, rows, columns)
    # What is averaged is weaker; the strongest stay as strong as they were.
    before, after = (
        np.abs(each).max((1, 2), initial=0)[:, None, None] for each in (amounts, cells)
    )
    cells *= np.divide(before, after, out=np.ones_like(before), where=after > 0)
    return np.rint(STEPS * cells).astype(np.int8)


def picture_lines(
    levels: NDArray[np.int8], palette: Palette | None, base: Style
) -> list[Sequence[Segment]]:
    """The lines of a picture, from its levels."""
    if levels.ndim == 3:
        assert palette is not None, "half-blocks are colours alone"
        return [_half_blocks(line.tobytes(), palette) for line in levels]
    return [
        [
            Segment("".join(CHARACTERS[STEPS + level] for level in run), base + style)
            for sign, run in groupby(line, _sign_of)
            for style in (sign_style(sign, palette),)
        ]
        for line in levels.tolist()
    ]


def character(amount: float) -> str:
    """The character of an amount from -1 to 1."""
    return CHARACTERS[STEPS + round(STEPS * amount)]


def _sign_of(level: int) -> int:
    return (level > 0) - (level < 0)


def sign_style(sign: float, palette: Palette | None) -> Style:
    """The colour of what is below or above 0."""
    if palette is None or not sign:
        return Style.null()
    return Style(color=(palette.negative if sign < 0 else palette.positive).rich_color)


def _halved(amounts: NDArray[np.float32], columns: int, rows: int) -> NDArray[np.float32]:
    """(n, 2 * rows, columns) amounts, of pixels that are repeated where there is room for it."""
    _, height, width = amounts.shape
    zoom = min(columns // width, 2 * rows // height)
    if not zoom:
        return resample(amounts, 2 * rows, columns)
    fine = amounts.repeat(zoom, axis=1).repeat(zoom, axis=2)
    below, beside = 2 * rows - fine.shape[1], columns - fine.shape[2]
    return np.pad(fine, ((0, 0), (0, below), (0, beside)))


@lru_cache(maxsize=1024)
def _half_blocks(levels: bytes, palette: Palette) -> tuple[Segment, ...]:
    """A line from its levels, an upper and a lower one a cell, as int8.

    Cached, since of a network that trains most lines look as they did half a second ago.
    """
    signed = np.frombuffer(levels, np.int8).tolist()
    cells, styles = zip(signed[::2], signed[1::2], strict=True), _half_block_styles(palette)
    return tuple(Segment("▀" * len(list(run)), styles[cell]) for cell, run in groupby(cells))


class _HalfBlockStyles(dict[tuple[int, int], Style]):
    """The style of a cell by the levels of its halves; to look it up must not hash a palette."""

    def __init__(self, palette: Palette) -> None:
        super().__init__()
        steps = range(-LEVELS, LEVELS + 1)
        self._colors = {level: palette.color(level / LEVELS).rich_color for level in steps}

    def __missing__(self, cell: tuple[int, int]) -> Style:
        upper, lower = cell
        self[cell] = made = Style(color=self._colors[upper], bgcolor=self._colors[lower])
        return made


_half_block_styles = lru_cache(maxsize=4)(_HalfBlockStyles)
"""One of each palette."""
