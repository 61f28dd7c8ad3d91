"""The curves of a run: those that every run has, and those of a stored run that still grows."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_core.events import EpochCompleted
from mnist_core.recipe.effective_recipe import EpochSteps
from mnist_core.store import BATCH_DTYPE, EpochRecord, RunRecord, RunStore
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

    def series(self, part: str, metric: str) -> Series:
        """Loss or accuracy of train, validation or test."""
        series = getattr(self, f"{part}_{metric}")
        assert isinstance(series, Series)
        return series

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


class RunCurves(Curves):
    """Empty until `update`."""

    def __init__(self, record: RunRecord) -> None:
        super().__init__()
        self.record = record
        """The run as it was at the last update."""
        self._seen: tuple[int, int, float] | None = None
        self._batches: NDArray[np.void] = np.empty(0, BATCH_DTYPE)
        self._epochs: list[EpochRecord] = []

    def update(self, store: RunStore, record: RunRecord) -> bool:
        """Bring the curves up to `record`, newly read; whether there is anything else to draw.

        Points are appended, unless the run was cut back to a checkpoint: then the series are new.
        Raises StoreError as the store does, and the curves stay as they were.
        """
        seen = (record.step, record.epoch, record.updated)
        self.record = record
        if seen == self._seen:
            return False
        batches, epochs = store.batches(record.id), store.epochs(record.id)
        kept, kept_epochs = len(self._batches), len(self._epochs)
        cut = not (
            np.array_equal(_bits(batches[:kept]), _bits(self._batches))
            and [_place(epoch) for epoch in epochs[:kept_epochs]]
            == [_place(epoch) for epoch in self._epochs]
        )
        if cut:
            self.clear_curves()
            kept = kept_epochs = 0
        if len(batches) > kept:
            self._add_from(batches, kept)
        for epoch in epochs[kept_epochs:]:
            self.add_epoch(epoch, epoch.run_seconds)
        self._batches, self._epochs = batches, epochs
        self._seen = seen
        return cut or len(batches) > kept or len(epochs) > kept_epochs

    def _add_from(self, batches: NDArray[np.void], first: int) -> None:
        added = batches[first:]
        self.add_batches(
            np.arange(first + 1, len(batches) + 1),
            added["loss"],
            added["accuracy"],
            added["learning_rate"],
            added["seconds"],
            self.record.recipe.epoch_steps,
        )


def _bits(batches: NDArray[np.void]) -> NDArray[np.uint8]:
    """As bytes, where NaN equals itself."""
    return np.ascontiguousarray(batches).view(np.uint8)


def _place(epoch: EpochRecord) -> tuple[int, int, float]:
    return epoch.epoch, epoch.step, epoch.run_seconds
