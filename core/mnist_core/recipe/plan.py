"""What a run is to do: its command, its resumption and its replay follow from that."""

from dataclasses import dataclass, replace
from typing import Literal

from mnist_core.recipe.changes import Change
from mnist_core.recipe.early_stopping import Reached, StopRule, rule_met
from mnist_core.recipe.effective_recipe import EffectiveRecipe
from mnist_core.recipe.hyperparameters import (
    Hyperparameters,
    TakesEffect,
    hyperparameter_fields,
)

OnDivergence = Literal["continue", "stop", "halve"]
"""To go on as the recipe says, to end, or to go back and halve the learning rate."""


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The same plan from the same seed gives the same losses, however often the run was stopped."""

    hyperparameters: Hyperparameters
    """Those of the start."""
    changes: tuple[Change, ...] = ()
    """Those made, each at the step where it took effect, and those to come; by step."""
    until_epoch: int | None = None
    """The last epoch, whatever hyperparameters and changes say of epochs; None: as they say."""
    on_divergence: OnDivergence = "continue"
    """What it does where nobody is asked."""

    def until(self, epoch: int | None) -> "RunPlan":
        """The same, but it ends with `epoch`; None: as hyperparameters and changes say."""
        return replace(self, until_epoch=epoch)

    def rule_met(self, at: Reached, examples: int) -> StopRule | None:
        """What ends it early there, trained on so many `examples`; within an epoch nothing does."""
        start = EffectiveRecipe.at_start(self.hyperparameters, examples)
        known = sorted(self.changes, key=lambda change: change.step)
        now, _, _ = start.after(known, at.step, at.step)
        if now.epoch_steps.next_end(at.step) != at.step:
            return None
        return rule_met(now.hyperparameters, at)

    def past_rules(self, at: Reached, examples: int) -> "RunPlan":
        """The same, but no rule ends it there: whoever goes on from there wants more.

        The rule that would is off from there, by a change like any other; so the plan from the
        seed still does what the run did.
        """
        plan = self
        while rule := plan.rule_met(at, examples):
            off = Change(at.step, rule.value, hyperparameter_fields()[rule.value].default)
            others = (each for each in plan.changes if (each.step, each.field) != (at.step, rule))
            plan = replace(plan, changes=tuple(sorted([*others, off], key=lambda each: each.step)))
        return plan

    def last_epoch(self, examples: int) -> int:
        """The epoch that the whole plan ends with, trained on so many `examples`, unless a rule
        ends it before.
        """
        if self.until_epoch is not None:
            return self.until_epoch
        found = EffectiveRecipe.at_start(self.hyperparameters, examples)
        last = self.hyperparameters.epochs
        for change in self.changes:
            moment = found.moment_of(change)
            if moment > found.epoch_steps.end(last) or (
                change.takes_effect is TakesEffect.NOW and moment == found.epoch_steps.end(last)
            ):
                continue
            found = found.changed(replace(change, step=moment))
            if change.field == "epochs":
                last = max(int(change.value), found.epoch_steps.completed(moment))
        return last
