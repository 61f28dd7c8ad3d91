"""Which epoch an update belongs to, in a run whose batch size may change between epochs."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
