"""When a rule ends a run, and what a plan says to go past it."""

from dataclasses import dataclass

import pytest

from mnist_core.recipe.changes import Change
from mnist_core.recipe.early_stopping import StopRule, rule_met
from mnist_core.recipe.hyperparameters import hyperparameter_fields, make_hyperparameters
from mnist_core.recipe.plan import RunPlan

EXAMPLES = 40
"""Ten updates in an epoch."""


@dataclass(frozen=True)
class At:
    epoch: int
    best_epoch: int
    best_accuracy: float | None = 0.5
    step: int = -1

    def __post_init__(self) -> None:
        if self.step < 0:
            object.__setattr__(self, "step", 10 * self.epoch)


def plan(*changes: Change, **values: object) -> RunPlan:
    return RunPlan(make_hyperparameters({"batch_size": 4, "epochs": 20, **values}), changes)


def test_each_rule_is_named_for_its_hyperparameter() -> None:
    assert set(StopRule) <= set(hyperparameter_fields())


@pytest.mark.parametrize(
    ("values", "at", "met"),
    [
        ({}, At(10, 0), None),
        ({"patience": 3}, At(3, 1), None),
        ({"patience": 3}, At(4, 1), StopRule.PATIENCE),
        ({"patience": 3}, At(9, 1), StopRule.PATIENCE),
        # The untrained network counts as what others are no better than, but ends nothing itself.
        ({"patience": 1}, At(1, 0), StopRule.PATIENCE),
        ({"patience": 1, "target_accuracy": 0.1}, At(0, 0), None),
        ({"target_accuracy": 0.5}, At(2, 1), StopRule.TARGET_ACCURACY),
        ({"target_accuracy": 0.51}, At(2, 1), None),
        ({"target_accuracy": 0.1}, At(2, 0, None), None),
        ({"patience": 1, "target_accuracy": 0.5}, At(9, 1), StopRule.TARGET_ACCURACY),
    ],
)
def test_when_a_rule_is_met(values: dict[str, float], at: At, met: StopRule | None) -> None:
    assert rule_met(make_hyperparameters(values), at) is met


def test_a_change_at_the_end_of_the_epoch_counts_before_the_rule() -> None:
    patient = plan(Change(45, "patience", 9), patience=2)
    assert patient.rule_met(At(4, 2), EXAMPLES) is StopRule.PATIENCE
    # Asked for in the fifth epoch, in force from its end on.
    assert patient.rule_met(At(5, 2), EXAMPLES) is None


def test_within_an_epoch_no_rule_is_met() -> None:
    assert plan(patience=2).rule_met(At(4, 2, step=43), EXAMPLES) is None


def test_who_goes_on_turns_off_what_has_ended_the_run() -> None:
    change = Change(7, "learning_rate", 0.2), Change(90, "momentum", 0.5)
    ended = plan(*change, patience=2, target_accuracy=0.9)
    at = At(4, 2)
    further = ended.past_rules(at, EXAMPLES)
    assert further.changes == (change[0], Change(40, "patience", 0), change[1])
    assert further.rule_met(at, EXAMPLES) is None
    assert further.past_rules(at, EXAMPLES) == further
    # The other one still holds.
    assert further.rule_met(At(6, 6, 0.95), EXAMPLES) is StopRule.TARGET_ACCURACY


def test_both_can_be_turned_off_and_a_change_of_the_same_step_gives_way() -> None:
    ended = plan(Change(40, "patience", 1), patience=2, target_accuracy=0.4)
    assert ended.past_rules(At(4, 2), EXAMPLES).changes == (
        Change(40, "target_accuracy", 0.0),
        Change(40, "patience", 0),
    )


def test_a_plan_that_no_rule_has_ended_stays_as_it_is() -> None:
    going_on = plan(patience=5)
    assert going_on.past_rules(At(4, 2), EXAMPLES) is going_on
    assert going_on.past_rules(At(9, 2, step=93), EXAMPLES) is going_on
