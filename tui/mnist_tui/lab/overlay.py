"""Stored runs laid over each other in charts: which, how each looks, and their curves."""

import time
from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import BATCH_DTYPE, EpochRecord, RunRecord, RunStore, StoreError
from mnist_tui.charts.plot import LineStyle
from mnist_tui.lab.recipe_text import difference_text
from mnist_tui.lab.run_progress import Curves
from mnist_tui.text.visible_text import visible


@dataclass(frozen=True, slots=True)
class Look:
    """How a run's curves are drawn; the sign stands in tables and for points, so that no two runs
    differ in colour alone.
    """

    color: str
    sign: str
    line: LineStyle = LineStyle.SOLID


LOOKS = (
    Look("#d16ba5", "◆"),
    Look("#1fa39a", "▲"),
    Look("#b8901c", "■"),
    Look("#9a7fe0", "▼"),
    Look("#7a9e2f", "★"),
    Look("#b07850", "✚"),
    Look("#d16ba5", "◇", LineStyle.DASHED),
    Look("#1fa39a", "△", LineStyle.DASHED),
    Look("#b8901c", "□", LineStyle.DASHED),
    Look("#9a7fe0", "▽", LineStyle.DASHED),
    Look("#7a9e2f", "☆", LineStyle.DASHED),
    Look("#b07850", "✕", LineStyle.DASHED),
)
"""Readable on dark and light, and unlike the colours of the run that is being trained."""

REFERENCE = Look("$foreground", "○", LineStyle.DASHED)


class Marks:
    """The marked runs in the order they were marked, and the pinned reference."""

    def __init__(self) -> None:
        self._looks: dict[str, Look] = {}
        self.pinned: str | None = None
        """The run that others are compared with; `pin` sets it."""
        self.changes = 0
        """Counts up whenever something here changes."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The marked runs, the first one first; the pinned one only if it is marked too."""
        return tuple(self._looks)

    @property
    def is_full(self) -> bool:
        return len(self._looks) == len(LOOKS)

    def look(self, run_id: str) -> Look | None:
        """The look of a marked or pinned run; a mark keeps its look until it is taken away."""
        if run_id in self._looks:
            return self._looks[run_id]
        return REFERENCE if run_id == self.pinned else None

    def toggle(self, run_id: str) -> bool:
        """Mark a run or take its mark away; False: every look is taken."""
        if run_id in self._looks:
            del self._looks[run_id]
        elif self.is_full:
            return False
        else:
            taken = set(self._looks.values())
            self._looks[run_id] = next(look for look in LOOKS if look not in taken)
        self.changes += 1
        return True

    def pin(self, run_id: str) -> None:
        """Make a run the reference, or no run if it is that already."""
        self.pinned = None if self.pinned == run_id else run_id
        self.changes += 1

    def keep_only(self, run_ids: Container[str]) -> None:
        """Forget runs that are no longer there."""
        kept = {run_id: look for run_id, look in self._looks.items() if run_id in run_ids}
        pinned = self.pinned if self.pinned is not None and self.pinned in run_ids else None
        if (len(kept), pinned) != (len(self._looks), self.pinned):
            self._looks, self.pinned = kept, pinned
            self.changes += 1


class RunCurves(Curves):
    """The curves of a stored run that may still grow; empty until `update`."""

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
            # As bytes, where NaN equals itself.
            batches[:kept].tobytes() == self._batches.tobytes()
            and [_place(epoch) for epoch in epochs[:kept_epochs]]
            == [_place(epoch) for epoch in self._epochs]
        )
        if cut:
            self.clear_curves()
            kept = kept_epochs = 0
        if len(batches) > kept:
            self.add_stored(batches, kept, record.recipe.epoch_steps)
        for epoch in epochs[kept_epochs:]:
            self.add_epoch(epoch, epoch.run_seconds)
        self._batches, self._epochs = batches, epochs
        self._seen = seen
        return cut or len(batches) > kept or len(epochs) > kept_epochs


def _place(epoch: EpochRecord) -> tuple[int, int, float]:
    return epoch.epoch, epoch.step, epoch.run_seconds


@dataclass(frozen=True, slots=True)
class Overlay:
    """A run in the chart."""

    curves: RunCurves
    label: str
    look: Look


_LIVE_INTERVAL = 1.0
"""Seconds after which the curves of runs that others train are read again."""


class MarkedCurves:
    """Reads curves when marks change, and those of live runs once a second."""

    def __init__(self, store: RunStore, marks: Marks) -> None:
        self._store = store
        self._marks = marks
        self._seen = marks.changes
        self._read_at = 0.0
        self._curves: dict[str, RunCurves] = {}

    def update(self) -> bool:
        """Read what is due; whether there is anything else to draw."""
        marked = self._marks.changes != self._seen
        live = any(curves.record.state.is_live for curves in self._curves.values())
        if not marked and not (live and time.monotonic() - self._read_at > _LIVE_INTERVAL):
            return False
        self._seen, self._read_at = self._marks.changes, time.monotonic()
        wanted = [*self._marks.ids]
        if self._marks.pinned is not None and self._marks.pinned not in wanted:
            wanted.append(self._marks.pinned)
        found = ((run_id, self._read(run_id)) for run_id in wanted)
        self._curves = {run_id: curves for run_id, curves in found if curves is not None}
        return True

    def overlays(self, but: Container[str], beside: Hyperparameters | None) -> list[Overlay]:
        """Every marked run in the order of marks, except those `but`, which are drawn already.

        Their labels say what sets them apart from the recipe that they are drawn beside.
        """
        found = []
        for run_id, curves in self._curves.items():
            look = self._marks.look(run_id)
            if run_id in but or look is None:
                continue
            label = visible(curves.record.name)
            theirs = curves.record.hyperparameters
            if beside is not None and theirs != beside:
                label = f"{difference_text(theirs, beside, short=True)} · {label}"
            found.append(Overlay(curves, label, look))
        return found

    def _read(self, run_id: str) -> RunCurves | None:
        try:
            record = self._store.run(run_id)
            curves = self._curves.get(run_id) or RunCurves(record)
            curves.update(self._store, record)
        except StoreError:
            # Deleted meanwhile, or unreadable; the runs screen says what is wrong.
            return None
        return curves
