"""The curves of a stored run: read back batch by batch, and as CSV and JSON lines."""

import csv
import io
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from mnist_core.events import (
    BatchCompleted,
    DivergenceDetected,
    DivergenceReason,
    EpochMetrics,
    Event,
    HyperparameterChanged,
    RunCompleted,
    RunFailed,
    TrainingState,
    epoch_to_json,
    event_to_json,
)
from mnist_core.export.escapes import csv_cell
from mnist_core.network.distributions import Distributions
from mnist_core.recipe.changes import Change
from mnist_core.recipe.effective_recipe import EffectiveRecipe, EpochSteps
from mnist_core.recipe.hyperparameters import TakesEffect
from mnist_core.store import EpochRecord, RunRecord, RunStore
from mnist_core.store.records import END_STATES
from mnist_core.training.divergence import DivergenceGuard, chance_accuracy, likely_cause

_BATCH_COLUMNS = ("seconds", "learning_rate", "batch_loss", "batch_accuracy", "gradient_norm")
_EPOCH_COLUMNS = tuple(
    each.name for each in fields(EpochMetrics) if each.name not in ("epoch", "step", "seconds")
)
_RUN_COLUMNS = ("name", "note", "tags")
COLUMNS = ("step", "epoch", *_BATCH_COLUMNS, *_EPOCH_COLUMNS, *_RUN_COLUMNS)


@dataclass(frozen=True, slots=True)
class StoredCurves:
    """A run told again in the numbers that it told while it trained."""

    record: RunRecord
    epochs: list[EpochRecord]
    """In their order, epoch 0 first."""
    told: list[BatchCompleted | HyperparameterChanged]
    """In their order."""
    distributions: Mapping[int, Distributions]
    """Those that are kept, by epoch."""
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


