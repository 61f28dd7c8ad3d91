"""Bars to the left and right of a line: pure functions of the numbers and the size."""

import math
from enum import StrEnum

import numpy as np
from rich.cells import cell_len

from mnist_tui.network.units_view import Bars, signed
from mnist_tui.text.visible_text import padded, shorten

_LONGEST_NAME = 12
_LONGEST_BAR = 20
_HALF_LEFT, _HALF_RIGHT, _AXIS = "▐", "▌", "│"


class Part(StrEnum):
    """What a part of a line means."""

    PLAIN = "plain"
    QUIET = "quiet"
    NEGATIVE = "negative"
    POSITIVE = "positive"


Line = list[tuple[str, Part]]


def signed_bars(bars: Bars, width: int, height: int) -> list[Line]:
    """At most `height` lines: the title, and a bar for each number, those below 0 to the left.

    In their order where all have room; else the largest, whatever their sign, the largest first,
    and a line on how many are hidden.
    """
    shown = list(range(len(bars.values)))
    room = height - 1
    hidden = 0
    if len(shown) > room:
        sizes = np.nan_to_num(np.abs(bars.values), nan=-1.0)
        shown = np.argsort(-sizes, kind="stable")[: max(0, room - 1)].tolist()
        hidden = len(bars.values) - len(shown)
    lines: list[Line] = [[(shorten(bars.title, width), Part.QUIET)]]
    numbers = [signed(float(value)) for value in bars.values]
    names = max((cell_len(bars.names[each]) for each in shown), default=1)
    names = max(1, min(names, _LONGEST_NAME, width // 3))
    digits = max((len(numbers[each]) for each in shown), default=1)
    side = min(_LONGEST_BAR, (width - names - digits - 3) // 2)
    finite = bars.values[np.isfinite(bars.values)]
    largest = float(np.abs(finite).max(initial=0)) or 1.0
    for each in shown:
        value = float(bars.values[each])
        line: Line = [(padded(bars.names[each], names, right=True) + " ", Part.PLAIN)]
        if side > 0:
            line += _bar(value / largest if math.isfinite(value) else 0.0, side)
        lines.append([*line, (" " + numbers[each].rjust(digits), Part.QUIET)])
    if hidden:
        lines.append([(shorten(f"+{hidden} smaller", width), Part.QUIET)])
    return lines[:height]


def _bar(share: float, side: int) -> Line:
    """`share` (-1 to 1) of `side` cells, to half a cell, with the line between both sides."""
    halves = round(abs(share) * side * 2)
    full, half = divmod(halves, 2)
    if share < 0:
        text = ((_HALF_LEFT if half else "") + "█" * full).rjust(side)
        return [(text, Part.NEGATIVE), (_AXIS + " " * side, Part.QUIET)]
    text = ("█" * full + (_HALF_RIGHT if half else "")).ljust(side)
    return [(" " * side + _AXIS, Part.QUIET), (text, Part.POSITIVE)]
