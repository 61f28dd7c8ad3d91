"""What a run follows at a step: its recipe with the changes so far, the epoch, the rate."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_core.recipe.changes import Change
from mnist_core.recipe.hyperparameters import Hyperparameters, TakesEffect


class _Stretch(NamedTuple):
    """Epochs of equal length."""

    first_step: int
    """Updates done before them."""
    first_epoch: int
    """Epochs completed before them."""
    steps: int
    """Updates in each."""


@dataclass(frozen=True, slots=True)
class EpochSteps:
    """Where the epochs of a run begin and end, counted in updates done."""

    stretches: tuple[_Stretch, ...]

    @classmethod
    def of(cls, steps: int) -> "EpochSteps":
        """Epochs that all have `steps` updates, at least 1."""
        return cls((_Stretch(0, 0, max(1, steps)),))

    def changed(self, step: int, steps: int) -> "EpochSteps":
        """The same up to the first end of an epoch at `step` or after; then `steps` an epoch."""
        at = self.next_end(step)
        kept = tuple(stretch for stretch in self.stretches if stretch.first_step < at)
        return EpochSteps((*kept, _Stretch(at, self.completed(at), max(1, steps))))

    def completed(self, step: int) -> int:
        """Epochs completed after `step` updates."""
        stretch = self._at_step(step)
        return stretch.first_epoch + (step - stretch.first_step) // stretch.steps

    def end(self, epoch: int) -> int:
        """Updates done when `epoch` is completed; 0 for epoch 0."""
        place = bisect_right(self.stretches, epoch, key=lambda stretch: stretch.first_epoch) - 1
        stretch = self.stretches[max(0, place)]
        return stretch.first_step + (epoch - stretch.first_epoch) * stretch.steps

    def next_end(self, step: int) -> int:
        """The first moment at `step` or after it that lies between two epochs."""
        stretch = self._at_step(step)
        into = (step - stretch.first_step) % stretch.steps
        return step + (stretch.steps - into if into else 0)

    def in_epoch(self, epoch: int) -> int:
        """Updates in `epoch`, from 1."""
        place = bisect_left(self.stretches, epoch, key=lambda stretch: stretch.first_epoch) - 1
        return self.stretches[max(0, place)].steps

    def in_first_steps(self, step: int) -> float:
        """What `step` updates would be if every epoch were as long as the first.

        They are as many while it is so, to the bit: what follows the epochs can be told in steps.
        """
        stretch, first = self._at_step(step), self.stretches[0].steps
        return stretch.first_epoch * first + (step - stretch.first_step) * (first / stretch.steps)

    def epochs(self, steps: ArrayLike) -> NDArray[np.float64]:
        """Epochs done after so many updates, in fractions; the shape of `steps`."""
        places = np.asarray(steps, np.float64)
        done = np.empty_like(places)
        for first_step, first_epoch, length in self.stretches:
            # The last stretch that has begun decides.
            np.copyto(
                done, first_epoch + (places - first_step) / length, where=places >= first_step
            )
        return done

    def _at_step(self, step: int) -> _Stretch:
        place = bisect_right(self.stretches, step, key=lambda stretch: stretch.first_step) - 1
        return self.stretches[max(0, place)]


@dataclass(frozen=True, slots=True)
class EffectiveRecipe:
    """Changes known for later do not count, so that a repeated run has the same learning rates."""

    hyperparameters: Hyperparameters
    examples: int
    """Those trained on."""
    epoch_steps: EpochSteps

    @classmethod
    def at_start(cls, hyperparameters: Hyperparameters, examples: int) -> "EffectiveRecipe":
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
    ) -> "EffectiveRecipe":
        """After `step` updates, as one sees it who knows the steps per epoch at the start."""
        start = cls(hyperparameters, examples, EpochSteps.of(steps_per_epoch))
        known = sorted(changes, key=lambda change: change.step)
        return start.after(known, step, step)[0]

    def learning_rate(self, step: int) -> float:
        """That of the update after `step` others.

        Warm-up and schedule follow the epochs, so another batch size makes no jump: a warm-up of
        n steps lasts as many epochs as n steps of the first batch size.
        """
        place = self.epoch_steps
        planned = place.in_first_steps(place.end(self.hyperparameters.epochs))
        return learning_rate_at(self.hyperparameters, place.in_first_steps(step), planned)

    def moment_of(self, change: Change) -> int:
        """The step at which `change` takes effect: its own, or the next end of an epoch."""
        if change.takes_effect is TakesEffect.NEXT_EPOCH:
            return self.epoch_steps.next_end(change.step)
        return change.step

    def changed(self, change: Change) -> "EffectiveRecipe":
        """With `change` in effect."""
        hyperparameters = self.hyperparameters.model_copy(update={change.field: change.value})
        epoch_steps = self.epoch_steps
        if change.field == "batch_size":
            steps = steps_per_epoch(self.examples, hyperparameters.batch_size)
            epoch_steps = epoch_steps.changed(change.step, steps)
        return replace(self, hyperparameters=hyperparameters, epoch_steps=epoch_steps)

    def after(
        self, changes: Iterable[Change], step: int, epoch_began: int
    ) -> tuple["EffectiveRecipe", list[Change], list[Change]]:
        """With the changes that took effect up to `step`; those, each at its moment; and the rest.

        One that says what holds already is none.

        Args:
            changes: in the order of their steps.
            step: updates done.
            epoch_began: the same at the end of the last completed epoch.
        """
        found: EffectiveRecipe = self
        made: list[Change] = []
        later: list[Change] = []
        for change in changes:
            moment = found.moment_of(change)
            if moment > (step if change.takes_effect is TakesEffect.NOW else epoch_began):
                later.append(change)
            elif getattr(found.hyperparameters, change.field) != change.value:
                made.append(replace(change, step=moment))
                found = found.changed(made[-1])
        return found, made, later


def steps_per_epoch(examples: int, batch_size: int) -> int:
    """Updates in an epoch, the last of which may have a smaller batch."""
    return math.ceil(examples / batch_size)


def learning_rate_at(hyperparameters: Hyperparameters, step: float, planned_steps: float) -> float:
    """The learning rate of update `step` (from 0) in a run planned for `planned_steps` updates.

    Linear warm-up, then constant or half a cosine down to one hundredth (Loshchilov and Hutter,
    "SGDR", 2017, eq. 5, without restarts). Steps past the plan keep the final rate.
    """
    peak = hyperparameters.learning_rate
    warmup = hyperparameters.warmup_steps
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    if hyperparameters.schedule == "constant":
        return peak
    progress = min(1.0, (step - warmup) / max(1, planned_steps - 1 - warmup))
    floor = peak / 100
    return floor + (peak - floor) * (1 + math.cos(math.pi * progress)) / 2
