"""A map over its digit: colours over a dimmed one, or characters with a sign where there are none.

The colours and the signs are those of the network screen.
"""

from functools import lru_cache
from itertools import groupby

import numpy as np
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from mnist_core.data.drawn_digit import resample
from mnist_tui.mistakes.explanation import Map, Signs
from mnist_tui.text.digits import ink
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.ui.weight_picture import (
    CHARACTERS,
    LEVELS,
    STEPS,
    Amounts,
    Palette,
    character_levels,
    half_levels,
    in_half_blocks,
    sign_style,
)

_DIMMED = 0.45
"""Of its own strength, that the digit has below the colours."""
_INK, _FAINT_INK = ":", "."
"""Of the digit, where no sign stands over it: no character that is a sign."""
_INK_FROM, _FAINT_FROM = 0.5, 0.15
_ABOVE, _BELOW = " ".join(CHARACTERS[-3:]), " ".join(CHARACTERS[:3])


def legend(signs: Signs, palette: Palette | None, style: PictureStyle) -> str:
    """What the colours or the characters mean, as a sentence."""
    above, below = ("Orange", "blue") if in_half_blocks(style, palette) else (_ABOVE, _BELOW)
    return f"{above}: {signs.above}; {below}: {signs.below}."


def map_lines(
    shown: Map,
    columns: int,
    rows: int,
    style: PictureStyle,
    palette: Palette | None,
    ink_style: Style,
    *,
    dark_on_light: bool,
) -> list[list[Segment]]:
    """The map and the digit below it, as large as so many cells."""
    digit = ink(shown.image, dark_on_light).astype(np.float32)
    digit /= 255
    if palette is not None and in_half_blocks(style, palette):
        full = Color.from_rich_color(ink_style.color)
        return _half_blocks(digit, shown.amounts, columns, rows, palette, full)
    return _characters(digit, shown.amounts, columns, rows, palette, ink_style)


def _characters(
    digit: Amounts,
    amounts: Amounts,
    columns: int,
    rows: int,
    palette: Palette | None,
    ink_style: Style,
) -> list[list[Segment]]:
    strokes = resample(digit[None], rows, columns)[0].tolist()
    lines = []
    levels = character_levels(amounts[None], columns, rows)[0].tolist()
    for of_line, inks in zip(levels, strokes, strict=True):
        cells = [
            ((level > 0) - (level < 0), CHARACTERS[STEPS + level] if level else _stroke(share))
            for level, share in zip(of_line, inks, strict=True)
        ]
        lines.append(
            [
                Segment("".join(shown for _, shown in run), ink_style + sign_style(sign, palette))
                for sign, run in groupby(cells, key=lambda cell: cell[0])
            ]
        )
    return lines


def _stroke(share: float) -> str:
    """The character of a cell with a share of full ink."""
    if share < _FAINT_FROM:
        return " "
    return _INK if share >= _INK_FROM else _FAINT_INK


def _half_blocks(
    digit: Amounts, amounts: Amounts, columns: int, rows: int, palette: Palette, full: Color
) -> list[list[Segment]]:
    both = half_levels(np.stack([digit, amounts]), columns, rows)
    levels = np.concatenate([*both], axis=2)
    return [
        [
            Segment("▀" * len(list(run)), _style(*cell, palette, full))
            for cell, run in groupby(map(tuple, line))
        ]
        for line in levels.tolist()
    ]


@lru_cache(maxsize=8192)
def _style(
    upper_ink: int, lower_ink: int, upper: int, lower: int, palette: Palette, full: Color
) -> Style:
    return Style(
        color=_color(upper_ink, upper, palette, full),
        bgcolor=_color(lower_ink, lower, palette, full),
    )


@lru_cache(maxsize=2048)
def _color(ink_level: int, level: int, palette: Palette, full: Color) -> RichColor:
    digit = palette.zero.blend(full, _DIMMED * ink_level / LEVELS)
    end = palette.negative if level < 0 else palette.positive
    return digit.blend(end, abs(level) / LEVELS).rich_color
