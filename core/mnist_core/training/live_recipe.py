"""What a run follows while it trains: its recipe, the changes made, and those to come."""

from collections.abc import Iterator

from mnist_core.events import HyperparameterChanged, TrainingState
from mnist_core.recipe.changes import Change, ChangeQueue, Value
from mnist_core.recipe.effective_recipe import EffectiveRecipe
from mnist_core.recipe.hyperparameters import Hyperparameters, TakesEffect


class LiveRecipe:
    """The recipe as it is at each step; it takes the changes that become due."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        examples: int,
        changes: ChangeQueue,
        until_epoch: int | None,
        state: TrainingState | None,
    ) -> None:
        """
        Args:
            hyperparameters: those of the start.
            examples: the number of training examples.
            changes: those known before, and the place where others are asked for.
            until_epoch: the epoch to end with, whatever is scheduled; None: the planned one.
            state: where the run goes on; None: it starts.
        """
        self.at_start = EffectiveRecipe.at_start(hyperparameters, examples)
        self.now = self.at_start
        self._changes = changes
        self._until_epoch = until_epoch
        self._effective: list[Change] = []
        """Those that have taken effect, each at the step where it did."""
        self._scheduled = list(changes.scheduled)
        if state is not None:
            self.now, self._effective, self._scheduled = self.at_start.after(
                self._scheduled, state.step, state.step - state.batch
            )
        self.last_epoch = until_epoch or self.now.hyperparameters.epochs
        """The one that the run is to end with."""

    @property
    def changes(self) -> tuple[Change, ...]:
        """Those that have taken effect, and those known for later."""
        return (*self._effective, *self._scheduled)

    def take_due(self, kind: TakesEffect, state: TrainingState) -> Iterator[HyperparameterChanged]:
        """Make the changes of this kind that are due: before a batch, or between two epochs."""
        if not self._scheduled and not self._changes.asked:
            return
        if kind is TakesEffect.NEXT_EPOCH and state.batch:
            return
        due: dict[str, Value] = {}
        last_epoch = self.last_epoch
        for change in self._scheduled:
            if change.takes_effect is kind and change.step <= state.step:
                due[change.field] = change.value
        if "epochs" in due and self._until_epoch is None:
            last_epoch = int(due["epochs"])
        self._scheduled = [
            change
            for change in self._scheduled
            if change.takes_effect is not kind or change.step > state.step
        ]
        for field, value in self._changes.take(kind):
            due[field] = value
            if field == "epochs":
                last_epoch = int(value)
        last_epoch = max(last_epoch, state.epoch)
        for field, value in due.items():
            same = value == getattr(self.now.hyperparameters, field)
            if not same or (field == "epochs" and last_epoch != self.last_epoch):
                yield self.change(field, value, state, last_epoch)

    def change(
        self, field: str, value: Value, state: TrainingState, last_epoch: int
    ) -> HyperparameterChanged:
        """Make one change now."""
        before = self.now.hyperparameters
        change = Change(state.step, field, value)
        self.now = self.now.changed(change)
        self._effective = [
            each for each in self._effective if (each.step, each.field) != (change.step, field)
        ]
        self._effective.append(change)
        self.last_epoch = last_epoch
        epoch = state.epoch + 1
        return HyperparameterChanged(
            step=change.step,
            epoch=epoch,
            field=field,
            value=value,
            previous=getattr(before, field),
            epochs=last_epoch,
            steps_per_epoch=self.now.epoch_steps.in_epoch(epoch),
            changes=self.changes,
        )

    def go_back(self, state: TrainingState) -> None:
        """Forget the changes that were made after `state`, but not those that were to come."""
        kept = [change for change in self._effective if change.step <= state.step]
        self.now, self._effective, later = self.at_start.after(
            kept, state.step, state.step - state.batch
        )
        self._scheduled = later + self._scheduled
