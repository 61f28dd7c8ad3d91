"""What a run is to do: its command, its resumption and its replay follow from that."""

from dataclasses import dataclass, replace
from typing import Literal

from mnist_core.recipe.changes import Change
from mnist_core.recipe.effective_recipe import EffectiveRecipe
from mnist_core.recipe.hyperparameters import Hyperparameters, TakesEffect

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
    """The epoch to end with, whatever hyperparameters and changes say; None: as they say."""
    on_divergence: OnDivergence = "continue"
    """What it does where nobody is asked."""

    def until(self, epoch: int | None) -> "RunPlan":
        """The same, but it ends with `epoch`; None: as hyperparameters and changes say."""
        return replace(self, until_epoch=epoch)

    def last_epoch(self, examples: int) -> int:
        """The epoch that the whole plan ends with, trained on so many `examples`."""
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
