"""The generator: what it yields, and that any state continues exactly."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from helpers.spoilt_updates import die, overflow, spoil_updates
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.events import (
    BatchCompleted,
    DivergenceDetected,
    DivergenceReason,
    EpochCompleted,
    Event,
    RunCompleted,
    RunDiverged,
    RunStarted,
    RunStopped,
    SamplesPredicted,
    StopTraining,
    TrainingState,
)
from mnist_core.recipe.changes import ChangeQueue
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_core.training.train import train

SMALL: Mapping[str, Any] = {"hidden_sizes": "8", "batch_size": 16, "epochs": 2}


def hyperparameters(**values: Any) -> Hyperparameters:
    return make_hyperparameters({**SMALL, **values})


def batches(events: list[Event]) -> list[BatchCompleted]:
    return [event for event in events if isinstance(event, BatchCompleted)]


def epochs(events: list[Event]) -> list[EpochCompleted]:
    return [event for event in events if isinstance(event, EpochCompleted)]


def final_state(events: list[Event]) -> TrainingState:
    end = events[-1]
    assert isinstance(end, RunCompleted | RunStopped | RunDiverged)
    return end.state


def assert_same_arrays(a: TrainingState, b: TrainingState) -> None:
    for left, right in zip(a.parameters, b.parameters, strict=True):
        np.testing.assert_array_equal(left, right)
    assert a.optimizer_state is not None
    assert b.optimizer_state is not None
    for left, right in zip(a.optimizer_state, b.optimizer_state, strict=True):
        np.testing.assert_array_equal(left, right)


def test_events_come_in_the_order_of_the_story(tiny: Dataset) -> None:
    events = list(train(hyperparameters(), tiny))
    kinds = [type(event) for event in events]
    per_epoch = [BatchCompleted] * 5 + [EpochCompleted]
    assert kinds == [RunStarted, EpochCompleted, *per_epoch, *per_epoch, RunCompleted]
    started = events[0]
    assert isinstance(started, RunStarted)
    assert (started.steps_per_epoch, started.epochs) == (5, 2)
    assert started.parameter_count == 31 * 8 + 9 * 4
    assert [batch.step for batch in batches(events)] == list(range(1, 11))
    assert [epoch.epoch for epoch in epochs(events)] == [0, 1, 2]


def test_epoch_zero_is_measured_before_any_update(tiny: Dataset) -> None:
    zero = epochs(list(train(hyperparameters(), tiny)))[0]
    assert (zero.step, zero.seconds) == (0, 0.0)
    assert zero.train_loss is None
    assert len(zero.test.answers.predictions) == 30


def test_it_learns(tiny: Dataset) -> None:
    events = list(train(hyperparameters(epochs=30, optimizer="adam", learning_rate=0.01), tiny))
    end = events[-1]
    assert isinstance(end, RunCompleted)
    assert end.test_accuracy is not None
    assert end.test_accuracy > 0.9
    assert end.best_test_accuracy == max(epoch.test_accuracy for epoch in epochs(events))


def test_the_last_partial_batch_is_trained_on(tiny: Dataset) -> None:
    with_last = list(train(hyperparameters(batch_size=32, epochs=1), tiny))
    assert len(batches(with_last)) == 3
    epoch = epochs(with_last)[1]
    sizes = (32, 32, 6)
    mean = sum(n * b.loss for n, b in zip(sizes, batches(with_last), strict=True)) / 70
    assert epoch.train_loss == pytest.approx(mean)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"optimizer": "adam", "dropout": 0.3, "schedule": "cosine", "warmup_steps": 2},
        {"optimizer": "muon", "momentum": 0.9, "hidden_sizes": "8, 8"},
        {"hidden_sizes": "", "shuffle": "no", "label_smoothing": 0.1, "pixel_scaling": "standard"},
    ],
)
def test_the_same_seed_gives_the_same_bits(tiny: Dataset, values: dict[str, Any]) -> None:
    first = list(train(hyperparameters(**values), tiny))
    second = list(train(hyperparameters(**values), tiny))
    assert batches(first) == batches(second)
    assert_same_arrays(final_state(first), final_state(second))


def test_another_seed_gives_another_run(tiny: Dataset) -> None:
    first = list(train(hyperparameters(seed=0), tiny))
    second = list(train(hyperparameters(seed=1), tiny))
    assert [b.loss for b in batches(first)] != [b.loss for b in batches(second)]


@pytest.mark.parametrize("stop_after", [1, 3, 5, 7])
@pytest.mark.parametrize(
    "values",
    [
        {"momentum": 0.9},
        {"optimizer": "adam", "dropout": 0.2, "schedule": "cosine"},
    ],
)
def test_a_stopped_run_goes_on_exactly(
    tiny: Dataset, stop_after: int, values: dict[str, Any]
) -> None:
    chosen = hyperparameters(**values)
    unbroken = list(train(chosen, tiny))

    training = train(chosen, tiny)
    before: list[Event] = []
    while len(batches(before)) < stop_after:
        before.append(next(training))
    stopped = training.throw(StopTraining())
    assert isinstance(stopped, RunStopped)
    assert stopped.step == stop_after

    after = list(train(chosen, tiny, stopped.state))
    assert batches(before) + batches(after) == batches(unbroken)
    told = [(e.epoch, e.train_loss, e.test_loss) for e in epochs(before) + epochs(after)]
    assert told == [(e.epoch, e.train_loss, e.test_loss) for e in epochs(unbroken)]
    assert_same_arrays(final_state(after), final_state(unbroken))


def test_a_run_can_be_stopped_before_anything_was_trained(tiny: Dataset) -> None:
    training = train(hyperparameters(), tiny)
    next(training)
    stopped = training.throw(StopTraining())
    assert isinstance(stopped, RunStopped)
    assert (stopped.step, stopped.test_accuracy) == (0, None)


def test_one_more_epoch_continues_a_finished_run(tiny: Dataset) -> None:
    two = list(train(hyperparameters(epochs=2), tiny))
    more = list(train(hyperparameters(epochs=2), tiny, final_state(two), until_epoch=3))
    three = list(train(hyperparameters(epochs=3), tiny))
    assert batches(two) + batches(more) == batches(three)


def test_a_worse_continuation_keeps_the_best(tiny: Dataset) -> None:
    done = list(train(hyperparameters(epochs=2), tiny))
    state = replace(final_state(done), best_test_accuracy=2.0, best_epoch=1)
    end = list(train(hyperparameters(), tiny, state, until_epoch=3))[-1]
    assert isinstance(end, RunCompleted)
    assert (end.best_test_accuracy, end.best_epoch) == (2.0, 1)


def test_closing_abandons_the_run(tiny: Dataset) -> None:
    training = train(hyperparameters(), tiny)
    assert isinstance(next(training), RunStarted)
    training.close()
    assert list(training) == []


def test_divergence_is_reported_once_and_the_recipe_ends_as_published(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_updates(monkeypatch, lambda step, _rate: die if step <= 5 else overflow)
    events = list(train(hyperparameters(), tiny))
    reports = [event for event in events if isinstance(event, DivergenceDetected)]
    assert len(reports) == 1
    assert (reports[0].step, reports[0].reason) == (5, DivergenceReason.ACCURACY_AT_CHANCE)
    assert not np.isfinite(batches(events)[-1].loss)
    assert isinstance(events[-1], RunDiverged)
    assert len(batches(events)) == 10


def test_divergence_can_end_the_run(tiny: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil_updates(monkeypatch, lambda _step, _rate: overflow)
    events = list(train(hyperparameters(), tiny, on_divergence="stop"))
    assert isinstance(events[-2], DivergenceDetected)
    assert isinstance(events[-1], RunDiverged)


def test_validation_examples_are_not_trained_on(tiny: Dataset) -> None:
    events = list(train(hyperparameters(validation=20), tiny))
    started = events[0]
    assert isinstance(started, RunStarted)
    assert (started.train_examples, started.validation_examples) == (50, 20)
    assert epochs(events)[0].validation_accuracy is not None
    assert epochs(list(train(hyperparameters(), tiny)))[0].validation_accuracy is None


def test_samples_are_predicted_while_training(tiny: Dataset) -> None:
    events = list(train(hyperparameters(), tiny, samples=tiny.test.images[:3]))
    looks = [event for event in events if isinstance(event, SamplesPredicted)]
    assert looks
    assert looks[0].answers.predictions.shape == (3,)


def test_the_state_must_fit_the_data(tiny: Dataset) -> None:
    done = list(train(hyperparameters(epochs=1), tiny))
    wider = Dataset("wide", *(2 * (Examples(np.zeros((9, 9, 9), np.uint8), tiny.test.labels[:9]),)),
                    tiny.class_names, tiny.class_labels)  # fmt: skip
    with pytest.raises(ValueError, match=r"30-8-4.*81-8-4"):
        next(train(hyperparameters(), wider, final_state(done)))


def test_a_batch_larger_than_the_data_is_the_whole_data(tiny: Dataset) -> None:
    events = list(train(hyperparameters(batch_size=5000, epochs=1), tiny))
    assert len(batches(events)) == 1


@pytest.mark.parametrize("classes", [1, 2, 300])
def test_any_number_of_classes(classes: int) -> None:
    labels = (np.arange(600) % classes).astype(np.uint16)
    examples = Examples(np.random.default_rng(0).integers(0, 255, (600, 3, 4), np.uint8), labels)
    names = tuple(str(label) for label in range(classes))
    dataset = Dataset("many", examples, examples, names, tuple(range(classes)))
    events = list(train(hyperparameters(epochs=1), dataset))
    assert epochs(events)[0].test.answers.logits.shape == (600, classes)


@pytest.mark.parametrize(
    "values",
    [{"activation": name} for name in ("sigmoid", "tanh", "gelu", "silu", "leaky_relu")]
    + [{"optimizer": n} for n in ("adamw", "rmsprop", "adagrad", "lion", "muon")],
)
def test_every_choice_reduces_the_loss(tiny: Dataset, values: dict[str, str]) -> None:
    rate = {"learning_rate": 0.01} if "optimizer" in values else {"learning_rate": 0.5}
    events = list(train(hyperparameters(epochs=20, **rate, **values), tiny))
    first, *_, last = (epoch.test_loss for epoch in epochs(events))
    assert last < 0.9 * first


def test_whoever_stops_a_run_after_its_last_epoch_is_too_late(tiny: Dataset) -> None:
    for values, end in (({}, RunCompleted), ({"learning_rate": 100, "momentum": 0.99}, None)):
        recipe = hyperparameters(epochs=2, **values)
        unbroken = list(train(recipe, tiny))[-1]
        assert end is None or isinstance(unbroken, end)
        events = train(recipe, tiny)
        for event in events:
            if isinstance(event, EpochCompleted) and event.epoch == 2:
                stopped = events.throw(StopTraining())
        assert type(stopped) is type(unbroken)


def test_a_run_that_was_asked_for_more_epochs_can_be_stopped_after_its_last(tiny: Dataset) -> None:
    changes = ChangeQueue()
    events = train(hyperparameters(epochs=1), tiny, changes=changes)
    for event in events:
        if isinstance(event, EpochCompleted) and event.epoch == 1:
            changes.ask("epochs", 3)
            stopped = events.throw(StopTraining())
    assert isinstance(stopped, RunStopped)
