"""All that is known of one sample."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_tui.plain_text import visible


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    """What a model said of a sample after an epoch."""

    epoch: int
    predicted: int
    confidence: float
    """From 0 to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class SampleDetail:
    """One sample, and what a model says of it after `epoch`."""

    image: NDArray[np.uint8]
    """(height, width)."""
    dark_on_light: bool
    index: int
    """Among all samples of its set."""
    true: int
    """An index into `class_names`, like all classes here."""
    predicted: int | None
    """None before any model has answered."""
    class_names: tuple[str, ...]
    """As they came; `name` makes them safe to draw."""
    probabilities: NDArray[np.float32] | None = None
    """(classes,); None where they were not kept."""
    confidence: float | None = None
    loss: float | None = None
    """In nats."""
    margin: float | None = None
    second: int | None = None
    """The second most probable class."""
    history: Sequence[HistoryPoint] = ()
    """In the order of their epochs."""
    epoch: int | None = None
    note: str = ""
    """A sentence about what cannot be shown."""
    samples_name: str = "test"
    """The set that the sample is of."""

    @property
    def wrong(self) -> bool:
        return self.predicted is not None and self.predicted != self.true

    def name(self, label: int) -> str:
        """The class name, safe to draw, or the number of a class that has none."""
        return visible(self.class_names[label]) if label < len(self.class_names) else str(label)
