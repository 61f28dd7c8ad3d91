"""What is known of one sample, and a bar for the probability of each class."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from mnist_tui.text import numbers
from mnist_tui.text.styled_text import StyledLine, Tone
from mnist_tui.text.visible_text import class_name, padded, shorten


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """What a model said of a sample after an epoch."""

    epoch: int
    predicted: int
    confidence: float
    """From 0 to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class SampleDetail:
    """One sample, and what a model says of it after `epoch`."""

    image: NDArray[np.uint8]
    """(height, width)."""
    dark_on_light: bool
    index: int
    """Among all samples of its set."""
    true: int
    """An index into `class_names`, like all classes here."""
    predicted: int | None
    """None before any model has answered."""
    class_names: tuple[str, ...]
    """As they came; `name` makes them safe to draw."""
    probabilities: NDArray[np.float32] | None = None
    """(classes,); None where they were not kept."""
    confidence: float | None = None
    loss: float | None = None
    """In nats."""
    margin: float | None = None
    second: int | None = None
    """The second most probable class."""
    history: Sequence[HistoryPoint] = ()
    """In the order of their epochs."""
    epoch: int | None = None
    note: str = ""
    """A sentence about what cannot be shown."""
    samples_name: str = "test"
    """The set that the sample is of."""

    @property
    def wrong(self) -> bool:
        return self.predicted is not None and self.predicted != self.true

    def name(self, label: int) -> str:
        """The class name, safe to draw, or the number of a class that has none."""
        return class_name(label, self.class_names)


FEWEST = 3
"""Lines below which nothing true can be said: the true class, the predicted one, the rest."""
_SIGN = len("✓ ")
_NAME = 12
_PERCENT = len("100.0 %")
_LONGEST_BAR = 40
_LEAST = 0.001
"""The probability below which there is no bar, and no more than "<0.1 %" is said."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


NameOf = Callable[[int], str]
"""The name of a class, safe to draw."""
ClassMarks = Mapping[int, tuple[str, Tone]]
"""The classes that are shown whatever their probability, each with its sign of one cell."""


def probability_bars(detail: SampleDetail, width: int, height: int) -> list[StyledLine]:
    """At most `height` lines, at least `FEWEST` asked for, the true and the predicted class marked.

    Without probabilities the predicted class alone, if its confidence is known.
    """
    marks = {detail.true: ("✓", Tone.RIGHT)}
    if detail.predicted is not None and detail.predicted != detail.true:
        marks[detail.predicted] = ("✗", Tone.WRONG)
    if detail.probabilities is not None:
        return class_bars(detail.probabilities, detail.name, marks, width, height)
    if detail.predicted is None or detail.confidence is None:
        return []
    name_width = _name_width(detail.name, [detail.predicted], width)
    return [_bar(detail.predicted, detail.confidence, detail.name, marks, name_width, width)]


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
    """`share` of `width` cells to an eighth of a cell, at least one eighth from 0.1 % on."""
    if not share >= _LEAST:
        return " " * width
    eighths = min(8 * width, max(1, round(share * 8 * width)))
    whole, rest = divmod(eighths, 8)
    return ("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(width)
