"""Early stopping: when a run ends before its planned epochs, by what it has reached.

Patience is that of Prechelt, "Early Stopping - But When?", 1998, counted in epochs since the best.
"""

from enum import StrEnum
from typing import Protocol

from mnist_core.recipe.hyperparameters import Hyperparameters


class StopRule(StrEnum):
    """What may end a run early, by the name of its hyperparameter."""

    PATIENCE = "patience"
    TARGET_ACCURACY = "target_accuracy"

    @property
    def words(self) -> str:
        """As it stands within a sentence."""
        return self.value.replace("_", " ")


class Reached(Protocol):
    """How far a run has come."""

    @property
    def step(self) -> int:
        """Updates done."""

    @property
    def epoch(self) -> int:
        """Epochs completed."""

    @property
    def best_epoch(self) -> int: ...

    @property
    def best_accuracy(self) -> float | None:
        """Of validation, or of the test set where nothing is held out; None: of neither yet."""


def rule_met(hyperparameters: Hyperparameters, reached: Reached) -> StopRule | None:
    """The rule that ends a run with these hyperparameters where it has come to; None: none does.

    What is known of a run anyway decides, so one that was continued stops where the unbroken one
    does. Before the first epoch nothing was trained, and no rule is met.
    """
    if not reached.epoch:
        return None
    target, best = hyperparameters.target_accuracy, reached.best_accuracy
    if target and best is not None and best >= target:
        return StopRule.TARGET_ACCURACY
    patience = hyperparameters.patience
    if patience and reached.epoch - reached.best_epoch >= patience:
        return StopRule.PATIENCE
    return None
