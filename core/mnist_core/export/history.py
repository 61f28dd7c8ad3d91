"""A stored run told again, batch for batch, in the figures that it told while it trained."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mnist_core.events import BatchCompleted
from mnist_core.hyperparameters import learning_rate_at
from mnist_core.store import EpochRecord, RunRecord, RunStore


@dataclass(frozen=True, slots=True)
class History:
    """A run with its curves."""

    record: RunRecord
    epochs: list[EpochRecord]
    """In their order, epoch 0 first."""
    batches: list[BatchCompleted]
    """Batch k is that of update k + 1."""

    @property
    def epoch_ends(self) -> dict[int, EpochRecord]:
        """The evaluated epochs by the update they end with; epoch 0 ends with none, 0."""
        return {epoch.step: epoch for epoch in self.epochs}


def read_history(store: RunStore, record: RunRecord) -> History:
    """The curves of `record`; raises StoreError where they cannot be read."""
    # In this order: of a run that is still written, no epoch is without its batches.
    epochs = store.epochs(record.id)
    return History(record, epochs, list(_batches(store, record)))


def _batches(store: RunStore, record: RunRecord) -> Iterator[BatchCompleted]:
    hyperparameters = record.hyperparameters
    planned_steps = hyperparameters.epochs * record.steps_per_epoch
    size = hyperparameters.batch_size
    for index, row in enumerate(store.batches(record.id).tolist()):
        loss, accuracy, learning_rate, seconds = row
        epoch, place = divmod(index, record.steps_per_epoch)
        examples = min(size, record.train_examples - place * size)
        yield BatchCompleted(
            step=index + 1,
            epoch=epoch + 1,
            batch=place + 1,
            loss=loss,
            accuracy=_unrounded(accuracy, round(accuracy * examples) / examples),
            learning_rate=_unrounded(
                learning_rate, learning_rate_at(hyperparameters, index, planned_steps)
            ),
            seconds=seconds,
        )


def _unrounded(stored: float, figure: float) -> float:
    """The `figure` that was stored in single precision, if this is it."""
    return figure if float(np.float32(figure)) == stored else stored
