"""Parallel coordinates: an axis for each field and one for the value, a line for each trial.

What is better is higher on the last axis; the line of the best trial is bright and has marks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mnist_core.sweep.ranges import Choices, Interval
from mnist_tui.charts.axes import Limits, Scale
from mnist_tui.charts.plot_area import BRAILLE
from mnist_tui.lab.sweep_progress import SweepProgress, TrialSoFar
from mnist_tui.lab.trial_text import chosen_text
from mnist_tui.sweeps.sweep_plots import BEST, place_of, ranges_of
from mnist_tui.text.contrast import readable
from mnist_tui.text.numbers import metric
from mnist_tui.text.visible_text import in_middle, shorten
from mnist_tui.ui.drawn_widget import DrawnWidget

_MOST_LINES = 60
"""Of the completed trials, the best."""
_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint32)
"""Those of Unicode's braille patterns, by row and column of dots."""
_AXIS = ord("│")
_BEST_INK, _AXIS_INK, _BLANK = -1, -2, -3
_TITLE_ROWS = 2
_LEAST = 2.0
"""The contrast of the dimmest line, which is there as a part of all of them."""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """What is drawn, whatever the size."""

    names: tuple[str, ...]
    """Of the axes."""
    highs: tuple[str, ...]
    lows: tuple[str, ...]
    """What their upper and lower ends stand for."""
    lines: tuple[tuple[float, ...], ...]
    """Of each trial where it lies on each axis, from 0 at the lower end to 1; the best first."""


def coordinates(progress: SweepProgress) -> Coordinates | None:
    """Of the completed trials; None while there are none."""
    started, ranges = progress.started, ranges_of(progress)
    ranked = [trial for trial in progress.ranked if _is_whole(trial)][:_MOST_LINES]
    if started is None or not ranked:
        return None
    names, lows, highs, columns = [], [], [], []
    for each in ranges:
        names.append(each.field.short_name)
        if isinstance(each, Interval):
            scale = Scale.LOG if each.log else Scale.LINEAR
            limits = Limits(float(each.low), float(each.high), scale)
            ends = chosen_text(each.field.name, each.low), chosen_text(each.field.name, each.high)
        else:
            assert isinstance(each, Choices)
            limits = Limits(1.0, float(len(each.values)))
            first, last = (each.field.format(each.values[end]) for end in (0, -1))
            ends = first.replace(", ", ",") or "none", last.replace(", ", ",") or "none"
        lows.append(ends[0])
        highs.append(ends[1])
        columns.append([limits.fraction(place_of(each, trial) or limits.low) for trial in ranked])
    values = [trial.value or 0.0 for trial in ranked]
    best, worst = values[0], values[-1]
    span = best - worst
    columns.append([(value - worst) / span if span else 1.0 for value in values])
    names.append(started.plan["metric"])
    lows.append(metric(worst))
    highs.append(metric(best))
    return Coordinates(tuple(names), tuple(highs), tuple(lows), tuple(zip(*columns, strict=True)))


def _is_whole(trial: TrialSoFar) -> bool:
    return trial.value is not None and np.isfinite(trial.value)


