"""The curves of a stored run, which grow while another process trains it."""

import numpy as np
from numpy.typing import NDArray

from mnist_core.store import BATCH_DTYPE, EpochRecord, RunRecord, RunStore
from mnist_tui.curves import Curves


class RunCurves(Curves):
    """Empty until `update`."""

    def __init__(self, record: RunRecord) -> None:
        super().__init__()
        self.record = record
        """The run as it was at the last update."""
        self._seen: tuple[int, int, float] | None = None
        self._batches: NDArray[np.void] = np.empty(0, BATCH_DTYPE)
        self._epochs: list[EpochRecord] = []

    def update(self, store: RunStore, record: RunRecord) -> bool:
        """Bring the curves up to `record`, newly read; whether there is anything else to draw.

        Points are appended, unless the run was cut back to a checkpoint: then the series are new.
        Raises StoreError as the store does, and the curves stay as they were.
        """
        seen = (record.step, record.epoch, record.updated)
        self.record = record
        if seen == self._seen:
            return False
        batches, epochs = store.batches(record.id), store.epochs(record.id)
        kept, kept_epochs = len(self._batches), len(self._epochs)
        cut = not (
            np.array_equal(_bits(batches[:kept]), _bits(self._batches))
            and [_place(epoch) for epoch in epochs[:kept_epochs]]
            == [_place(epoch) for epoch in self._epochs]
        )
        if cut:
            self.clear_curves()
            kept = kept_epochs = 0
        if len(batches) > kept:
            self._add_from(batches, kept)
        for epoch in epochs[kept_epochs:]:
            self.add_epoch(epoch, epoch.run_seconds)
        self._batches, self._epochs = batches, epochs
        self._seen = seen
        return cut or len(batches) > kept or len(epochs) > kept_epochs

    def _add_from(self, batches: NDArray[np.void], first: int) -> None:
        added = batches[first:]
        self.add_batches(
            np.arange(first + 1, len(batches) + 1),
            added["loss"],
            added["accuracy"],
            added["learning_rate"],
            added["seconds"],
            self.record.in_force.epoch_steps,
        )


def _bits(batches: NDArray[np.void]) -> NDArray[np.uint8]:
    """As bytes, where NaN equals itself."""
    return np.ascontiguousarray(batches).view(np.uint8)


def _place(epoch: EpochRecord) -> tuple[int, int, float]:
    return epoch.epoch, epoch.step, epoch.run_seconds
