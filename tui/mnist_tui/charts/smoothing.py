"""Exponential smoothing that can go on where it stopped."""

import numpy as np
from numpy.typing import NDArray

from mnist_tui.charts.extrema import drawable

_PART = 8192


class Smoother:
    """An exponential moving average with the bias correction of Kingma and Ba, "Adam", section 3.

    m_t = f m_(t-1) + (1-f) y_t, and the answer is m_t / (1 - f^t), so that the curve starts at the
    first value and not at zero. Values that cannot be drawn stay gaps and are not averaged.
    """

    def __init__(self, factor: float) -> None:
        """`factor` f: 0 follows the values, 0.99 averages about the last hundred.

        Raises ValueError outside of 0 <= factor < 1.
        """
        if not 0 <= factor < 1:
            raise ValueError(f"smoothing must be at least 0 and below 1, not {factor}")
        self.factor = factor
        self._mean = 0.0
        self._count = 0

    def smooth(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The average after each of `values` (n,), which follow those of earlier calls."""
        smoothed = drawable(values)
        present = ~np.isnan(smoothed)
        known = smoothed[present]
        # In parts that stay in the processor's cache.
        parts = [self._average(known[i : i + _PART]) for i in range(0, len(known), _PART)]
        smoothed[present] = np.concatenate([np.empty(0), *parts])
        return smoothed

    def _average(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.factor == 0:
            return values
        mean = (1 - self.factor) * values
        mean[0] += self.factor * self._mean
        # After a round the weights reach back twice as far, as in a parallel prefix sum.
        reach, weight = 1, self.factor
        while reach < len(mean) and weight > 1e-17:
            mean[reach:] += weight * mean[:-reach]
            reach, weight = 2 * reach, weight * weight
        count = np.arange(self._count + 1, self._count + len(values) + 1)
        self._mean, self._count = float(mean[-1]), int(count[-1])
        corrected: NDArray[np.float64] = mean / (1 - self.factor**count)
        return corrected
