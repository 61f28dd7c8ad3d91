"""The histograms of an array over the epochs, as a heat map: epochs across, values upwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mnist_core.network.distributions import edges, on_axis

RAMP = " .:-=+*#%@"
"""From no values to the most in a column: each has more ink than the one before."""
_WIDEST = 10
"""Cells of an epoch."""
_TAIL = 0.001
"""The share of values at either end that may lie beyond the axis."""
_MOST_REACH = 10.0
"""Times the median reach of all epochs, beyond which one has no say in the axis: else all others
would be a line beside what diverged."""


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A column for an epoch, or for some where they have no room; a row for a range of values."""

    low: float
    high: float
    amounts: NDArray[np.float64]
    """(rows, columns) from 0 to 1, the greatest values in the first row: the root of the share of
    the values, in parts of the largest share in the column. The root shows what is rare, too."""
    epochs: tuple[range, ...]
    """Of each column."""
    cells: int
    """The width of a column."""

    def column_of(self, epoch: int | None) -> int | None:
        """Where an epoch stands; None where it does not."""
        places = enumerate(self.epochs)
        return next((place for place, each in places if epoch is not None and epoch in each), None)

    def row_of(self, value: float) -> int:
        """The row of a value on the axis."""
        rows = len(self.amounts)
        return max(0, min(rows - 1, int((self.high - value) / (self.high - self.low) * rows)))


def heat_map(found: Mapping[int, np.void], epochs: range, width: int, height: int) -> HeatMap:
    """Of histograms by epoch, of `HISTOGRAM_DTYPE`, in so many cells; `epochs` without one are
    blank. What lies beyond the axis is in its outer rows.
    """
    low, high = _axis(list(found.values()))
    cells = max(1, min(_WIDEST, width // max(1, len(epochs))))
    count = max(1, min(len(epochs), width))
    limits = [epochs.start + len(epochs) * place // count for place in range(count + 1)]
    columns = tuple(range(*pair) for pair in pairwise(limits))
    amounts = np.zeros((height, count))
    for place, column in enumerate(columns):
        shares = sum(
            (on_axis(found[epoch], low, high, height) for epoch in column if epoch in found),
            np.zeros(height),
        )
        if shares.any():
            amounts[:, place] = np.sqrt(shares / shares.max())[::-1]
    return HeatMap(low, high, amounts, columns, cells)


def _axis(rows: Sequence[np.void]) -> tuple[float, float]:
    """The least and the greatest value to be drawn, which differ."""
    ends = np.array([_ends(row) for row in rows if row["counts"].any()]).reshape(-1, 2)
    if not len(ends):
        return -1.0, 1.0
    reach = np.abs(ends).max(axis=1)
    some = np.sort(reach[reach > 0])
    # The lower median: of two epochs, the one that has not diverged.
    most = _MOST_REACH * some[(len(some) - 1) // 2] if len(some) else 0.0
    usual = ends[reach <= most]
    low, high = float(usual[:, 0].min()), float(usual[:, 1].max())
    if low == high:
        around = abs(low) or 1.0
        return low - around, high + around
    return low, high


def _ends(row: np.void) -> tuple[float, float]:
    """What all values lie between, but for the outermost few."""
    below = np.concatenate([[0.0], np.cumsum(row["counts"], dtype=np.float64)])
    first, last = np.searchsorted(below, [_TAIL * below[-1], (1 - _TAIL) * below[-1]])
    limits = edges(row)
    return float(limits[max(0, first - 1)]), float(limits[last])


def character(amount: float) -> str:
    """The character of an amount from 0 to 1; any amount at all has some ink."""
    return RAMP[int(np.ceil(amount * (len(RAMP) - 1) - 1e-9))]
