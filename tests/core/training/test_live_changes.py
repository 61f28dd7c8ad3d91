"""Changing a running model: the numbers, that any way there gives the same bits, and the order."""

from collections import Counter
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_core.backend.backend import configure
from mnist_core.backend.mlx import mx
from mnist_core.benchmark.engines.numpy_engine import NumpyNetwork
from mnist_core.benchmark.problem import Problem
from mnist_core.data.dataset import Dataset
from mnist_core.events import (
    BatchCompleted,
    EpochCompleted,
    Event,
    HyperparameterChanged,
    RunCompleted,
    RunStarted,
    RunStopped,
    StopTraining,
    TrainingState,
)
from mnist_core.network.learner import Learner
from mnist_core.recipe.changes import Change, ChangeQueue
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_core.training.kernel_warmup import StepCompilation
from mnist_core.training.train import train

SMALL = {"hidden_sizes": "8", "batch_size": 16, "epochs": 4}
"""Of `tiny`: five updates an epoch, the last of which has 6 examples."""


def recipe(**values: Any) -> Hyperparameters:
    return make_hyperparameters({**SMALL, **values})


def batches(events: Sequence[Event]) -> list[BatchCompleted]:
    return [event for event in events if isinstance(event, BatchCompleted)]


def changed(events: Sequence[Event]) -> list[HyperparameterChanged]:
    return [event for event in events if isinstance(event, HyperparameterChanged)]


def asked(
    chosen: Hyperparameters, dataset: Dataset, requests: dict[int, list[tuple[str, Any]]]
) -> list[Event]:
    """The events of a run in which somebody asks for changes after some updates."""
    changes = ChangeQueue()
    events = []
    for event in train(chosen, dataset, changes=changes):
        events.append(event)
        if isinstance(event, BatchCompleted):
            for field, value in requests.get(event.step, []):
                changes.ask(field, value)
    return events


def replayed(chosen: Hyperparameters, dataset: Dataset, events: Sequence[Event]) -> list[Event]:
    """The events of a run that is told beforehand what changed in another."""
    told = [Change(event.step, event.field, event.value) for event in changed(events)]
    return list(train(chosen, dataset, changes=ChangeQueue(told)))


def final(events: Sequence[Event]) -> TrainingState:
    end = events[-1]
    assert isinstance(end, RunCompleted | RunStopped)
    return end.state


def assert_same_story(found: Sequence[Event], expected: Sequence[Event]) -> None:
    """The same batches, epochs and weights to the bit."""
    assert batches(found) == batches(expected)
    figures = [
        [(e.epoch, e.step, e.train_loss, e.test_loss) for e in events
         if isinstance(e, EpochCompleted)]
        for events in (found, expected)
    ]  # fmt: skip
    assert figures[0] == figures[1]
    for left, right in zip(final(found).parameters, final(expected).parameters, strict=True):
        np.testing.assert_array_equal(left, right)


# -- in numbers ----------------------------------------------------------------------------------


def numpy_losses(
    chosen: Hyperparameters, dataset: Dataset, changes: dict[int, dict[str, float]]
) -> tuple[list[float], list[NDArray[np.float64]]]:
    """Momentum descent by hand in float64: the loss of each batch, and the last parameters.

    `changes` are made before the batch that comes after so many.
    """
    problem = Problem(chosen, dataset)
    train_images, labels = problem.split.train.images, problem.split.train.labels
    inputs = problem.inputs(train_images).astype(np.float64)
    start = [array.astype(np.float64) for array in problem.initial_parameters()]
    assert chosen.activation == "relu"
    network = NumpyNetwork(start, "relu", chosen.batch_size)
    settings = chosen.model_dump()
    velocity = np.zeros_like(network.flat_parameters)
    losses: list[float] = []
    for epoch in range(1, chosen.epochs + 1):
        for rows in problem.batches(epoch):
            settings |= changes.get(len(losses), {})
            loss, _ = network.loss_and_gradients(inputs[rows], labels[rows])
            gradient = network.flat_gradients + settings["weight_decay"] * network.flat_parameters
            velocity = settings["momentum"] * velocity + gradient
            network.flat_parameters -= settings["learning_rate"] * velocity
            if not settings["momentum"]:
                velocity = np.zeros_like(velocity)  # There is none before a momentum begins.
            losses.append(loss)
    return losses, [np.asarray(array) for array in network.parameters]


