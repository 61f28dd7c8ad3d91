"""A drawn chart: a character and an ink for each cell."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style

from mnist_tui.charts.axes import Limits


class Ink(IntEnum):
    """What a cell shows; the curve with index i has the ink CURVE + i."""

    PLAIN = 0
    AXIS = 1
    LABEL = 2
    BOUNDARY = 3
    CURSOR = 4
    GAP = 5
    ANNOTATION = 6
    CURVE = 7


Piece = tuple[str, int]
"""Text and its ink."""


@dataclass(frozen=True, slots=True)
class PlotArea:
    """Where the curves are, in cells of the picture, and between which values."""

    left: int
    top: int
    width: int
    height: int
    x: Limits
    y: Limits
    right: Limits | None = None
    """Of the curves over the axis on the right."""

    def x_at(self, column: int) -> float:
        """The place on the x axis at the middle of a column of the picture."""
        dot = 2 * (column - self.left) + 0.5
        return self.x.value(min(max(dot / (2 * self.width - 1), 0.0), 1.0))


@dataclass(frozen=True, slots=True)
class Picture:
    header: list[list[Piece]]
    """The rows of the legend, above the cells."""
    codes: NDArray[np.uint32]
    """(rows, width) Unicode code points, each one cell wide."""
    inks: NDArray[np.int64]
    """(rows, width)"""
    area: PlotArea | None
    """None when nothing but a text is shown."""

    def text(self) -> list[str]:
        """The rows without colours."""
        header = ["".join(text for text, _ in row) for row in self.header]
        return header + [_decode(row) for row in self.codes]

    def row(self, y: int, styles: Sequence[Style]) -> list[Segment]:
        """Row `y` in colour; `styles` holds one for each ink."""
        if y < len(self.header):
            return [Segment(text, styles[ink]) for text, ink in self.header[y]]
        y -= len(self.header)
        return _segments(self.codes[y], self.inks[y], styles)

    def rows_unlike(self, other: "Picture") -> list[int]:
        """The rows in which this picture differs from `other`, which has the same size."""
        top = len(self.header)
        if top != len(other.header):
            return list(range(top + len(self.codes)))
        heads = [y for y in range(top) if self.header[y] != other.header[y]]
        differs = (self.codes != other.codes) | (self.inks != other.inks)
        return heads + (top + np.flatnonzero(differs.any(axis=1))).tolist()


def _segments(
    codes: NDArray[np.uint32], inks: NDArray[np.int64], styles: Sequence[Style]
) -> list[Segment]:
    text = _decode(codes)
    # A blank shows no ink, so it takes its left neighbour's: fewer, longer segments.
    visible = np.where(codes == ord(" "), 0, np.arange(len(codes)))
    worn = inks[np.maximum.accumulate(visible)]
    starts = [0, *(np.flatnonzero(np.diff(worn)) + 1).tolist(), len(text)]
    return [
        Segment(text[start:stop], styles[worn[start]])
        for start, stop in pairwise(starts)
        if start < stop
    ]


def _decode(codes: NDArray[np.uint32]) -> str:
    return codes.tobytes().decode("utf-32-le")
