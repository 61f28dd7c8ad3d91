"""A run as JSON lines: the events that `mnist-tui train --json --log-every 1` writes."""

import json
import math
from collections.abc import Iterator
from typing import Any

from mnist_core.events import (
    DivergenceDetected,
    DivergenceReason,
    Event,
    HyperparameterChanged,
    RunFailed,
    TrainingState,
    epoch_to_json,
    event_to_json,
)
from mnist_core.export.history import History
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import RunRecord
from mnist_core.store.records import END_STATES
from mnist_core.training.divergence import DivergenceGuard, likely_cause


def to_jsonl(history: History) -> bytes:
    """An object for each event in its order, numbers that are not finite as null.

    A run that was continued is told as one. Checkpoints, and steps that could not be compiled, are
    left out: the store does not keep when they were. A run that has not ended has no last event.
    """
    return "".join(json.dumps(each, allow_nan=False) + "\n" for each in _objects(history)).encode()


def _objects(history: History) -> Iterator[dict[str, Any]]:
    record, ends = history.record, history.epoch_ends
    yield event_to_json(record.as_started())
    if 0 in ends:
        yield epoch_to_json(ends[0])
    # What training told of it once it tells again, since the same guard looks at the same figures.
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
