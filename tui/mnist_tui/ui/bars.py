"""Bars of blocks, and one for the probability of each class."""

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from mnist_tui.text import numbers
from mnist_tui.text.styled_text import StyledLine, Tone
from mnist_tui.text.visible_text import padded, shorten

_SIGN = len("✓ ")
_NAME = 12
_PERCENT = len("100.0 %")
_LONGEST_BAR = 40
_LEAST = 0.001
"""The probability below which there is no bar, and no more than "<0.1 %" is said."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(share: float, width: int) -> str:
    """`share` (0 to 1) of `width` cells, filled to an eighth of a cell."""
    eighths = round(max(0.0, min(1.0, share)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


NameOf = Callable[[int], str]
"""The name of a class, safe to draw."""
ClassMarks = Mapping[int, tuple[str, Tone]]
"""The classes that are shown whatever their probability, each with its sign of one cell."""


def class_bars(
    probabilities: NDArray[np.float32], name: NameOf, marks: ClassMarks, width: int, height: int
) -> list[StyledLine]:
    """At most `height` lines, one more than there are `marks` asked for.

    In the order of the classes when all have room; otherwise those with marks and the most
    probable others, the most probable first, and a line on what is hidden.
    """
    classes = list(range(len(probabilities)))
    hidden: list[int] = []
    if len(classes) > height:
        classes, hidden = _foremost(set(marks), probabilities, height - 1)
    name_width = _name_width(name, classes, width)
    lines = [_bar(c, float(probabilities[c]), name, marks, name_width, width) for c in classes]
    if hidden:
        # NaN when there is one among them: nothing is then said of the largest.
        largest = float(probabilities[hidden].max())
        lines.append([(shorten(f"+{len(hidden)} more{_below(largest)}", width), Tone.QUIET)])
    return lines


def lone_bar(
    label: int, probability: float, name: NameOf, marks: ClassMarks, width: int
) -> StyledLine:
    """The bar of one class alone, where the other probabilities are not known."""
    return _bar(label, probability, name, marks, _name_width(name, [label], width), width)


def _foremost(
    marked: set[int], probabilities: NDArray[np.float32], count: int
) -> tuple[list[int], list[int]]:
    """(the classes to show, the others), each from the most to the least probable."""
    # NaN compares with nothing; sorted as the least, it leaves the order defined.
    order = [int(c) for c in np.argsort(-np.nan_to_num(probabilities, nan=-1.0), kind="stable")]
    musts = marked & set(order)
    others = [c for c in order if c not in musts]
    shown = musts | set(others[: max(0, count - len(musts))])
    return [c for c in order if c in shown], [c for c in order if c not in shown]


def _below(largest: float) -> str:
    """The least multiple of 0.1 % above `largest`, in words; nothing when there is none."""
    if not math.isfinite(largest):
        return ""
    return f" below {(math.floor(largest * 1000) + 1) / 10:.1f} %"


def _name_width(name: NameOf, classes: list[int], width: int) -> int:
    longest = max(cell_len(name(label)) for label in classes)
    return max(1, min(longest, _NAME, width - _SIGN - _PERCENT - 2))


def _bar(
    label: int, probability: float, name: NameOf, marks: ClassMarks, name_width: int, width: int
) -> StyledLine:
    """Sign, name, bar and percent."""
    sign, tone = marks.get(label, (" ", Tone.PLAIN))
    room = min(_LONGEST_BAR, width - _SIGN - name_width - _PERCENT - 2)
    parts: StyledLine = [(f"{sign} {padded(name(label), name_width)} ", tone)]
    if room > 0:
        parts.append((_blocks(probability, room) + " ", tone))
    percent = _percent(probability).rjust(_PERCENT)
    return [*parts, (percent, Tone.QUIET if tone is Tone.PLAIN else tone)]


def _percent(probability: float) -> str:
    return "<0.1 %" if 0 < probability < _LEAST else numbers.percent(probability, 1)


def _blocks(share: float, width: int) -> str:
    """The bar of a probability, at least one eighth of a cell from 0.1 % on."""
    return bar(max(share, 1 / (8 * width)), width) if share >= _LEAST else " " * width
