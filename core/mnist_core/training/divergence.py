"""The divergence guard: notices that a run no longer learns, and keeps a state to go back to."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mnist_core.events import DivergenceReason, GuardState
from mnist_core.recipe.hyperparameters import (
    Hyperparameters,
    hyperparameter_fields,
    unused_fields,
)

WINDOW = 50
"""Batches between two looks at the loss; single batches are too noisy to judge by."""
HUGE = 10.0
"""Times the first batch's loss: from there on the weights may be ruined."""
_HEALTHY = 2.0
"""Times the lowest mean loss so far, up to which the weights are sound."""
_TOLERANCE = 0.005
"""How far above chance an accuracy may be and still count as chance."""


class DivergenceGuard:
    """Fed with the losses and accuracies of a run, it tells when the run has diverged.

    It fires on a loss that is not finite, and on an epoch that ends with accuracy at chance after a
    loss of ten times the first one: units that a huge update has pushed out of reach stay silent,
    and the network says the same of every image. It fires until it is `ignored`, or goes back.

    A state is healthy while the mean loss of 50 batches, or of an epoch, is at most twice the
    lowest mean of 50. After a huge loss that says nothing, for a ruined network has a low loss too;
    then an epoch has to end more than half way from chance to 1 before a state counts again.
    """

    def __init__(self, chance: float, state: GuardState | None = None) -> None:
        """
        Args:
            chance: the share of the most common class among the examples of the accuracies.
            state: what it has seen before; None: nothing.
        """
        # One that was continued would give up with the healthy state from before that.
        self._seen = replace(state or GuardState(), healthy=None)
        self._window = list(self._seen.window)
        self._chance = chance

    @property
    def state(self) -> GuardState:
        """What it has seen so far, without the healthy state: that is the trainer's."""
        return replace(self._seen, window=tuple(self._window))

    def after_batch(self, loss: float) -> tuple[DivergenceReason | None, bool]:
        """Take the loss of a batch.

        Returns why the run has diverged with it, if so, and whether its state is healthy now.
        """
        if not math.isfinite(loss):
            return self._fired(DivergenceReason.LOSS_NOT_FINITE), False
        if self._seen.first_loss is None:
            self._seen = replace(self._seen, first_loss=loss)
        if not self._seen.was_huge and loss > HUGE * (self._seen.first_loss or 0.0):
            self._seen = replace(self._seen, was_huge=True)
        self._window.append(loss)
        if len(self._window) < WINDOW:
            return None, False
        mean = math.fsum(self._window) / WINDOW
        self._window = []
        healthy = self._is_low(mean)
        lowest = mean if self._seen.lowest is None else min(self._seen.lowest, mean)
        self._seen = replace(self._seen, lowest=lowest)
        return self._kept(healthy)

    def after_epoch(self, loss: float, accuracy: float) -> tuple[DivergenceReason | None, bool]:
        """The same with the mean loss of an epoch's batches, and the accuracy at its end."""
        at_chance = accuracy <= self._chance + _TOLERANCE
        if not self._seen.was_huge:
            return self._kept(not at_chance and self._is_low(loss))
        if at_chance:
            return self._fired(DivergenceReason.ACCURACY_AT_CHANCE), False
        recovered = accuracy > (1 + self._chance) / 2
        if recovered:
            self._seen = replace(self._seen, was_huge=False)
        return self._kept(recovered and not self._seen.ignored)

    def is_lost(self, loss: float | None, accuracy: float | None) -> bool:
        """Whether a run that went on after it had diverged never learned again, as its last
        evaluation says.
        """
        if not self._seen.ignored or loss is None or accuracy is None:
            return False
        return not math.isfinite(loss) or accuracy <= self._chance + _TOLERANCE

    def ignore(self) -> None:
        """Tell of no divergence any more."""
        self._seen = replace(self._seen, ignored=True, diverged=None)

    def go_back(self) -> None:
        """Watch again from the healthy state on."""
        self._window = []
        self._seen = replace(
            self._seen,
            lowest=self._seen.healthy_lowest,
            was_huge=False,
            ignored=False,
            diverged=None,
        )

    def _is_low(self, mean: float) -> bool:
        seen = self._seen
        reference = seen.first_loss if seen.lowest is None else seen.lowest
        low = reference is not None and mean <= _HEALTHY * reference
        return low and not seen.was_huge and not seen.ignored

    def _kept(self, healthy: bool) -> tuple[None, bool]:
        if healthy:
            self._seen = replace(self._seen, healthy_lowest=self._seen.lowest)
        return None, healthy

    def _fired(self, reason: DivergenceReason) -> DivergenceReason | None:
        if self._seen.ignored:
            return None
        self._seen = replace(self._seen, diverged=reason)
        return reason


def chance_accuracy(labels: NDArray[np.integer]) -> float:
    """The share of the most common class among `labels` (examples,): the best constant answer."""
    return float(np.bincount(labels).max() / len(labels)) if len(labels) else 0.0


def likely_cause(hyperparameters: Hyperparameters, healthy: Hyperparameters) -> str:
    """Why a run with these has probably diverged and what would help, in sentences.

    `healthy` are those with which it went well last.
    """
    for field in ("learning_rate", "momentum"):
        before, now = getattr(healthy, field), getattr(hyperparameters, field)
        label = hyperparameter_fields()[field].label.lower()
        if now > before:
            return (
                f"The {label} was raised from {before:.4g} to {now:.4g} after the last healthy "
                "step. Lower it again."
            )
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
