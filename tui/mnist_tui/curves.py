"""The curves that every run has."""

import numpy as np
from numpy.typing import ArrayLike

from mnist_core.epoch_steps import EpochSteps
from mnist_core.events import EpochCompleted
from mnist_core.store import EpochRecord
from mnist_tui.charts.series import Series

AXES = ("step", "epoch", "time")
_OF_BATCHES = ("train_loss", "train_accuracy", "learning_rate", "gradient_norm")
_OF_EPOCHS = ("validation_loss", "validation_accuracy", "test_loss", "test_accuracy")


class Curves:
    """Loss and accuracy in training and on held-out data, the learning rate and the gradient norm.

    All run over steps, epochs and seconds.
    """

    def __init__(self) -> None:
        self.clear_curves()

    def clear_curves(self) -> None:
        """Begin again, with series that are new."""
        self.train_loss = Series(*AXES)
        self.train_accuracy = Series(*AXES)
        self.learning_rate = Series(*AXES)
        self.gradient_norm = Series(*AXES)
        """Of some batches only."""
        self.validation_loss = Series(*AXES)
        self.validation_accuracy = Series(*AXES)
        self.test_loss = Series(*AXES)
        self.test_accuracy = Series(*AXES)

    def cut_curves(self, step: int, epoch: int) -> None:
        """Forget what came after update `step` and the end of `epoch`; the series are new."""
        for names, axis, last in ((_OF_BATCHES, "step", step), (_OF_EPOCHS, "epoch", epoch)):
            for name in names:
                whole: Series = getattr(self, name)
                kept = int(np.searchsorted(whole.x(axis), last, side="right"))
                part = Series(*AXES)
                part.extend(whole.y[:kept], **{each: whole.x(each)[:kept] for each in AXES})
                setattr(self, name, part)

    def add_batches(
        self,
        steps: ArrayLike,
        losses: ArrayLike,
        accuracies: ArrayLike,
        learning_rates: ArrayLike,
        seconds: ArrayLike,
        epoch_steps: EpochSteps,
    ) -> None:
        """Append batches: (n,) each, `seconds` being the run's training time after each of them."""
        axes = _places(steps, seconds, epoch_steps)
        self.train_loss.extend(losses, **axes)
        self.train_accuracy.extend(accuracies, **axes)
        self.learning_rate.extend(learning_rates, **axes)

    def add_gradient_norms(
        self, steps: ArrayLike, norms: ArrayLike, seconds: ArrayLike, epoch_steps: EpochSteps
    ) -> None:
        """Append the gradient norms of some batches: (n,) each, like those of `add_batches`."""
        self.gradient_norm.extend(norms, **_places(steps, seconds, epoch_steps))

    def add_epoch(self, epoch: EpochCompleted | EpochRecord, seconds: float) -> None:
        """Append an evaluation, after `seconds` of training."""
        axes = {"step": float(epoch.step), "epoch": float(epoch.epoch), "time": seconds}
        if epoch.validation_loss is not None and epoch.validation_accuracy is not None:
            self.validation_loss.extend(epoch.validation_loss, **axes)
            self.validation_accuracy.extend(epoch.validation_accuracy, **axes)
        self.test_loss.extend(epoch.test_loss, **axes)
        self.test_accuracy.extend(epoch.test_accuracy, **axes)


def _places(steps: ArrayLike, seconds: ArrayLike, epoch_steps: EpochSteps) -> dict[str, ArrayLike]:
    return {
        "step": np.asarray(steps, np.float64),
        "epoch": epoch_steps.epochs(steps),
        "time": seconds,
    }