def read_curves(store: RunStore, record: RunRecord) -> StoredCurves:
    """The curves of `record`; raises StoreError where they cannot be read."""
    # In this order: of a run that is still written, no epoch is without its batches.
    epochs = store.epochs(record.id)
    labels = store.tested_labels(record)
    chance = None if labels is None else chance_accuracy(labels.test)
    told = list(_told(store, record))
    return StoredCurves(record, epochs, told, store.distributions(record.id), chance)


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
            if index == len(rows) and change.takes_effect is TakesEffect.NOW:
                # It takes effect before the next update, if there ever is one.
                continue
            to_come.remove(change)
            previous = getattr(recipe.hyperparameters, change.field)
            if change.value == previous:
                continue
            made.append(replace(change, step=index))
            recipe = recipe.changed(made[-1])
            if change.field == "epochs":
                last_epoch = max(int(change.value), epoch - 1)
            yield HyperparameterChanged(
                index, epoch, change.field, change.value, previous, last_epoch,
                recipe.epoch_steps.in_epoch(epoch), (*made, *to_come), record.until_epoch,
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


def to_csv(curves: StoredCurves) -> bytes:
    """CSV: a header and a row for each step, step 0 being the evaluation before any update.

    Accuracies are fractions, losses nats; `seconds` is the training time up to the step. The
    metrics of an epoch stand in the row of its last step, and are empty in all others. Numbers
    that are not finite are written inf, -inf and nan. Name, note and tags stand in the first row;
    one that a spreadsheet would take for a formula begins with '.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(
        (*row, *about) for row, about in zip(_csv_rows(curves), _about(curves.record), strict=False)
    )
    return text.getvalue().encode()


def _about(record: RunRecord) -> Iterator[Sequence[str]]:
    """The last cells of each row."""
    yield tuple(map(csv_cell, (record.name, record.note, ", ".join(record.tags))))
    yield from itertools.repeat(("",) * len(_RUN_COLUMNS))


def _csv_rows(curves: StoredCurves) -> Iterator[Sequence[object]]:
    ends = curves.epoch_ends
    if 0 in ends:
        yield 0, 0, ends[0].run_seconds, "", "", "", "", *_metrics(ends[0])
    for batch in curves.batches:
        yield (
            batch.step,
            batch.epoch,
            batch.seconds,
            batch.learning_rate,
            batch.loss,
            batch.accuracy,
            "" if batch.gradient_norm is None else batch.gradient_norm,
            *_metrics(ends.get(batch.step)),
        )


def _metrics(epoch: EpochRecord | None) -> list[object]:
    values = [getattr(epoch, name) if epoch else None for name in _EPOCH_COLUMNS]
    return ["" if value is None else value for value in values]


def to_jsonl(curves: StoredCurves) -> bytes:
    """The lines that `mnist-tui train --json --log-every 1` writes, an object for each event.

    The first has the run's name, note and tags besides.
    A run that was continued is told as one. Checkpoints, and steps that could not be compiled, are
    left out: the store does not keep when they were. A run that has not ended has no last event.
    """
    return "".join(
        json.dumps(each, allow_nan=False) + "\n" for each in _json_objects(curves)
    ).encode()


def _json_objects(curves: StoredCurves) -> Iterator[dict[str, Any]]:
    record, ends = curves.record, curves.epoch_ends
    about = {"name": record.name, "note": record.note, "tags": list(record.tags)}
    yield event_to_json(record.as_started()) | about
    if 0 in ends:
        yield epoch_to_json(ends[0])
    # What training told of it once it tells again, since the same guard looks at the same numbers.
    guard = DivergenceGuard(-1.0 if curves.chance is None else curves.chance)
    healthy_step = 0
    recipe = healthy_recipe = record.hyperparameters
    for event in curves.told:
        yield event_to_json(event)
        if isinstance(event, HyperparameterChanged):
            recipe = recipe.model_copy(update={event.field: event.value})
            continue
        step, epoch = event.step, event.epoch
        reason, healthy = guard.after_batch(event.loss)
        if healthy:
            healthy_step, healthy_recipe = step, recipe
        if reason is not None:
            guard.ignore()
            cause = likely_cause(recipe, healthy_recipe)
            yield _divergence(step, epoch, event.loss, reason, healthy_step, cause)
        if step in ends:
            ended = ends[step]
            yield epoch_to_json(ended)
            loss = math.nan if ended.train_loss is None else ended.train_loss
            reason, healthy = guard.after_epoch(loss, ended.test_accuracy)
            if healthy:
                healthy_step, healthy_recipe = step, recipe
            if reason is not None:
                guard.ignore()
                cause = likely_cause(recipe, healthy_recipe)
                yield _divergence(step, epoch, loss, reason, healthy_step, cause)
    end = _end(record)
    if end is not None:
        yield event_to_json(end)


def _divergence(
    step: int,
    epoch: int,
    loss: float,
    reason: DivergenceReason,
    healthy_step: int,
    cause: str,
) -> dict[str, Any]:
    return event_to_json(DivergenceDetected(step, epoch, loss, reason, healthy_step, cause))


def _end(record: RunRecord) -> Event | None:
    end = next((end for end, state in END_STATES.items() if state is record.state), None)
    if end is None:
        return None
    if issubclass(end, RunFailed):
        return RunFailed(record.failure, "")
    ended = end(
        run_id=record.id,
        epoch=record.epoch,
        step=record.step,
        test_accuracy=record.test_accuracy,
        best_test_accuracy=record.best_test_accuracy,
        best_epoch=record.best_epoch,
        test_loss=record.test_loss,
        seconds=record.seconds,
        examples_per_second=record.examples_per_second or 0.0,
        state=TrainingState((), None),
        changes=record.changes,
        until_epoch=record.until_epoch,
        best_validation_accuracy=record.best_validation_accuracy,
    )
    if isinstance(ended, RunCompleted):
        return replace(ended, stopped_by=record.stopped_by)
    return ended
