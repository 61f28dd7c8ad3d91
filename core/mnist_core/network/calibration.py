"""Calibration: whether a model is right as often as it is sure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Of equal width, as in Guo et al., "On Calibration of Modern Neural Networks", 2017."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A reliability diagram: examples in bins by the confidence of what was predicted.

    Bin k of n has the confidences above k / n, up to (k + 1) / n.
    """

    counts: NDArray[np.int64]
    """(bins,)."""
    confidences: NDArray[np.float64]
    """(bins,), the mean in each; NaN in an empty one."""
    accuracies: NDArray[np.float64]
    """(bins,), the share that was predicted right; NaN in an empty one."""

    @property
    def error(self) -> float:
        """The expected calibration error (Guo et al., eq. 5): the mean over the examples of how far
        the accuracy of their bin is from its confidence; NaN where there are none.
        """
        total = int(self.counts.sum())
        if not total:
            return float("nan")
        gaps = np.abs(self.accuracies - self.confidences)
        return float((self.counts * np.nan_to_num(gaps)).sum() / total)


def calibration(
    confidences: NDArray[np.floating], right: NDArray[np.bool_], bins: int = BINS
) -> Calibration:
    """Put examples in bins; those whose confidence is no number are in none.

    Args:
        confidences: (examples,), of the predicted class, 0 to 1.
        right: (examples,), whether that was the label.
        bins: how many.
    """
    known = np.isfinite(confidences)
    sure, hits = confidences[known].astype(np.float64), right[known]
    places = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    with np.errstate(invalid="ignore"):
        return Calibration(
            counts,
            np.bincount(places, sure, bins) / counts,
            np.bincount(places, hits, bins) / counts,
        )
