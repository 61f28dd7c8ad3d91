"""What is said of one sample: words, probability bars and history, folded to the room."""

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from mnist_core.store.answers import SampleAnswer
from mnist_tui.text import numbers
from mnist_tui.text.numbers import metric
from mnist_tui.text.styled_text import Span, StyledLine, Tone, flow
from mnist_tui.text.visible_text import class_name, padded, shorten, visible
from mnist_tui.ui.bars import class_bars, lone_bar

NOT_KEPT = "Probabilities are kept for the best and the last epoch only."
_MANY_BARS = 12
"""Classes beyond which a larger digit is worth more than more bars."""
FEWEST = 3
"""Lines below which nothing true can be said: the true class, the predicted one, the rest."""
STRIP_HEIGHT = 4
_NAME = 3
"""Cells of a class name in the strip."""
_HEIGHTS = "▁▂▃▄▅▆▇█"


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
    history: Sequence[SampleAnswer] = ()
    """In the order of their epochs."""
    epoch: int | None = None
    notes: Sequence[str] = ()
    """Sentences with what else is known of it."""
    why: str = ""
    """Why the model says what it does, in sentences; they take the place of the measures."""
    samples_name: str = "test"
    """The set that the sample is of."""

    @property
    def wrong(self) -> bool:
        return self.predicted is not None and self.predicted != self.true

    def name(self, label: int) -> str:
        """The class name, safe to draw, or the number of a class that has none."""
        return class_name(label, self.class_names)


@dataclass(frozen=True, slots=True)
class HistoryStrip:
    """`STRIP_HEIGHT` lines, and where the epochs stand in them."""

    lines: list[StyledLine]
    epochs: list[int]
    """Those on show, from left to right."""
    cell: int
    """Cells from one epoch to the next."""

    def epoch_at(self, x: int) -> int | None:
        """The epoch at a cell of a line."""
        place = x // self.cell if self.cell else 0
        return self.epochs[place] if 0 <= place < len(self.epochs) else None


