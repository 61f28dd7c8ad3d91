"""A second axis for values, on the right of the canvas."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mnist_tui.charts.picture import Ink

_AXIS, _TICK = ord("│"), ord("├")


def right_width(labels: Sequence[str]) -> int:
    """Columns that the axis takes with these labels; none without any."""
    return 1 + max(map(len, labels)) if labels else 0


def right_axis(
    height: int, canvas_height: int, ticks: Sequence[tuple[int, str]]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The cells of the axis and their inks, (height, width) each.

    `ticks` are row of the canvas, from 0 at the bottom, and label.
    """
    width = right_width([label for _, label in ticks])
    codes = np.full((height, width), ord(" "), np.uint32)
    inks = np.full((height, width), int(Ink.LABEL))
    if width:
        codes[:canvas_height, 0] = _AXIS
        inks[:canvas_height, 0] = Ink.AXIS
    for row, label in ticks:
        y = canvas_height - 1 - row
        codes[y, 0] = _TICK
        codes[y, 1 : 1 + len(label)] = [ord(c) for c in label]
    return codes, inks