@pytest.mark.parametrize(
    "changes",
    [
        {7: {"learning_rate": 0.02}},
        {6: {"momentum": 0.9}},
        {3: {"weight_decay": 0.2}},
        {3: {"learning_rate": 0.3, "momentum": 0.5}, 10: {"momentum": 0.0, "weight_decay": 0.01}},
    ],
)
def test_a_change_at_a_batch_gives_the_numbers_of_one_made_by_hand(
    tiny: Dataset, changes: dict[int, dict[str, float]]
) -> None:
    chosen = recipe(learning_rate=0.1)
    scheduled = [
        Change(step, field, value)
        for step, fields in changes.items()
        for field, value in fields.items()
    ]
    events = list(train(chosen, tiny, changes=ChangeQueue(scheduled)))
    losses, parameters = numpy_losses(chosen, tiny, changes)
    unchanged, _ = numpy_losses(chosen, tiny, {})
    ours = [batch.loss for batch in batches(events)]
    assert np.abs(np.array(ours) - losses).max() < 1e-4
    # The figures tell a run with the changes from one without.
    assert np.abs(np.array(unchanged) - losses).max() > 1e-2
    for found, expected in zip(final(events).parameters, parameters, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_dropout_that_begins_drops_as_if_it_always_had(tiny: Dataset) -> None:
    # From the same state on, a run with dropout from its start takes the same steps.
    changes = ChangeQueue([Change(7, "dropout", 0.5)])
    events = list(train(recipe(), tiny, changes=changes))
    before = train(recipe(), tiny)
    state = stopped_after(before, 7).state
    always = list(train(recipe(dropout=0.5), tiny, state))
    assert batches(events)[7:] == batches(always)
    none = batches(list(train(recipe(), tiny)))
    assert batches(events)[:7] == none[:7]
    assert batches(events)[7].loss != none[7].loss


def test_the_norm_is_that_of_the_gradient_by_hand(tiny: Dataset) -> None:
    problem = Problem(recipe(), tiny)
    network = NumpyNetwork(
        [array.astype(np.float64) for array in problem.initial_parameters()], "relu", 16
    )
    rows = next(problem.batches(1))
    inputs = problem.inputs(problem.split.train.images).astype(np.float64)
    network.loss_and_gradients(inputs[rows], problem.split.train.labels[rows])
    norm = float(np.sqrt((network.flat_gradients**2).sum()))
    first = batches(list(train(recipe(), tiny)))[0]
    assert first.gradient_norm == pytest.approx(norm, rel=1e-5)


def test_norms_are_measured_now_and_then_and_change_nothing(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"epochs": 12, "dropout": 0.3, "optimizer": "adam", "learning_rate": 0.01}
    events = list(train(recipe(**values), tiny))
    measured = [batch.step for batch in batches(events) if batch.gradient_norm is not None]
    assert measured == [1, 41]
    monkeypatch.setattr(Learner, "gradient_norm", lambda *_: None)
    without = list(train(recipe(**values), tiny))
    assert [batch.loss for batch in batches(without)] == [batch.loss for batch in batches(events)]
    for left, right in zip(final(without).parameters, final(events).parameters, strict=True):
        np.testing.assert_array_equal(left, right)


# -- replayed and continued ----------------------------------------------------------------------

EVERYTHING: dict[int, list[tuple[str, Any]]] = {
    2: [("learning_rate", 0.3), ("epochs", 5)],
    6: [("dropout", 0.4), ("batch_size", 30)],
    7: [("momentum", 0.9)],
    10: [("weight_decay", 0.01)],
    12: [("dropout", 0), ("batch_size", 7), ("learning_rate", 0.05)],
}
"""Asked for after these updates of a run of `recipe`."""


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_run_is_repeated_to_the_bit_by_its_changes(tiny: Dataset, schedule: str) -> None:
    chosen = recipe(schedule=schedule, warmup_steps=3)
    events = asked(chosen, tiny, EVERYTHING)
    again = replayed(chosen, tiny, events)
    assert_same_story(again, events)
    assert changed(again) != []
    assert [(e.step, e.field, e.value) for e in changed(again)] == [
        (e.step, e.field, e.value) for e in changed(events)
    ]


@pytest.mark.parametrize("stop_after", [1, 5, 7, 10, 12, 13, 25])
def test_a_changed_run_goes_on_to_the_bit(tiny: Dataset, stop_after: int) -> None:
    chosen = recipe(schedule="cosine")
    unbroken = asked(chosen, tiny, EVERYTHING)
    known = changed(unbroken)[-1].changes
    training = train(chosen, tiny, changes=ChangeQueue(known))
    before: list[Event] = []
    while len(batches(before)) < stop_after:
        before.append(next(training))
    stopped = training.throw(StopTraining())
    assert isinstance(stopped, RunStopped)
    after = list(train(chosen, tiny, stopped.state, changes=ChangeQueue(known)))
    assert batches(before) + batches(after) == batches(unbroken)
    # Changes from before the stop are made without being told again.
    told = [(e.step, e.field) for e in changed(before) + changed(after)]
    assert Counter(told) <= Counter((e.step, e.field) for e in changed(unbroken))
    started = after[0]
    assert isinstance(started, RunStarted)
    assert set(started.changes) == set(known)


def stopped_after(training: Generator[Event, None, None], step: int) -> RunStopped:
    for event in training:
        if isinstance(event, BatchCompleted) and event.step == step:
            break
    stopped = training.throw(StopTraining())
    assert isinstance(stopped, RunStopped)
    return stopped


def test_compiled_steps_stay_compiled_and_give_the_same_bits(tiny: Dataset) -> None:
    changes = [
        Change(3, "learning_rate", 0.3),
        Change(5, "batch_size", 1),
        Change(9, "dropout", 0.2),
        Change(30, "momentum", 0.5),
        Change(40, "dropout", 0.0),
    ]
    chosen = recipe(epochs=2)
    compiled = list(train(chosen, tiny, changes=ChangeQueue(changes)))
    mx.disable_compile()
    try:
        plain = list(train(chosen, tiny, changes=ChangeQueue(changes)))
    finally:
        mx.enable_compile()
    assert_same_story(compiled, plain)


# -- when they take effect -----------------------------------------------------------------------


def test_now_is_the_next_batch_and_is_told_before_it(tiny: Dataset) -> None:
    events = asked(recipe(), tiny, {7: [("learning_rate", 0.025)]})
    (event,) = changed(events)
    assert (event.step, event.epoch, event.field) == (7, 2, "learning_rate")
    assert (event.value, event.previous, event.epochs) == (0.025, 0.1, 4)
    assert event.changes == (Change(7, "learning_rate", 0.025),)
    after = events[events.index(event) + 1]
    assert isinstance(after, BatchCompleted)
    assert (after.step, after.learning_rate) == (8, 0.025)
    assert {batch.learning_rate for batch in batches(events)[:7]} == {0.1}


def test_the_same_value_is_no_change(tiny: Dataset) -> None:
    events = asked(recipe(), tiny, {3: [("learning_rate", 0.1), ("epochs", 4)]})
    assert changed(events) == []
    # The last of several wishes counts.
    events = asked(recipe(), tiny, {3: [("momentum", 0.5), ("momentum", 0.9)]})
    assert [event.value for event in changed(events)] == [0.9]


def test_another_batch_size_sees_every_example_once_an_epoch(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []
    update = Learner.update

    def watched(self: Learner, rows: NDArray[np.int32], *rest: Any) -> Any:
        seen.append(rows.tolist())
        return update(self, rows, *rest)

    monkeypatch.setattr(Learner, "update", watched)
    events = asked(recipe(), tiny, {7: [("batch_size", 9)], 13: [("batch_size", 70)]})
    of_epochs = Counter(batch.epoch for batch in batches(events))
    assert of_epochs == {1: 5, 2: 5, 3: 8, 4: 1}
    for epoch in of_epochs:
        rows = [
            row
            for batch, part in zip(batches(events), seen, strict=True)
            if batch.epoch == epoch
            for row in part
        ]
        assert sorted(rows) == list(range(70))
    assert [(e.step, e.steps_per_epoch) for e in changed(events)] == [(10, 8), (18, 1)]
    assert [batch.batch for batch in batches(events)[10:18]] == list(range(1, 9))


def test_epochs_are_added_at_the_end_of_the_last_one_too(tiny: Dataset) -> None:
    events = asked(recipe(), tiny, {20: [("epochs", 6)]})
    (event,) = changed(events)
    assert (event.step, event.epoch, event.epochs) == (20, 5, 6)
    assert final(events).epoch == 6


@pytest.mark.parametrize("wish", [1, 2, 3])
def test_fewer_epochs_end_the_run_after_the_one_under_way(tiny: Dataset, wish: int) -> None:
    events = asked(recipe(), tiny, {12: [("epochs", wish)]})
    assert isinstance(events[-1], RunCompleted)
    assert final(events).epoch == 3
    assert changed(events)[-1].epochs == 3
    assert_same_story(replayed(recipe(), tiny, events), events)


def test_an_end_that_is_said_beforehand_is_kept_to(tiny: Dataset) -> None:
    changes = [Change(2, "epochs", 3)]
    events = list(train(recipe(), tiny, changes=ChangeQueue(changes), until_epoch=5))
    assert final(events).epoch == 5
    assert final(list(train(recipe(), tiny, changes=ChangeQueue(changes)))).epoch == 3


def test_kernels_of_dropout_are_compiled_beside_the_training(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[tuple[float, int]] = []

    def kernels(compilation: StepCompilation) -> None:
        wanted.append((compilation._followed.dropout, compilation._followed.batch_size))

    monkeypatch.setattr(StepCompilation, "_kernels_to_make", kernels)
    changes = [
        Change(2, "learning_rate", 0.2),
        Change(3, "dropout", 0.5),
        Change(4, "dropout", 0.25),
        Change(5, "batch_size", 8),
        Change(6, "dropout", 0.0),
    ]
    list(train(recipe(), tiny, changes=ChangeQueue(changes), backend=configure()))
    # At the start, and again where other kernels may be needed.
    assert wanted == [(0.0, 16), (0.5, 16), (0.25, 8), (0.0, 8)]
