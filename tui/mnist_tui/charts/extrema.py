"""The smallest and largest value of any stretch of a growing array, without reading all of it."""

import numpy as np
from numpy.typing import NDArray

from mnist_tui.charts.growing import GrowingArray

BLOCK = 32
LARGEST_DRAWN = 1e30


def drawable(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values` with NaN for what no axis can hold: not finite, or beyond ±1e30."""
    return np.where(np.abs(values) <= LARGEST_DRAWN, values, np.nan)


class Extrema:
    """Extrema of blocks of 16, 256, 4096 ... values, so that the work for a stretch grows with
    the logarithm of its length. Only whole blocks are kept; ends are read from the level below.
    """

    def __init__(self, values: GrowingArray) -> None:
        self._values = values
        self._levels: list[tuple[GrowingArray, GrowingArray]] = []

    def between(self, edges: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Smallest and largest drawable value of each stretch edges[i] <= index < edges[i+1].

        `edges` is (n+1,), ascending; the answers are (n,), NaN where nothing can be drawn.
        """
        self._catch_up()
        start, stop = edges[:-1], edges[1:]
        low = np.full(len(start), np.nan)
        high = np.full(len(start), np.nan)
        level = 0
        while (start < stop).any():
            lows, highs = self._level(level)
            first_block, last_block = -(-start // BLOCK), stop // BLOCK
            if level == len(self._levels) or not (first_block < last_block).any():
                _reduce(start, stop, lows, highs, low, high)
                break
            head = np.minimum(stop, first_block * BLOCK)
            tail = np.maximum(head, last_block * BLOCK)
            _reduce(start, head, lows, highs, low, high)
            _reduce(tail, stop, lows, highs, low, high)
            start, stop = first_block, np.maximum(first_block, last_block)
            level += 1
        return low, high

    def _level(self, level: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if level == 0:
            return self._values.values, self._values.values
        lows, highs = self._levels[level - 1]
        return lows.values, highs.values

    def _catch_up(self) -> None:
        level = 0
        while True:
            lows, highs = self._level(level)
            blocks = len(lows) // BLOCK
            if level == len(self._levels):
                if blocks == 0:
                    return
                self._levels.append((GrowingArray(), GrowingArray()))
            block_lows, block_highs = self._levels[level]
            fresh = slice(len(block_lows) * BLOCK, blocks * BLOCK)
            block_lows.extend(np.fmin.reduce(drawable(lows[fresh]).reshape(-1, BLOCK), axis=1))
            block_highs.extend(np.fmax.reduce(drawable(highs[fresh]).reshape(-1, BLOCK), axis=1))
            level += 1


def _reduce(
    start: NDArray[np.int64],
    stop: NDArray[np.int64],
    lows: NDArray[np.float64],
    highs: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> None:
    """Fold values start[i] .. stop[i] into low[i] and high[i]."""
    longest = int((stop - start).max(initial=0))
    if longest == 0:
        return
    index = start[:, None] + np.arange(longest)
    outside = index >= stop[:, None]
    index[outside] = 0
    chosen = drawable(lows[index])
    chosen[outside] = np.nan
    np.fmin(low, np.fmin.reduce(chosen, axis=1), out=low)
    if highs is not lows:
        chosen = highs[index]
        chosen[outside] = np.nan
    np.fmax(high, np.fmax.reduce(chosen, axis=1), out=high)
