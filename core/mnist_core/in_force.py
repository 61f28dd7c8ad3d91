"""What a run follows at a moment: its recipe, with the changes that have taken effect."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from mnist_core.changes import Change
from mnist_core.epoch_steps import EpochSteps
from mnist_core.hyperparameters import Hyperparameters, TakesEffect, learning_rate_at


@dataclass(frozen=True, slots=True)
class InForce:
    """Changes known for later do not count, so that a repeated run has the same learning rates."""

    hyperparameters: Hyperparameters
    examples: int
    """Those trained on."""
    epoch_steps: EpochSteps

    @classmethod
    def at_start(cls, hyperparameters: Hyperparameters, examples: int) -> "InForce":
        """Before any change."""
        steps = steps_per_epoch(examples, hyperparameters.batch_size)
        return cls(hyperparameters, examples, EpochSteps.of(steps))

    @classmethod
    def at(
        cls,
        hyperparameters: Hyperparameters,
        examples: int,
        steps_per_epoch: int,
        changes: Iterable[Change],
        step: int,
    ) -> "InForce":
        """After `step` updates, as one sees it who knows the steps per epoch at the start."""
        start = cls(hyperparameters, examples, EpochSteps.of(steps_per_epoch))
        known = sorted(changes, key=lambda change: change.step)
        return start.after(known, step, step)[0]

    @property
    def planned_steps(self) -> int:
        """Updates in all planned epochs, which the schedule of the learning rate spans."""
        return self.epoch_steps.end(self.hyperparameters.epochs)

    def learning_rate(self, step: int) -> float:
        """That of the update after `step` others."""
        return learning_rate_at(self.hyperparameters, step, self.planned_steps)

    def moment_of(self, change: Change) -> int:
        """The step at which `change` takes effect: its own, or the next end of an epoch."""
        if change.takes_effect is TakesEffect.NEXT_EPOCH:
            return self.epoch_steps.next_end(change.step)
        return change.step

    def changed(self, change: Change) -> "InForce":
        """With `change` in effect."""
        hyperparameters = self.hyperparameters.model_copy(update={change.field: change.value})
        epoch_steps = self.epoch_steps
        if change.field == "batch_size":
            steps = steps_per_epoch(self.examples, hyperparameters.batch_size)
            epoch_steps = epoch_steps.changed(change.step, steps)
        return replace(self, hyperparameters=hyperparameters, epoch_steps=epoch_steps)

    def after(
        self, changes: Iterable[Change], step: int, epoch_began: int
    ) -> tuple["InForce", list[Change], list[Change]]:
        """With the changes that took effect up to `step`; those, each at its moment; and the rest.

        Args:
            changes: in the order of their steps.
            step: updates done.
            epoch_began: the same at the end of the last completed epoch.
        """
        found: InForce = self
        made: list[Change] = []
        later: list[Change] = []
        for change in changes:
            moment = found.moment_of(change)
            if moment <= (step if change.takes_effect is TakesEffect.NOW else epoch_began):
                made.append(replace(change, step=moment))
                found = found.changed(made[-1])
            else:
                later.append(change)
        return found, made, later


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Updates in an epoch, the last of which may have a smaller batch."""
    return math.ceil(examples / batch_size)
