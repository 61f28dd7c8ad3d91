"""A stored run told again, batch for batch, in the numbers that it told while it trained."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mnist_core.events import BatchCompleted, HyperparameterChanged
from mnist_core.recipe.changes import Change
from mnist_core.recipe.effective_recipe import EffectiveRecipe, EpochSteps
from mnist_core.recipe.hyperparameters import TakesEffect
from mnist_core.store import EpochRecord, RunRecord, RunStore
from mnist_core.training.divergence import chance_accuracy


@dataclass(frozen=True, slots=True)
class History:
    """A run with its curves."""

    record: RunRecord
    epochs: list[EpochRecord]
    """In their order, epoch 0 first."""
    told: list[BatchCompleted | HyperparameterChanged]
    """In their order."""
    chance: float | None = None
    """The share of the most common class in what it was tested on; None where that is not known."""

    @property
    def batches(self) -> list[BatchCompleted]:
        """Batch k is that of update k + 1."""
        return [event for event in self.told if isinstance(event, BatchCompleted)]

    @property
    def epoch_ends(self) -> dict[int, EpochRecord]:
        """The evaluated epochs by the update they end with; epoch 0 ends with none, 0."""
        return {epoch.step: epoch for epoch in self.epochs}


def read_history(store: RunStore, record: RunRecord) -> History:
    """The curves of `record`; raises StoreError where they cannot be read."""
    # In this order: of a run that is still written, no epoch is without its batches.
    epochs = store.epochs(record.id)
    labels = store.tested_labels(record)
    chance = None if labels is None else chance_accuracy(labels.test)
    return History(record, epochs, list(_told(store, record)), chance)


def _told(store: RunStore, record: RunRecord) -> Iterator[BatchCompleted | HyperparameterChanged]:
    epoch_steps = EpochSteps.of(record.steps_per_epoch)
    recipe = EffectiveRecipe(record.hyperparameters, record.train_examples, epoch_steps)
    norms = {int(step): float(norm) for step, norm in store.gradient_norms(record.id)}
    to_come = list(record.changes)
    made: list[Change] = []
    last_epoch = record.hyperparameters.epochs
    rows = store.batches(record.id).tolist()
    for index in range(len(rows) + 1):
        epoch = recipe.epoch_steps.completed(index) + 1
        for change in _due(to_come, recipe, index):
            to_come.remove(change)
            made.append(replace(change, step=index))
            previous = getattr(recipe.hyperparameters, change.field)
            recipe = recipe.changed(made[-1])
            if change.field == "epochs":
                last_epoch = max(int(change.value), epoch - 1)
            yield HyperparameterChanged(
                index, epoch, change.field, change.value, previous, last_epoch,
                recipe.epoch_steps.in_epoch(epoch), (*made, *to_come),
            )  # fmt: skip
        if index == len(rows):
            return
        loss, accuracy, learning_rate, seconds = rows[index]
        size = recipe.hyperparameters.batch_size
        place = index - recipe.epoch_steps.end(epoch - 1)
        examples = min(size, record.train_examples - place * size)
        yield BatchCompleted(
            step=index + 1,
            epoch=epoch,
            batch=place + 1,
            loss=loss,
            accuracy=_unrounded(accuracy, round(accuracy * examples) / examples),
            learning_rate=_unrounded(learning_rate, recipe.learning_rate(index)),
            seconds=seconds,
            gradient_norm=norms.get(index + 1),
        )


def _due(changes: list[Change], recipe: EffectiveRecipe, step: int) -> list[Change]:
    """Those that take effect at `step`, in the order in which training makes them."""
    due = [change for change in changes if recipe.moment_of(change) <= step]
    return sorted(due, key=lambda change: change.takes_effect is TakesEffect.NOW)


def _unrounded(stored: float, exact: float) -> float:
    """The `exact` number that was stored in single precision, if this is it."""
    return exact if float(np.float32(exact)) == stored else stored
