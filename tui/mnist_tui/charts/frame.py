"""The frame around the plot: axes, ticks and their labels, drawn by plotext and kept."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_tui.charts.picture import Ink

_AXIS, _TICK = ord("│"), ord("├")


def right_width(labels: Sequence[str]) -> int:
    """Columns that the axis takes with these labels; none without any."""
    return 1 + max(map(len, labels)) if labels else 0


def right_axis(
    height: int, area_height: int, ticks: Sequence[tuple[int, str]]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The cells of the axis and their inks, (height, width) each.

    `ticks` are row of the plot area, from 0 at the bottom, and label.
    """
    width = right_width([label for _, label in ticks])
    codes = np.full((height, width), ord(" "), np.uint32)
    inks = np.full((height, width), int(Ink.LABEL))
    if width:
        codes[:area_height, 0] = _AXIS
        inks[:area_height, 0] = Ink.AXIS
    for row, label in ticks:
        y = area_height - 1 - row
        codes[y, 0] = _TICK
        codes[y, 1 : 1 + len(label)] = [ord(c) for c in label]
    return codes, inks


_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Layout:
    """All that decides how a frame looks, in cells: equal layouts have equal frames."""

    width: int
    height: int
    label_width: int
    """Of the labels of the y axis."""
    x_ticks: tuple[tuple[int, str], ...]
    """Column of the plot area, from 0, and label."""
    y_ticks: tuple[tuple[int, str], ...]
    """Row of the plot area, from 0 at the bottom, and label. At least one."""
    x_title: str = ""

    @property
    def left(self) -> int:
        """Columns before the plot area."""
        return self.label_width + 1

    @property
    def area_width(self) -> int:
        return self.width - self.left

    @property
    def area_height(self) -> int:
        return self.height - 2


def frame_inks(layout: Layout) -> NDArray[np.int64]:
    """(height, width) AXIS where the axes are, LABEL elsewhere."""
    inks = np.full((layout.height, layout.width), int(Ink.LABEL))
    inks[: layout.area_height + 1, layout.left - 1] = Ink.AXIS
    inks[layout.area_height, layout.left :] = Ink.AXIS
    return inks


class Frames:
    """Keeps the last frame, since drawing one costs far more than the curves."""

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._codes = np.empty((0, 0), np.uint32)
        self.drawn = 0
        """How many frames plotext has drawn."""

    def get(self, layout: Layout) -> NDArray[np.uint32]:
        """(height, width) Unicode code points of the frame around an empty plot area; a copy."""
        if layout != self._layout:
            self._codes = _draw(layout)
            self._layout = layout
            self.drawn += 1
        return self._codes.copy()


def _draw(layout: Layout) -> NDArray[np.uint32]:
    # Its public functions share one global figure whose size is bounded by the terminal's. The
    # app's first frame has no curves, and need not wait for it.
    from plotext._figure import _figure_class  # type: ignore[import-untyped]

    figure = _figure_class()
    figure._limit_size(False, False)
    figure.plot_size(layout.width, layout.height)
    figure.theme("clear")
    figure.xaxes(True, False)
    figure.yaxes(True, False)
    # In units of cells plotext cannot round differently from the curves, and no value is too large.
    figure.xlim(0, layout.area_width - 1)
    figure.ylim(0, layout.area_height - 1)
    ticks = _beside_title(layout)
    figure.xticks([column for column, _ in ticks], [label for _, label in ticks])
    figure.yticks(
        [row for row, _ in layout.y_ticks],
        [label.rjust(layout.label_width) for _, label in layout.y_ticks],
    )
    # Without a point plotext draws no ticks; this one is a blank.
    figure.scatter([0], [0], marker=" ")
    lines = _ESCAPES.sub("", figure.build()).split("\n")[: layout.height]
    lines[-1] = _titled(lines[-1], layout.x_title)
    text = "".join(line.ljust(layout.width)[: layout.width] for line in lines)
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    return codes.reshape(layout.height, layout.width)


def _beside_title(layout: Layout) -> list[tuple[int, str]]:
    """The ticks of x, those that would reach into the title without their labels."""
    room = layout.area_width - len(layout.x_title) - bool(layout.x_title)
    return [
        (column, label if column + (len(label) + 1) // 2 <= room else "")
        for column, label in layout.x_ticks
    ]


def _titled(line: str, title: str) -> str:
    return line[: len(line) - len(title)] + title
