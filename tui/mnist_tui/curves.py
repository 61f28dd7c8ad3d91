"""The curves that every run has."""

import numpy as np
from numpy.typing import ArrayLike

from mnist_core.events import EpochCompleted
from mnist_core.store import EpochRecord
from mnist_tui.charts.series import Series

AXES = ("step", "epoch", "time")


class Curves:
    """Loss and accuracy in training and on held-out data, over steps, epochs and seconds."""

    def __init__(self) -> None:
        self.clear_curves()

    def clear_curves(self) -> None:
        """Begin again, with series that are new."""
        self.train_loss = Series(*AXES)
        self.train_accuracy = Series(*AXES)
        self.validation_loss = Series(*AXES)
        self.validation_accuracy = Series(*AXES)
        self.test_loss = Series(*AXES)
        self.test_accuracy = Series(*AXES)

    def add_batches(
        self,
        steps: ArrayLike,
        losses: ArrayLike,
        accuracies: ArrayLike,
        seconds: ArrayLike,
        steps_per_epoch: int,
    ) -> None:
        """Append batches: (n,) each, `seconds` being the run's training time after each of them."""
        places = np.asarray(steps, np.float64)
        axes = {"step": places, "epoch": places / max(1, steps_per_epoch), "time": seconds}
        self.train_loss.extend(losses, **axes)
        self.train_accuracy.extend(accuracies, **axes)

    def add_epoch(self, epoch: EpochCompleted | EpochRecord, seconds: float) -> None:
        """Append an evaluation, after `seconds` of training."""
        axes = {"step": float(epoch.step), "epoch": float(epoch.epoch), "time": seconds}
        if epoch.validation_loss is not None and epoch.validation_accuracy is not None:
            self.validation_loss.extend(epoch.validation_loss, **axes)
            self.validation_accuracy.extend(epoch.validation_accuracy, **axes)
        self.test_loss.extend(epoch.test_loss, **axes)
        self.test_accuracy.extend(epoch.test_accuracy, **axes)
