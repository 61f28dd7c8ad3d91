"""The frame around the plot: axes, ticks and their labels, drawn by plotext and kept."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mnist_tui.charts.plot import Ink

_AXIS, _TICK = ord("│"), ord("├")


@dataclass(frozen=True, slots=True)
class Layout:
    """All that decides how a frame looks, in cells: equal layouts have equal frames."""

    width: int
    height: int
    label_width: int
    """Of the labels of the y axis, and of the title of the x axis, which stands below them."""
    x_ticks: tuple[tuple[int, str], ...]
    """Column of the plot area, from 0, and label."""
    y_ticks: tuple[tuple[int, str], ...]
    """Row of the plot area, from 0 at the bottom, and label. At least one."""
    x_title: str = ""
    right_ticks: tuple[tuple[int, str], ...] = ()
    """As `y_ticks`, of the axis on the right; empty without one."""

    @property
    def left(self) -> int:
        """Columns before the plot area."""
        return self.label_width + 1

    @property
    def right_width(self) -> int:
        """Columns of the axis on the right."""
        return 1 + max(len(label) for _, label in self.right_ticks) if self.right_ticks else 0

    @property
    def area_width(self) -> int:
        return self.width - self.left - self.right_width

    @property
    def area_height(self) -> int:
        return self.height - 2


def frame_inks(layout: Layout) -> NDArray[np.int64]:
    """(height, width) AXIS where the axes are, LABEL elsewhere."""
    inks = np.full((layout.height, layout.width), int(Ink.LABEL))
    right = layout.left + layout.area_width
    inks[: layout.area_height + 1, layout.left - 1] = Ink.AXIS
    inks[layout.area_height, layout.left : right] = Ink.AXIS
    inks[: layout.area_height, right : right + 1] = Ink.AXIS
    return inks


@lru_cache(maxsize=16)
def frame_codes(layout: Layout) -> NDArray[np.uint32]:
    """(height, width) Unicode code points of the frame around an empty plot area; only to be read.

    The latest are kept, since drawing one costs far more than the curves.
    """
    # The app's first frame has no curves, and need not wait for it.
    import plotext  # type: ignore[import-untyped]

    plotext.clear_figure()
    plotext.limit_size(False, False)
    width = layout.width - layout.right_width
    plotext.plot_size(width, layout.height)
    plotext.theme("clear")
    plotext.xaxes(True, False)
    plotext.yaxes(True, False)
    # In units of cells plotext cannot round differently from the curves, and no value is too large.
    plotext.xlim(0, layout.area_width - 1)
    plotext.ylim(0, layout.area_height - 1)
    ticks = _readable(layout)
    plotext.xticks([column for column, _ in ticks], [label for _, label in ticks])
    plotext.yticks(
        [row for row, _ in layout.y_ticks],
        [label.rjust(layout.label_width) for _, label in layout.y_ticks],
    )
    # Without a point plotext draws no ticks; this one is a blank.
    plotext.scatter([0], [0], marker=" ")
    lines = plotext.uncolorize(plotext.build()).split("\n")[: layout.height]
    lines[-1] = layout.x_title.rjust(layout.label_width) + lines[-1][layout.label_width :]
    text = "".join(line.ljust(width)[:width] for line in lines)
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    return np.hstack([codes.reshape(layout.height, width), _right_axis(layout)])


def _readable(layout: Layout) -> list[tuple[int, str]]:
    """The ticks of x, those that would reach into the title or over the edge without labels."""
    return [
        (column, label if _fits(column, len(label), layout) else "")
        for column, label in layout.x_ticks
    ]


def _fits(column: int, length: int, layout: Layout) -> bool:
    """Whether a label of so many cells, in the middle of which the tick is, can be read."""
    first = column - length // 2
    # One cell of the axis lies between the title and the plot area.
    return first >= 0 and first + length <= layout.area_width


def _right_axis(layout: Layout) -> NDArray[np.uint32]:
    """(height, right_width) plotext would put a corner and ticks of its own there."""
    codes = np.full((layout.height, layout.right_width), ord(" "), np.uint32)
    codes[: layout.area_height, :1] = _AXIS
    for row, label in layout.right_ticks:
        y = layout.area_height - 1 - row
        codes[y, 0] = _TICK
        codes[y, 1 : 1 + len(label)] = [ord(c) for c in label]
    return codes
