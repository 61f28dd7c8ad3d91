"""The curves of a run as comma-separated values, and as JSON lines."""

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from mnist_core.events import (
    DivergenceDetected,
    DivergenceReason,
    EpochMetrics,
    Event,
    HyperparameterChanged,
    RunFailed,
    TrainingState,
    epoch_to_json,
    event_to_json,
)
from mnist_core.export.history import History
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import EpochRecord, RunRecord
from mnist_core.store.records import END_STATES
from mnist_core.training.divergence import DivergenceGuard, likely_cause

_BATCH_COLUMNS = ("seconds", "learning_rate", "batch_loss", "batch_accuracy", "gradient_norm")
_EPOCH_COLUMNS = tuple(
    each.name for each in fields(EpochMetrics) if each.name not in ("epoch", "step", "seconds")
)
COLUMNS = ("step", "epoch", *_BATCH_COLUMNS, *_EPOCH_COLUMNS)


def to_csv(history: History) -> bytes:
    """CSV: a header and a row for each step, step 0 being the evaluation before any update.

    Accuracies are fractions, losses nats; `seconds` is the training time up to the step. The
    metrics of an epoch stand in the row of its last step, and are empty in all others. Numbers
    that are not finite are written inf, -inf and nan.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_csv_rows(history))
    return text.getvalue().encode()


def _csv_rows(history: History) -> Iterator[Sequence[object]]:
    ends = history.epoch_ends
    if 0 in ends:
        yield 0, 0, ends[0].run_seconds, "", "", "", "", *_metrics(ends[0])
    for batch in history.batches:
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


def to_jsonl(history: History) -> bytes:
    """The lines that `mnist-tui train --json --log-every 1` writes, an object for each event.

    A run that was continued is told as one. Checkpoints, and steps that could not be compiled, are
    left out: the store does not keep when they were. A run that has not ended has no last event.
    """
    return "".join(
        json.dumps(each, allow_nan=False) + "\n" for each in _json_objects(history)
    ).encode()


def _json_objects(history: History) -> Iterator[dict[str, Any]]:
    record, ends = history.record, history.epoch_ends
    yield event_to_json(record.as_started())
    if 0 in ends:
        yield epoch_to_json(ends[0])
    # What training told of it once it tells again, since the same guard looks at the same numbers.
    guard = DivergenceGuard(None, 0, -1.0 if history.chance is None else history.chance)
    recipe = record.hyperparameters
    for event in history.told:
        yield event_to_json(event)
        if isinstance(event, HyperparameterChanged):
            recipe = recipe.model_copy(update={event.field: event.value})
            continue
        step, epoch = event.step, event.epoch
        reason = guard.after_batch(step, event.loss, _nothing)
        if reason is not None:
            yield _divergence(step, epoch, event.loss, reason, guard, recipe)
        if step in ends:
            ended = ends[step]
            yield epoch_to_json(ended)
            reason = guard.after_epoch(step, ended.test_accuracy, _nothing)
            if reason is not None:
                loss = math.nan if ended.train_loss is None else ended.train_loss
                yield _divergence(step, epoch, loss, reason, guard, recipe)
    end = _end(record)
    if end is not None:
        yield event_to_json(end)


def _nothing() -> None:
    """The state of a run that is only told again."""


def _divergence(
    step: int,
    epoch: int,
    loss: float,
    reason: DivergenceReason,
    guard: DivergenceGuard[None],
    recipe: Hyperparameters,
) -> dict[str, Any]:
    cause = likely_cause(recipe)
    return event_to_json(DivergenceDetected(step, epoch, loss, reason, guard.healthy_step, cause))


def _end(record: RunRecord) -> Event | None:
    end = next((end for end, state in END_STATES.items() if state is record.state), None)
    if end is None:
        return None
    if issubclass(end, RunFailed):
        return RunFailed(record.failure, "")
    return end(
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
    )