class ParallelCoordinates(DrawnWidget, can_focus=True):
    """Draws the trials of a sweep, those that rank higher over the others."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"parallel--{part}" for part in ("best", "line", "axis", "label")
    }
    DEFAULT_CSS = """
    ParallelCoordinates {
        height: 1fr;
        width: 1fr;
        & > .parallel--best { color: $success; text-style: bold; }
        & > .parallel--line { color: $primary; }
        & > .parallel--axis { color: $foreground 30%; }
        & > .parallel--label { color: $foreground 70%; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id)
        self._shown: Coordinates | None = None

    def show(self, progress: SweepProgress | None) -> None:
        """Show the completed trials of a sweep."""
        shown = coordinates(progress) if progress is not None else None
        self.border_title = "Parallel coordinates"
        self.border_subtitle = "" if shown is None else f"{BEST} the best; upper right is better"
        if shown != self._shown:
            self._shown = shown
            self.redraw()

    def draw(self) -> list[Strip]:
        width, height = self.size
        base = self.rich_style
        shown = self._shown
        if shown is None or width < 12 or height < _TITLE_ROWS + 3:
            words = "A line for each trial that has completed, through what was chosen in it."
            style = base + self._style("label")
            return [
                Strip([Segment(in_middle(words, width - 4, width, height, y), style)])
                .adjust_cell_length(width, style)
                for y in range(height)
            ]  # fmt: skip
        rows = height - _TITLE_ROWS - 1
        columns = _axis_columns(len(shown.names), width)
        codes, inks = _picture(shown, columns, width, rows)
        styles = self._styles_of(len(shown.lines))
        label = base + self._style("label")
        titles = [(shown.names, label + Style(bold=True)), (shown.highs, label)]
        lines = [_labels(texts, columns, width, style) for texts, style in titles]
        lines += [_strip(codes[y], inks[y], styles, base) for y in range(rows)]
        lines.append(_labels(shown.lows, columns, width, label))
        return lines

    def _style(self, part: str) -> Style:
        whole = self.get_component_rich_style(f"parallel--{part}")
        return Style(color=whole.color, bold=whole.bold)

    def _styles_of(self, lines: int) -> dict[int, Style]:
        """By ink: that of a trial is its rank, and the lower that is the dimmer it is drawn."""
        background = self.background_colors[1]
        best, bright = (
            readable(self.get_component_styles(f"parallel--{part}").color, background)
            for part in ("best", "line")
        )
        found = {
            _BEST_INK: Style(color=best.rich_color, bold=True),
            _AXIS_INK: self._style("axis"),
            _BLANK: Style(),
        }
        for rank in range(lines):
            dimmed = bright.blend(background, 0.15 + 0.5 * rank / max(1, lines))
            found[rank] = Style(color=readable(dimmed, background, _LEAST).rich_color)
        return found


def _axis_columns(axes: int, width: int) -> list[int]:
    margin = min(6, width // 10)
    span = width - 1 - 2 * margin
    return [margin + round(span * index / max(1, axes - 1)) for index in range(axes)]


def _picture(
    shown: Coordinates, columns: Sequence[int], width: int, rows: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """(rows, width) The characters, and of each the ink."""
    dots = np.zeros((rows, width), np.uint32)
    inks = np.full((rows, width), _BLANK)
    for rank in reversed(range(len(shown.lines))):
        ink = _BEST_INK if rank == 0 else rank
        heights = [(1 - share) * (4 * rows - 1) for share in shown.lines[rank]]
        for left, right, begin, end in zip(
            columns, columns[1:], heights, heights[1:], strict=False
        ):
            count = 1 + max(2 * (right - left), round(abs(end - begin)))
            x = np.rint(np.linspace(2 * left, 2 * right, count)).astype(int)
            y = np.clip(np.rint(np.linspace(begin, end, count)).astype(int), 0, 4 * rows - 1)
            np.bitwise_or.at(dots, (y // 4, x // 2), _BITS[y % 4, x % 2])
            inks[y // 4, x // 2] = ink
    codes = np.where(dots > 0, dots + BRAILLE, ord(" ")).astype(np.uint32)
    for column in columns:
        free = dots[:, column] == 0
        codes[free, column], inks[free, column] = _AXIS, _AXIS_INK
    for column, share in zip(columns, shown.lines[0], strict=True):
        row = int(np.clip((1 - share) * (4 * rows - 1) // 4, 0, rows - 1))
        codes[row, column], inks[row, column] = ord(BEST), _BEST_INK
    return codes, inks


def _strip(
    codes: NDArray[np.uint32], inks: NDArray[np.int64], styles: dict[int, Style], base: Style
) -> Strip:
    starts = [0, *(np.flatnonzero(np.diff(inks)) + 1).tolist(), len(codes)]
    text = codes.astype("<u4").tobytes().decode("utf-32-le")
    return Strip(
        [
            Segment(text[start:stop], base + styles[int(inks[start])])
            for start, stop in pairwise(starts)
            if start < stop
        ],
        len(codes),
    )


def _labels(texts: Sequence[str], columns: Sequence[int], width: int, style: Style) -> Strip:
    """Each text in the middle over its axis, as far as the others leave it room."""
    room = max(1, min((b - a for a, b in pairwise(columns)), default=width))
    line = [" "] * width
    for text, column in zip(texts, columns, strict=True):
        text = shorten(text, max(1, room - 1))
        start = max(0, min(column - len(text) // 2, width - len(text)))
        line[start : start + len(text)] = text
    return Strip([Segment("".join(line)[:width], style)]).adjust_cell_length(width, style)
