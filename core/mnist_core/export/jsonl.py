"""A run as JSON lines: the events that `mnist-tui train --json --log-every 1` writes."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from mnist_core.events import (
    DivergenceDetected,
    DivergenceReason,
    Event,
    HyperparameterChanged,
    RunCompleted,
    RunDiverged,
    RunFailed,
    RunStarted,
    RunStopped,
    TrainingState,
    event_to_json,
)
from mnist_core.export.history import History
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import EpochRecord, RunRecord, RunState
from mnist_core.training.divergence import DivergenceGuard, likely_cause

_ENDS: Mapping[RunState, type[RunCompleted] | type[RunStopped] | type[RunDiverged]] = {
    RunState.COMPLETED: RunCompleted,
    RunState.STOPPED: RunStopped,
    RunState.DIVERGED: RunDiverged,
}


def to_jsonl(history: History) -> bytes:
    """An object for each event in its order, numbers that are not finite as null.

    A run that was continued is told as one. Checkpoints, and steps that could not be compiled, are
    left out: the store does not keep when they were. A run that has not ended has no last event.
    """
    return "".join(json.dumps(each, allow_nan=False) + "\n" for each in _objects(history)).encode()


def _objects(history: History) -> Iterator[dict[str, Any]]:
    record, ends = history.record, history.epoch_ends
    yield event_to_json(_started(record))
    if 0 in ends:
        yield _epoch_to_json(ends[0])
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
            figures = ends[step]
            yield _epoch_to_json(figures)
            reason = guard.after_epoch(step, figures.test_accuracy, _nothing)
            if reason is not None:
                loss = math.nan if figures.train_loss is None else figures.train_loss
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


def _started(record: RunRecord) -> RunStarted:
    return RunStarted(
        run_id=record.id,
        dataset=record.dataset,
        hyperparameters=record.hyperparameters,
        parameter_count=record.parameter_count,
        train_examples=record.train_examples,
        validation_examples=record.validation_examples,
        test_examples=record.test_examples,
        epochs=record.epochs,
        steps_per_epoch=record.steps_per_epoch,
        epoch=0,
        step=0,
        device=record.environment.device,
        blas=record.environment.blas,
        threads=record.environment.threads,
    )


def _epoch_to_json(epoch: EpochRecord) -> dict[str, Any]:
    """As `event_to_json` writes an EpochCompleted, whose answers and state are elsewhere."""
    figures = asdict(epoch)
    del figures["run_seconds"]
    finite = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }
    return {"event": "epoch_completed", **finite}


def _end(record: RunRecord) -> Event | None:
    if record.state is RunState.FAILED:
        return RunFailed(record.failure, "")
    if record.state not in _ENDS:
        return None
    return _ENDS[record.state](
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
