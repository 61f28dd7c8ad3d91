"""The divergence guard: notices that a run no longer learns, and keeps a state to go back to."""

import math
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from mnist_core.events import DivergenceReason
from mnist_core.recipe.hyperparameters import Hyperparameters, unused_fields

_State = TypeVar("_State")

OnDivergence = Literal["continue", "stop", "halve"]
"""To go on as the recipe says, to end, or to go back and halve the learning rate."""

WINDOW = 50
"""Batches between two looks at the loss; single batches are too noisy to judge by."""
HUGE = 10.0
"""Times the first batch's loss: from there on the weights may be ruined."""
_HEALTHY = 2.0
"""Times the lowest mean loss so far, up to which the weights are sound."""
_TOLERANCE = 0.005
"""How far above chance an accuracy may be and still count as chance."""


class DivergenceGuard(Generic[_State]):
    """Fed with the losses and accuracies of a run, it tells once when the run has diverged.

    It fires on a loss that is not finite, and on an epoch that ends with accuracy at chance after a
    loss of ten times the first one: units that a huge update has pushed out of reach stay silent,
    and the network says the same of every image.

    A state is healthy while the mean loss of 50 batches is at most twice the lowest such mean.
    After a huge loss that says nothing, for a ruined network has a low loss too; then an epoch has
    to end more than half way from chance to 1 before a state counts again.
    """

    def __init__(self, state: _State, step: int, chance: float) -> None:
        """
        Args:
            state: where the run begins, which counts as healthy.
            step: updates done there.
            chance: the share of the most common class among the examples of the accuracies.
        """
        self.healthy = state
        self.healthy_step = step
        self._chance = chance
        self._first: float | None = None
        self._lowest: float | None = None
        """The lowest mean loss of a window; None before the first one ends."""
        self._healthy_lowest: float | None = None
        self._window: list[float] = []
        self._was_huge = False
        self._fired = False

    def after_batch(
        self, step: int, loss: float, state: Callable[[], _State]
    ) -> DivergenceReason | None:
        """Take the loss of the batch of update `step`; why the run has diverged with it, if so.

        `state` gives the state after the update; it is asked only where that is worth keeping.
        """
        if not math.isfinite(loss):
            return self._fire(DivergenceReason.LOSS_NOT_FINITE)
        if self._first is None:
            self._first = loss
        self._was_huge = self._was_huge or loss > HUGE * self._first
        self._window.append(loss)
        if len(self._window) == WINDOW:
            mean = math.fsum(self._window) / WINDOW
            self._window = []
            reference = self._first if self._lowest is None else self._lowest
            self._lowest = mean if self._lowest is None else min(self._lowest, mean)
            if mean <= _HEALTHY * reference and not self._was_huge:
                self._keep(step, state)
        return None

    def after_epoch(
        self, step: int, accuracy: float, state: Callable[[], _State]
    ) -> DivergenceReason | None:
        """Take the accuracy at the end of an epoch of training, after `step` updates."""
        if not self._was_huge:
            return None
        if accuracy <= self._chance + _TOLERANCE:
            return self._fire(DivergenceReason.ACCURACY_AT_CHANCE)
        if accuracy > (1 + self._chance) / 2:
            self._was_huge = False
            self._keep(step, state)
        return None

    def go_back(self) -> _State:
        """The healthy state, from which the run is watched again."""
        self._lowest = self._healthy_lowest
        self._window = []
        self._was_huge = self._fired = False
        return self.healthy

    def _keep(self, step: int, state: Callable[[], _State]) -> None:
        if not self._fired:
            self.healthy, self.healthy_step = state(), step
            self._healthy_lowest = self._lowest

    def _fire(self, reason: DivergenceReason) -> DivergenceReason | None:
        fired, self._fired = self._fired, True
        return None if fired else reason


def chance_accuracy(labels: NDArray[np.integer]) -> float:
    """The share of the most common class among `labels` (examples,): the best constant answer."""
    return float(np.bincount(labels).max() / len(labels)) if len(labels) else 0.0


def likely_cause(hyperparameters: Hyperparameters) -> str:
    """Why a run with these has probably diverged and what would help, in sentences."""
    rate = f"{hyperparameters.learning_rate:.4g}"
    name = hyperparameters.optimizer
    if hyperparameters.pixel_scaling == "none":
        return (
            f"Pixels of 0 to 255 make large gradients, and with a learning rate of {rate} the "
            "first updates overshoot. Scale the pixels, or lower the learning rate."
        )
    momentum = 0.0 if "momentum" in unused_fields(hyperparameters) else hyperparameters.momentum
    if name == "sgd" and momentum >= 0.5:
        return (
            f"A momentum of {momentum:.4g} makes steps {1 / (1 - momentum):.2g} times as long, "
            f"which is too much with a learning rate of {rate}. Lower one of them."
        )
    return f"A learning rate of {rate} is too high for {name} here. Lower it, or warm it up."
