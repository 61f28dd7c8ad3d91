"""Changes as texts, and what a run follows when they take effect."""

import re

import pytest

from mnist_core.recipe.changes import (
    Change,
    ChangeError,
    ChangeQueue,
    changeable_fields,
    parse_change,
)
from mnist_core.recipe.effective_recipe import EffectiveRecipe
from mnist_core.recipe.hyperparameters import TakesEffect, make_hyperparameters


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("500:learning_rate=0.05", Change(500, "learning_rate", 0.05)),
        ("500:lr=0.05", Change(500, "learning_rate", 0.05)),
        (" 0 : learning-rate = 1e-3 ", Change(0, "learning_rate", 0.001)),
        ("7:--batch-size=64", Change(7, "batch_size", 64)),
        ("12:Dropout=0", Change(12, "dropout", 0.0)),
        ("235:epochs=12", Change(235, "epochs", 12)),
    ],
)
def test_a_change_is_read(text: str, change: Change) -> None:
    assert parse_change(text) == change


@pytest.mark.parametrize("value", [0.1 + 0.2, 1e-37, 2.0**-126, 100.0])
def test_a_change_is_read_back_to_the_bit(value: float) -> None:
    change = Change(3, "learning_rate", value)
    assert parse_change(str(change)) == change


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("learning_rate=0.1", "it takes STEP:FIELD=VALUE, such as 500:learning_rate=0.05"),
        ("5:learning_rate", "it takes STEP:FIELD=VALUE"),
        ("-5:learning_rate=0.1", "it takes STEP:FIELD=VALUE"),
        ("1.5:learning_rate=0.1", "it takes STEP:FIELD=VALUE"),
        ("5:rate=0.1", "There is no hyperparameter 'rate'; these can: dropout, learning_rate"),
        ("5:warmup=3", "Warm-up steps cannot change during a run; these can: dropout"),
        ("5:optimizer=adam", "Optimizer cannot change during a run; these can: dropout"),
        ("5:learning_rate=fast", "Learning rate: 'fast' is not usable; it takes a number above 0"),
        ("5:momentum=1", "Momentum: '1' is not usable"),
        ("5:batch_size=0", "Batch size: '0' is not usable"),
        ("5:epochs=", "Epochs: an empty field is not usable"),
    ],
)
def test_what_cannot_be_changed_is_said(text: str, sentence: str) -> None:
    with pytest.raises(ChangeError, match=re.escape(sentence)):
        parse_change(text)


def test_the_fields_that_can_change_are_those_that_say_so() -> None:
    now = {field.name for field in changeable_fields() if field.takes_effect is TakesEffect.NOW}
    later = {field.name for field in changeable_fields()} - now
    assert now == {"learning_rate", "momentum", "weight_decay", "dropout"}
    assert later == {"batch_size", "epochs", "patience", "target_accuracy"}


def test_what_was_asked_for_is_taken_once_by_its_kind() -> None:
    changes = ChangeQueue([Change(9, "dropout", 0.1), Change(2, "epochs", 3)])
    assert [change.step for change in changes.scheduled] == [2, 9]
    assert not changes.asked
    changes.ask("batch-size", "64")
    changes.ask("learning_rate", 0.5)
    changes.ask("learning_rate", 0.25)
    assert changes.asked
    assert changes.take(TakesEffect.NOW) == [("learning_rate", 0.5), ("learning_rate", 0.25)]
    assert changes.take(TakesEffect.NOW) == []
    assert changes.take(TakesEffect.NEXT_EPOCH) == [("batch_size", 64)]
    assert not changes.asked
    with pytest.raises(ChangeError, match="Momentum"):
        changes.ask("momentum", 2)


# -- in force ------------------------------------------------------------------------------------


def start(**values: object) -> EffectiveRecipe:
    """100 examples in batches of 30: four updates an epoch."""
    return EffectiveRecipe.at_start(
        make_hyperparameters({"batch_size": 30, "epochs": 5, **values}), 100
    )


def test_epochs_are_found_where_the_batch_size_changes() -> None:
    changes = [Change(5, "batch_size", 50), Change(11, "batch_size", 100)]
    found, made, later = start().after(changes, 12, 12)
    # Two epochs of 4, two of 2, then 1 each.
    assert (made, later) == ([Change(8, "batch_size", 50), Change(12, "batch_size", 100)], [])
    steps = found.epoch_steps
    assert [steps.end(epoch) for epoch in range(7)] == [0, 4, 8, 10, 12, 13, 14]
    assert [steps.in_epoch(epoch) for epoch in range(1, 7)] == [4, 4, 2, 2, 1, 1]
    assert [steps.completed(step) for step in (0, 3, 4, 8, 9, 10, 12, 13)] == [
        0, 0, 1, 2, 2, 3, 4, 5,
    ]  # fmt: skip
    assert [steps.next_end(step) for step in (0, 1, 8, 9, 12, 13)] == [0, 4, 8, 10, 12, 13]
    assert steps.epochs([0, 1, 8, 9, 12, 13.5]).tolist() == [0, 0.25, 2, 2.5, 4, 5.5]
    assert [steps.in_first_steps(step) for step in (0, 3, 8, 9, 12, 13)] == [0, 3, 8, 10, 16, 20]


def test_a_later_size_at_the_same_boundary_takes_the_place_of_the_earlier() -> None:
    found, made, _ = start().after(
        [Change(1, "batch_size", 50), Change(2, "batch_size", 100)], 9, 8
    )
    assert [change.step for change in made] == [4, 4]
    assert [found.epoch_steps.end(epoch) for epoch in (1, 2, 3)] == [4, 5, 6]


def test_what_waits_for_the_end_of_an_epoch_does_not_count_before() -> None:
    changes = [Change(5, "epochs", 9), Change(6, "momentum", 0.5), Change(7, "dropout", 0.5)]
    found, made, later = start().after(changes, 6, 4)
    assert (made, later) == ([changes[1]], [changes[0], changes[2]])
    assert (found.hyperparameters.momentum, found.hyperparameters.epochs) == (0.5, 5)
    # At the end of the epoch, but before it was completed.
    assert start().after(changes[:1], 8, 4)[2] == changes[:1]
    assert start().after(changes[:1], 8, 8)[1] == [Change(8, "epochs", 9)]


def test_the_schedule_spans_what_is_planned_now() -> None:
    whole = start(schedule="cosine", learning_rate=1.0)
    assert whole.learning_rate(19) == pytest.approx(0.01)
    longer, _, _ = whole.after([Change(1, "epochs", 10), Change(2, "learning_rate", 0.5)], 4, 4)
    assert longer.learning_rate(19) > 0.2
    assert longer.learning_rate(39) == pytest.approx(0.005)
    # Before, nothing is known of it.
    assert whole.learning_rate(3) == longer.__class__.at_start(
        whole.hyperparameters, 100
    ).learning_rate(3)