def history_strip(detail: SampleDetail, width: int) -> HistoryStrip:
    """A title, the classes, the confidences and a mark below the epoch under the cursor.

    Where the epochs have not all room, those around the epoch under the cursor, or else the last
    ones, and the title says which.
    """
    points = detail.history
    names = _short_names(detail)
    name_width = max(1, min(width, max(map(cell_len, names.values()))))
    cell = name_width + 1
    if name_width == 1 and cell * len(points) > width:
        cell = 1
    places = max(1, width // cell)
    marked = next((i for i, point in enumerate(points) if point.epoch == detail.epoch), None)
    centre = len(points) - 1 if marked is None else marked
    first = max(0, min(centre - places // 2, len(points) - places))
    shown = points[first : first + places]

    def line_of(text: Callable[[SampleAnswer], str]) -> StyledLine:
        gap = " " * (cell - name_width)
        return [(text(point) + gap, _tone(detail, point)) for point in shown]

    lines = [
        [(shorten(_title(points, shown), width), Tone.QUIET)],
        line_of(lambda point: padded(names[point.predicted], name_width)),
        line_of(lambda point: _column(point.confidence) * name_width),
        [] if marked is None else _mark(detail, points[marked], (marked - first) * cell, width),
    ]
    return HistoryStrip(lines, [point.epoch for point in shown], cell)


def _short_names(detail: SampleDetail) -> dict[int, str]:
    """The beginnings of the predicted classes' names, less what all names begin with."""
    labels = {point.predicted for point in detail.history}
    names = {label: detail.name(label) for label in labels}
    letters = zip(*map(visible, detail.class_names), *names.values(), strict=False)
    shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, letters))
    if any(len(name) == shared for name in names.values()):
        shared = 0
    return {label: name[shared : shared + _NAME] for label, name in names.items()}


def _title(points: Sequence[SampleAnswer], shown: Sequence[SampleAnswer]) -> str:
    title = f"epochs {shown[0].epoch}-{shown[-1].epoch}"
    if len(shown) == 1:
        title = f"epoch {shown[0].epoch}"
    return title if len(shown) == len(points) else f"{title} of {points[-1].epoch}"


def _tone(detail: SampleDetail, point: SampleAnswer) -> Tone:
    return Tone.RIGHT if point.predicted == detail.true else Tone.WRONG


def _column(confidence: float) -> str:
    if not math.isfinite(confidence):
        return "?"
    return _HEIGHTS[max(0, min(7, math.ceil(confidence * 8) - 1))]


def _mark(detail: SampleDetail, point: SampleAnswer, left: int, width: int) -> StyledLine:
    """▲ at a cell, and beside it in words what stands above it, as far as there is room."""
    epoch = f"epoch {point.epoch}"
    says = (
        f"{epoch}: {detail.name(point.predicted)} {'✓' if point.predicted == detail.true else '✗'}"
    )
    room_left, room_right = left - 1, width - left - 2
    mark = ("▲", Tone.CURSOR)
    # Answers are kept in half precision: more digits would differ from those of the model itself.
    for words in (f"{says} {numbers.percent(point.confidence)}", says, epoch):
        if cell_len(words) <= room_right:
            return [(" " * left, Tone.PLAIN), mark, (f" {words}", Tone.QUIET)]
        if cell_len(words) <= room_left:
            blanks = " " * (room_left - cell_len(words))
            return [(f"{blanks}{words} ", Tone.QUIET), mark]
    return [(" " * left, Tone.PLAIN), mark]


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
    return [lone_bar(detail.predicted, detail.confidence, detail.name, marks, width)]


@dataclass(frozen=True, slots=True)
class SampleText:
    """Lines, the last of which are those of the history, if there is one."""

    lines: list[StyledLine]
    strip: HistoryStrip | None

    def epoch_at(self, x: int, y: int) -> int | None:
        """The epoch of the history at a cell."""
        in_strip = len(self.lines) - STRIP_HEIGHT <= y < len(self.lines)
        return self.strip.epoch_at(x) if self.strip and in_strip else None


def sample_text(detail: SampleDetail, width: int, height: int) -> SampleText:
    """All that is known of a sample in at most `height` lines of at most `width` cells.

    The words come first; then the history and the bars share the room: where there is too little
    for both, the bars fold, and before they say nothing any more the history goes.
    """
    words = sample_words(detail, width)
    notes = _notes(detail, width)
    room = height - len(words)
    if len(notes) > room:
        notes = []
    room -= len(notes)
    classes = 1 if detail.probabilities is None else len(detail.probabilities)
    wanted = probability_bars(detail, width, max(classes, FEWEST))
    fewest = min(len(wanted), FEWEST)
    strip = None
    if detail.history and room - STRIP_HEIGHT >= fewest:
        strip = history_strip(detail, width)
        room -= STRIP_HEIGHT
    bars = wanted
    if len(wanted) > room:
        bars = probability_bars(detail, width, room) if room >= FEWEST else []
    room -= len(bars)

    lines = [*words[:height], *notes]
    for part in (bars, strip.lines if strip else []):
        if part and room > 0:
            lines.append([])
            room -= 1
        lines += part
    return SampleText(lines, strip)


def wanted_height(detail: SampleDetail, width: int) -> int:
    """Lines in which everything stands, of many classes the foremost."""
    height = len(sample_words(detail, width)) + len(_notes(detail, width))
    bars = len(probability_bars(detail, width, _MANY_BARS))
    height += 1 + bars if bars else 0
    return height + (1 + STRIP_HEIGHT if detail.history else 0)


def sample_words(detail: SampleDetail, width: int) -> list[StyledLine]:
    """The labels, how sure the model is, and the measures, the most important first."""
    parts: list[Span] = [
        (f"{visible(detail.samples_name)} {detail.index}", Tone.QUIET),
        (f"true {detail.name(detail.true)}", Tone.PLAIN),
    ]
    if detail.predicted is not None:
        says = f"says {detail.name(detail.predicted)} {'✗' if detail.wrong else '✓'}"
        if detail.confidence is not None:
            says += f" {numbers.percent(detail.confidence, 1)}"
        parts.append((says, Tone.WRONG if detail.wrong else Tone.RIGHT))
    if detail.why:
        return [*flow(parts, width), *_wrapped(detail.why, width, Tone.PLAIN)]
    measures: list[Span] = []
    if detail.loss is not None:
        measures.append((f"loss {metric(detail.loss)}", Tone.PLAIN))
    if detail.margin is not None:
        measures.append((f"margin {metric(detail.margin)}", Tone.PLAIN))
    if detail.second is not None:
        second = f"second guess {detail.name(detail.second)}"
        if detail.probabilities is not None and detail.second < len(detail.probabilities):
            second += f" ({numbers.percent(float(detail.probabilities[detail.second]), 1)})"
        measures.append((second, Tone.PLAIN))
    return [*flow(parts, width), *flow(measures, width)]


def _notes(detail: SampleDetail, width: int) -> list[StyledLine]:
    sentences = [visible(note) for note in detail.notes]
    if detail.predicted is not None and detail.probabilities is None:
        sentences.append(NOT_KEPT)
    return [line for sentence in sentences for line in _wrapped(sentence, width, Tone.QUIET)]


def _wrapped(sentence: str, width: int, tone: Tone) -> list[StyledLine]:
    return [[(line, tone)] for line in textwrap.wrap(sentence, max(1, width))]
