"""What a run follows while it trains: its recipe, the changes made, and those to come."""

from collections.abc import Iterator

from mnist_core.events import ChangePlanned, HyperparameterChanged, TrainingState
from mnist_core.recipe.changes import Change, ChangeQueue, Value
from mnist_core.recipe.early_stopping import StopRule, rule_met
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
        self.until_epoch = until_epoch
        self._effective: list[Change] = []
        """Those that have taken effect, each at the step where it did."""
        self._scheduled = list(changes.scheduled)
        if state is not None:
            # One for this very step is made before the next batch, as where nobody had stopped.
            before = [change for change in self._scheduled if change.step < state.step]
            now = self._scheduled[len(before) :]
            epoch_began = state.step - state.batch if state.batch else state.step - 1
            self.now, self._effective, later = self.at_start.after(before, state.step, epoch_began)
            self._scheduled = later + now

    @property
    def changes(self) -> tuple[Change, ...]:
        """Those that have taken effect, and those known for later."""
        return (*self._effective, *self._scheduled)

    def ends_at(self, state: TrainingState) -> bool:
        """Whether nothing is left to be done after `state`, the end of an epoch."""
        asked = {change.field for change in self._scheduled if change.step <= state.step}
        if not state.batch and state.epoch >= self.last_epoch:
            return "epochs" not in asked
        return self.rule_met(state) is not None and asked.isdisjoint(StopRule)

    def rule_met(self, state: TrainingState) -> StopRule | None:
        """What ends the run after `state`, before its last epoch; None: it goes on."""
        if state.batch or state.epoch >= self.last_epoch:
            return None
        return rule_met(self.now.hyperparameters, state)

    def before(self, step: int) -> Hyperparameters:
        """Those in force before the changes that took effect at `step` and after it."""
        earlier = [change for change in self._effective if change.step < step]
        return self.at_start.after(earlier, step, step)[0].hyperparameters

    @property
    def last_epoch(self) -> int:
        """The one that the run is to end with."""
        return self.until_epoch or self.now.hyperparameters.epochs

    def take_due(
        self, kind: TakesEffect, state: TrainingState
    ) -> Iterator[HyperparameterChanged | ChangePlanned]:
        """Make the changes of this kind that are due: before a batch, or between two epochs."""
        if not self._scheduled and not self._changes.asked:
            return
        if kind is TakesEffect.NEXT_EPOCH and state.batch:
            return
        if kind is TakesEffect.NOW and state.batch:
            yield from self._plan_asked(state)
        last_epoch = self.last_epoch
        due: dict[str, Value] = {}
        for change in self._scheduled:
            if change.takes_effect is kind and change.step <= state.step:
                due[change.field] = change.value
        self._scheduled = [
            change
            for change in self._scheduled
            if change.takes_effect is not kind or change.step > state.step
        ]
        for field, value in self._changes.take(kind):
            due[field] = value
            self._ask_for_end(field, value, state)
        for field, value in due.items():
            same = value == getattr(self.now.hyperparameters, field)
            if not same or (field == "epochs" and last_epoch != self.last_epoch):
                yield self.change(field, value, state)

    def change(self, field: str, value: Value, state: TrainingState) -> HyperparameterChanged:
        """Make one change now."""
        before = getattr(self.now.hyperparameters, field)
        change = Change(state.step, field, value)
        if value != before:
            self.now = self.now.changed(change)
            self._effective = [
                each for each in self._effective if (each.step, each.field) != (change.step, field)
            ]
            self._effective.append(change)
        epoch = state.epoch + 1
        return HyperparameterChanged(
            step=change.step,
            epoch=epoch,
            field=field,
            value=value,
            previous=before,
            epochs=max(self.last_epoch, state.epoch),
            steps_per_epoch=self.now.epoch_steps.in_epoch(epoch),
            changes=self.changes,
            until_epoch=self.until_epoch,
        )

    def take_asked(self, state: TrainingState) -> None:
        """Plan whatever was asked for and not made, since the run ends: it may go on later."""
        for kind in (TakesEffect.NOW, TakesEffect.NEXT_EPOCH):
            for field, value in self._changes.take(kind):
                self._ask_for_end(field, value, state)
                self._plan(Change(state.step, field, value))

    def go_back(self, state: TrainingState) -> None:
        """Be again as at `state`; what was changed after it, or was to come, is to come.

        Other learning rates that came after it do not: the run goes back for half of the last one.
        """
        kept = [change for change in self._effective if change.step <= state.step]
        again = [
            change
            for change in self._effective
            if change.step > state.step and change.field != "learning_rate"
        ]
        self.now, self._effective, later = self.at_start.after(
            kept, state.step, state.step - state.batch
        )
        self._scheduled = sorted(later + again + self._scheduled, key=lambda change: change.step)

    def _plan_asked(self, state: TrainingState) -> Iterator[ChangePlanned]:
        """Plan what was asked for in the middle of an epoch and waits for its end."""
        for field, value in self._changes.take(TakesEffect.NEXT_EPOCH):
            self._ask_for_end(field, value, state)
            self._plan(Change(state.step, field, value))
            yield ChangePlanned(
                state.step, state.epoch + 1, field, value, self.changes, self.until_epoch
            )

    def _plan(self, change: Change) -> None:
        others = [
            each
            for each in self._scheduled
            if (each.step, each.field) != (change.step, change.field)
        ]
        self._scheduled = sorted([*others, change], key=lambda each: each.step)

    def _ask_for_end(self, field: str, value: Value, state: TrainingState) -> None:
        """A person who asks for other epochs overrules the end that was set before."""
        if field == "epochs" and self.until_epoch is not None:
            under_way = state.epoch + (state.batch > 0)
            self.until_epoch = max(int(value), under_way)
