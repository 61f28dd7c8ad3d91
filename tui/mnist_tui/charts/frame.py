"""The frame around the plot: axes, ticks and their labels, drawn by plotext and kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mnist_tui.charts.picture import Ink

_AXIS, _TICK = ord("│"), ord("├")


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


@lru_cache(maxsize=16)
def frame_codes(layout: Layout) -> NDArray[np.uint32]:
    """(height, width) Unicode code points of the frame around an empty plot area, read-only.

    The latest are kept, since drawing one costs far more than the curves.
    """
    # The app's first frame has no curves, and need not wait for it.
    import plotext  # type: ignore[import-untyped]

    plotext.clear_figure()
    plotext.limit_size(False, False)
    plotext.plot_size(layout.width, layout.height)
    plotext.theme("clear")
    plotext.xaxes(True, False)
    plotext.yaxes(True, False)
    # In units of cells plotext cannot round differently from the curves, and no value is too large.
    plotext.xlim(0, layout.area_width - 1)
    plotext.ylim(0, layout.area_height - 1)
    ticks = _beside_title(layout)
    plotext.xticks([column for column, _ in ticks], [label for _, label in ticks])
    plotext.yticks(
        [row for row, _ in layout.y_ticks],
        [label.rjust(layout.label_width) for _, label in layout.y_ticks],
    )
    # Without a point plotext draws no ticks; this one is a blank.
    plotext.scatter([0], [0], marker=" ")
    lines = plotext.uncolorize(plotext.build()).split("\n")[: layout.height]
    lines[-1] = lines[-1][: len(lines[-1]) - len(layout.x_title)] + layout.x_title
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
