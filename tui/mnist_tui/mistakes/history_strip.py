"""The history of a sample as a strip: what each epoch said of it, and how sure it was."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from rich.cells import cell_len

from mnist_tui import numbers
from mnist_tui.mistakes.sample_detail import HistoryPoint, SampleDetail
from mnist_tui.mistakes.spans import Line, Tone, padded
from mnist_tui.plain_text import shorten, visible

HEIGHT = 4
_NAME = 3
"""Cells of a class name in the strip."""
_HEIGHTS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Strip:
    """`HEIGHT` lines, and where the epochs stand in them."""

    lines: list[Line]
    epochs: list[int]
    """Those on show, from left to right."""
    cell: int
    """Cells from one epoch to the next."""

    def epoch_at(self, x: int) -> int | None:
        """The epoch at a cell of a line."""
        place = x // self.cell if self.cell else 0
        return self.epochs[place] if 0 <= place < len(self.epochs) else None


def history_strip(detail: SampleDetail, width: int) -> Strip:
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
    lines = [
        [(shorten(_title(points, shown), width), Tone.QUIET)],
        [
            (padded(names[point.predicted], name_width) + " " * (cell - name_width), tone)
            for point in shown
            for tone in [_tone(detail, point)]
        ],
        _confidences(detail, shown, name_width, cell),
        [] if marked is None else _mark(detail, points[marked], (marked - first) * cell, width),
    ]
    return Strip(lines, [point.epoch for point in shown], cell)


def _short_names(detail: SampleDetail) -> dict[int, str]:
    """The beginnings of the predicted classes' names, less what all names begin with."""
    labels = {point.predicted for point in detail.history}
    names = {label: detail.name(label) for label in labels}
    letters = zip(*map(visible, detail.class_names), *names.values(), strict=False)
    shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, letters))
    if any(len(name) == shared for name in names.values()):
        shared = 0
    return {label: name[shared : shared + _NAME] for label, name in names.items()}


def _title(points: Sequence[HistoryPoint], shown: Sequence[HistoryPoint]) -> str:
    title = f"epochs {shown[0].epoch}-{shown[-1].epoch}"
    if len(shown) == 1:
        title = f"epoch {shown[0].epoch}"
    return title if len(shown) == len(points) else f"{title} of {points[-1].epoch}"


def _tone(detail: SampleDetail, point: HistoryPoint) -> Tone:
    return Tone.RIGHT if point.predicted == detail.true else Tone.WRONG


def _confidences(
    detail: SampleDetail, shown: Sequence[HistoryPoint], width: int, cell: int
) -> Line:
    gap = " " * (cell - width)
    return [(_column(point.confidence) * width + gap, _tone(detail, point)) for point in shown]


def _column(confidence: float) -> str:
    if not math.isfinite(confidence):
        return "?"
    return _HEIGHTS[max(0, min(7, math.ceil(confidence * 8) - 1))]


def _mark(detail: SampleDetail, point: HistoryPoint, left: int, width: int) -> Line:
    """▲ at a cell, and beside it in words what stands above it, as far as there is room."""
    epoch = f"epoch {point.epoch}"
    says = (
        f"{epoch}: {detail.name(point.predicted)} {'✓' if point.predicted == detail.true else '✗'}"
    )
    room_left, room_right = left - 1, width - left - 2
    # Answers are kept in half precision: more digits would differ from those of the model itself.
    mark = ("▲", Tone.CURSOR)
    for words in (f"{says} {numbers.percent(point.confidence)}", says, epoch):
        if cell_len(words) <= room_right:
            return [(" " * left, Tone.PLAIN), mark, (f" {words}", Tone.QUIET)]
        if cell_len(words) <= room_left:
            blanks = " " * (room_left - cell_len(words))
            return [(f"{blanks}{words} ", Tone.QUIET), mark]
    return [(" " * left, Tone.PLAIN), mark]
