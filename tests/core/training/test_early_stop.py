"""Runs that a rule ends: at which epoch, told how, and the same whatever happened on the way."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.headless_run import train_headless
from helpers.spoilt_updates import overflow, spoil_updates
from mnist_core.data.dataset import Dataset
from mnist_core.events import (
    BatchCompleted,
    EpochCompleted,
    Event,
    HyperparameterChanged,
    RunCompleted,
    RunDiverged,
    RunStopped,
    StopTraining,
    event_to_json,
)
from mnist_core.recipe.changes import Change, ChangeQueue
from mnist_core.recipe.early_stopping import StopRule
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_core.recipe.plan import RunPlan
from mnist_core.store import RunState, RunStore
from mnist_core.training.train import train

EPOCHS = 12
STEPS = 5
"""Of `tiny` in an epoch."""


def recipe(**values: Any) -> Hyperparameters:
    return make_hyperparameters(
        {"hidden_sizes": "6", "batch_size": 16, "epochs": EPOCHS, "learning_rate": 0.3, **values}
    )


def epochs(events: Sequence[Event]) -> list[EpochCompleted]:
    return [event for event in events if isinstance(event, EpochCompleted)]


def losses(events: Sequence[Event]) -> list[float]:
    return [event.loss for event in events if isinstance(event, BatchCompleted)]


def completed(events: Sequence[Event]) -> RunCompleted:
    assert isinstance(events[-1], RunCompleted)
    return events[-1]


def first_epoch_without_gain(accuracies: Sequence[float], patience: int) -> int | None:
    """Where `patience` epochs are no better than the best before; None: nowhere in these."""
    for epoch in range(patience, len(accuracies)):
        before = accuracies[: epoch - patience + 1]
        if max(accuracies[epoch - patience + 1 : epoch + 1]) <= max(before):
            return epoch
    return None


@pytest.mark.parametrize("validation", ["none", "20"])
@pytest.mark.parametrize("patience", [1, 2, 3])
def test_patience_ends_where_a_recount_does(tiny: Dataset, validation: str, patience: int) -> None:
    whole = list(train(recipe(validation=validation, learning_rate=0.9), tiny))
    accuracies = [
        epoch.test_accuracy if epoch.validation_accuracy is None else epoch.validation_accuracy
        for epoch in epochs(whole)
    ]
    last = first_epoch_without_gain(accuracies, patience)
    found = list(train(recipe(validation=validation, learning_rate=0.9, patience=patience), tiny))
    assert last is not None, "these figures show nothing"
    assert last < EPOCHS
    end = completed(found)
    assert (end.epoch, end.stopped_by) == (last, StopRule.PATIENCE)
    assert end.epoch - end.best_epoch == patience
    assert event_to_json(end)["stopped_by"] == "patience"
    assert losses(found) == losses(whole)[: len(losses(found))]


def test_a_target_ends_with_the_epoch_that_reaches_it(tiny: Dataset) -> None:
    accuracies = [epoch.test_accuracy for epoch in epochs(list(train(recipe(), tiny)))]
    target = accuracies[3]
    assert max(accuracies[:3]) < target, "these figures show nothing"
    end = completed(list(train(recipe(target_accuracy=target), tiny)))
    assert (end.epoch, end.stopped_by) == (3, StopRule.TARGET_ACCURACY)
    # What even the untrained network reaches takes an epoch too.
    assert completed(list(train(recipe(target_accuracy=1e-9), tiny))).epoch == 1


def test_a_run_of_all_its_epochs_was_ended_by_nothing(tiny: Dataset) -> None:
    end = completed(list(train(recipe(epochs=3, patience=50), tiny)))
    assert (end.epoch, end.stopped_by) == (3, None)
    assert event_to_json(end)["stopped_by"] is None
    # Also where it reaches its target with the last of them.
    assert (end.best_epoch, end.best_test_accuracy) == (3, end.test_accuracy)
    reached = completed(list(train(recipe(epochs=3, target_accuracy=end.test_accuracy), tiny)))
    assert (reached.epoch, reached.stopped_by) == (3, None)


@pytest.mark.parametrize("stop_after", range(1, 30, 3))
def test_a_stopped_run_ends_where_the_unbroken_one_does(
    tiny: Dataset, tmp_path: Path, stop_after: int
) -> None:
    plan = RunPlan(recipe(patience=2, learning_rate=0.9, dropout=0.2))
    whole = list(train(plan.hyperparameters, tiny))
    end = completed(whole)
    assert end.stopped_by is StopRule.PATIENCE
    assert end.step <= 30
    store = RunStore(tmp_path)
    run_id, _, over = train_headless(store, tiny, plan, batches=stop_after)
    if not over and store.run(run_id).state is not RunState.COMPLETED:
        point = store.resume_point(run_id)
        assert point.is_complete is False
        train_headless(store, tiny, point.record.plan, point)
    record = store.run(run_id)
    stored = store.batches(run_id)["loss"]
    np.testing.assert_array_equal(stored, np.array(losses(whole), np.float32))
    assert (record.state, record.epoch, record.stopped_by) == (
        RunState.COMPLETED,
        end.epoch,
        StopRule.PATIENCE,
    )
    assert (record.best_epoch, record.epochs) == (end.best_epoch, EPOCHS)
    assert store.resume_point(run_id).is_complete
    store.close()


def test_who_goes_on_past_the_rule_can_be_repeated_from_the_seed(
    tiny: Dataset, tmp_path: Path
) -> None:
    plan = RunPlan(recipe(patience=1, learning_rate=0.9))
    store = RunStore(tmp_path)
    run_id, told, _ = train_headless(store, tiny, plan)
    ended = completed(told)
    point = store.resume_point(run_id)
    assert point.state is not None
    further = point.record.plan.until(ended.epoch + 2).past_rules(
        point.state, point.record.train_examples
    )
    _, more, _ = train_headless(store, tiny, further, point)
    (change,) = [event for event in more if isinstance(event, HyperparameterChanged)]
    assert (change.step, change.field, change.value) == (ended.step, "patience", 0)
    assert completed(more).epoch == ended.epoch + 2
    assert completed(more).stopped_by is None
    record = store.run(run_id)
    assert record.stopped_by is None
    again = list(
        train(
            record.hyperparameters,
            tiny,
            until_epoch=record.until_epoch,
            changes=ChangeQueue(record.changes),
        )
    )
    assert losses(again) == losses(told) + losses(more)
    store.close()


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [("patience", 1, StopRule.PATIENCE), ("target_accuracy", 1e-9, StopRule.TARGET_ACCURACY)],
)
def test_a_rule_can_be_set_while_the_run_goes_on(
    tiny: Dataset, field: str, value: float, rule: StopRule
) -> None:
    queue = ChangeQueue()
    told: list[Event] = []
    for event in train(recipe(learning_rate=1e-6, epochs=9), tiny, changes=queue):
        told.append(event)
        if isinstance(event, BatchCompleted) and event.step == 2 * STEPS + 2:
            queue.ask(field, value)
    # It was asked for in the third epoch, so that one is trained to its end.
    assert (completed(told).epoch, completed(told).stopped_by) == (3, rule)


def test_a_rule_can_be_lifted_in_the_epoch_that_would_be_the_last(tiny: Dataset) -> None:
    chosen = recipe(learning_rate=1e-6, patience=2, epochs=5)
    assert completed(list(train(chosen, tiny))).epoch == 2
    lifted = ChangeQueue([Change(2 * STEPS - 1, "patience", 0)])
    assert completed(list(train(chosen, tiny, changes=lifted))).epoch == 5


def test_whoever_stops_a_run_that_a_rule_has_ended_is_too_late(tiny: Dataset) -> None:
    events = train(recipe(learning_rate=1e-6, patience=2), tiny)
    for event in events:
        if isinstance(event, EpochCompleted) and event.epoch == 2:
            break
    end = events.throw(StopTraining())
    assert isinstance(end, RunCompleted)
    assert end.stopped_by is StopRule.PATIENCE


def test_who_stops_it_with_a_change_to_come_is_not(tiny: Dataset) -> None:
    queue = ChangeQueue()
    events = train(recipe(learning_rate=1e-6, patience=2), tiny, changes=queue)
    for event in events:
        if isinstance(event, EpochCompleted) and event.epoch == 2:
            break
    queue.ask("patience", 5)
    end = events.throw(StopTraining())
    assert isinstance(end, RunStopped)
    assert Change(end.step, "patience", 5) in (end.changes or ())


def test_a_model_that_says_nothing_is_no_gain_and_does_not_complete(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_updates(monkeypatch, lambda step, _rate: overflow if step == STEPS + 1 else None)
    end = list(train(recipe(patience=2), tiny))[-1]
    assert isinstance(end, RunDiverged)
    assert end.epoch < EPOCHS
