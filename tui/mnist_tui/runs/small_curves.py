"""The test accuracy of runs over their epochs, each as a curve in one line."""

import math
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from mnist_core.store import KeptRecord, RecordingRecord, RunStore, StoreError

_KEPT = 512
"""Curves that are kept: more than any terminal shows at once."""
_HEIGHTS = "▁▂▃▄▅▆▇█"


class SmallCurves:
    """Reads and keeps the curves of the runs that are asked for."""

    def __init__(self, store: RunStore, cells: int) -> None:
        """`store` belongs to the calling thread; each curve is at most `cells` wide."""
        self._store = store
        self._cells = cells
        self._kept: OrderedDict[tuple[str, int], str] = OrderedDict()

    def of(self, record: KeptRecord) -> str:
        """The curve of a run; empty where it has none, or it cannot be read."""
        if isinstance(record, RecordingRecord):
            return ""
        key = record.id, record.epoch
        if key not in self._kept:
            try:
                epochs = self._store.epochs(record.id)
            except StoreError:
                return ""
            # What the untrained network guesses would only press the rest together.
            accuracies = [epoch.test_accuracy for epoch in epochs if epoch.epoch > 0]
            self._kept[key] = small_curve(accuracies, self._cells)
            if len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]


def small_curve(values: Sequence[float], cells: int) -> str:
    """`values` as blocks of eight heights, from the lowest to the highest of them; with more
    values than `cells`, each cell has the mean of its part.
    """
    finite = np.array([value for value in values if math.isfinite(value)])
    if not len(finite):
        return ""
    parts = np.array_split(finite, min(cells, len(finite)))
    means = np.array([part.mean() for part in parts])
    spread = means.max() - means.min()
    shares = (means - means.min()) / spread if spread else np.ones(len(means))
    return "".join(_HEIGHTS[int(place)] for place in np.rint(shares * (len(_HEIGHTS) - 1)))
