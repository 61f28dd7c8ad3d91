"""What the texts of the form mean to a run under way."""

import pytest
from rich.cells import cell_len

from mnist_core.recipe.changes import Change
from mnist_core.recipe.hyperparameters import Hyperparameters, TakesEffect, make_hyperparameters
from mnist_tui.train.form_values import FieldStatus, LiveValues, value_of
from mnist_tui.train.hyperparameter_form import legend

RUN = object()
RECIPE = Hyperparameters()


@pytest.mark.parametrize(
    ("name", "text", "status", "remark"),
    [
        ("learning_rate", "0.1", FieldStatus.SAME, ""),
        ("learning_rate", "1e-1", FieldStatus.SAME, ""),
        ("learning_rate", "fast", FieldStatus.SAME, ""),
        ("learning_rate", "0.5", FieldStatus.DRAFT, "enter applies; now 0.1"),
        ("batch_size", "64", FieldStatus.DRAFT, "enter applies; now 256"),
        ("hidden_sizes", "64", FieldStatus.NEXT_RUN, "at the next run; now 32, 32"),
        ("optimizer", "adam", FieldStatus.NEXT_RUN, "at the next run; now sgd"),
        ("learning_rate", "0.1, 0.5", FieldStatus.NEXT_RUN, "at the next run; now 0.1"),
        ("hidden_sizes", "32, 32|64", FieldStatus.NEXT_RUN, "at the next run; now 32, 32"),
    ],
)
def test_a_text_that_nobody_has_committed(
    name: str, text: str, status: FieldStatus, remark: str
) -> None:
    live = LiveValues(RUN, RECIPE)
    assert live.status(name, text) is status
    assert live.remark(name, text) == remark


def test_what_was_committed_waits_for_its_moment() -> None:
    live = LiveValues(RUN, RECIPE, {"momentum": 0.9, "batch_size": 64}, next_epoch=4)
    assert live.status("momentum", "0.90") is FieldStatus.ASKED
    assert live.remark("momentum", "0.9") == "from next batch; now 0"
    assert live.remark("batch_size", "64") == "from epoch 4; now 256"
    # What is in force would take the wish back, which has to be committed too.
    assert live.status("batch_size", "256") is FieldStatus.DRAFT
    assert live.to_change(RECIPE) == {"momentum": 0.0, "batch_size": 256}


def test_what_has_changed_says_since_when() -> None:
    changes = (Change(3, "learning_rate", 0.5), Change(8, "learning_rate", 0.2))
    live = LiveValues(RUN, make_hyperparameters({"learning_rate": 0.2}), changes=changes)
    assert live.status("learning_rate", "0.2") is FieldStatus.CHANGED
    assert live.remark("learning_rate", "0.2") == "since step 8"


def test_only_what_can_change_and_differs_is_asked_for() -> None:
    wanted = make_hyperparameters(
        {"learning_rate": 0.5, "momentum": 0.9, "epochs": 4, "seed": 3, "hidden_sizes": "64"}
    )
    live = LiveValues(RUN, RECIPE, {"momentum": 0.9})
    assert live.to_change(wanted) == {"learning_rate": 0.5, "epochs": 4}


def test_a_field_without_effect_on_the_run_waits_for_the_next() -> None:
    live = LiveValues(RUN, make_hyperparameters({"optimizer": "adam"}))
    assert live.takes_effect("momentum") is TakesEffect.NEXT_RUN
    assert live.to_change(make_hyperparameters({"momentum": 0.9})) == {}


def test_digits_that_the_form_does_not_show_change_nothing() -> None:
    rate = 0.1 / 2**20
    live = LiveValues(RUN, make_hyperparameters({"learning_rate": rate}))
    text = value_of("learning_rate", str(rate))
    assert text is not None
    assert float(text) != rate
    shown = make_hyperparameters({"learning_rate": text})
    assert live.status("learning_rate", text) is FieldStatus.SAME
    assert live.to_change(shown) == {}


@pytest.mark.parametrize("width", [19, 24, 27, 29, 60])
def test_the_legend_names_every_mark_in_its_width(width: int) -> None:
    words = legend(width)
    assert cell_len(words) <= width
    assert all(mark in words for mark in "●○◌")
