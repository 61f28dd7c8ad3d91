"""Numbers with a sign as pictures: blue below 0, orange above, or a character for each."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from rich.color import Color as RichColor
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
_STEPS = len(CHARACTERS) // 2

Amounts = NDArray[np.float32]
"""(height, width) from -1 to 1."""


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


def picture_lines(
    amounts: Amounts,
    columns: int,
    rows: int,
    style: PictureStyle,
    palette: Palette | None,
    base: Style,
) -> list[list[Segment]]:
    """A picture (height, width) of amounts from -1 to 1, as large as so many cells."""
    if palette is not None and in_half_blocks(style, palette):
        return [_half_blocks(halves, palette) for halves in halved(amounts, columns, rows)]
    return [
        [
            Segment("".join(run), base + sign_style(sign, palette))
            for sign, run in groupby(line, sign_of)
        ]
        for line in characters(amounts, columns, rows)
    ]


def characters(amounts: Amounts, columns: int, rows: int) -> list[list[str]]:
    """A character for each cell of a picture; the strongest stay as strong as they were."""
    cells = resample(amounts[None], rows, columns)[0]
    peaks = np.abs(amounts).max(initial=0), np.abs(cells).max(initial=0)
    cells *= peaks[0] / peaks[1] if peaks[1] else 1
    return [list(map(character, line)) for line in cells.tolist()]


def character(amount: float) -> str:
    """The character of an amount from -1 to 1."""
    return CHARACTERS[_STEPS + round(_STEPS * amount)]


def sign_of(shown: str) -> int:
    """Whether a character of `CHARACTERS` stands for what is below 0 (-1), above (1), or is 0."""
    place = CHARACTERS.index(shown) - _STEPS
    return (place > 0) - (place < 0)


def sign_style(sign: float, palette: Palette | None) -> Style:
    """The colour of what is below or above 0."""
    if palette is None or not sign:
        return Style.null()
    return Style(color=(palette.negative if sign < 0 else palette.positive).rich_color)


def halved(amounts: Amounts, columns: int, rows: int) -> NDArray[np.int64]:
    """(rows, columns, 2) of `LEVELS` of the upper and the lower half of each cell."""
    height, width = amounts.shape
    zoom = min(columns // width, 2 * rows // height)
    if zoom:
        fine = amounts.repeat(zoom, axis=0).repeat(zoom, axis=1)
        below, beside = 2 * rows - len(fine), columns - fine.shape[1]
        fine = np.pad(fine, ((0, below), (0, beside)))
    else:
        fine = resample(amounts[None], 2 * rows, columns)[0]
    levels = np.rint(LEVELS * fine).astype(np.int64)
    return levels.reshape(rows, 2, columns).swapaxes(1, 2)


def _half_blocks(halves: NDArray[np.int64], palette: Palette) -> list[Segment]:
    return [
        Segment("▀" * len(list(run)), _half_block_style(upper, lower, palette))
        for (upper, lower), run in groupby(halves.tolist())
    ]


@lru_cache(maxsize=4096)
def _half_block_style(upper: int, lower: int, palette: Palette) -> Style:
    return Style(color=_level_color(upper, palette), bgcolor=_level_color(lower, palette))


@lru_cache(maxsize=256)
def _level_color(level: int, palette: Palette) -> RichColor:
    return palette.color(level / LEVELS).rich_color
