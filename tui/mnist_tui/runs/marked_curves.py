"""The curves of the marked runs and of the pinned one, to lay over those of the run at hand."""

import time
from collections.abc import Container

from mnist_core.store import RunStore, StoreError
from mnist_tui.plain_text import visible
from mnist_tui.run_curves import RunCurves
from mnist_tui.runs.marks import Marks
from mnist_tui.runs.overlay import Overlay

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

    def overlays(self, but: Container[str]) -> list[Overlay]:
        """Every marked run in the order of marks, except those `but`, which are drawn already."""
        return [
            Overlay(curves, visible(curves.record.name), look)
            for run_id, curves in self._curves.items()
            if run_id not in but and (look := self._marks.look(run_id)) is not None
        ]

    def _read(self, run_id: str) -> RunCurves | None:
        try:
            record = self._store.run(run_id)
            curves = self._curves.get(run_id) or RunCurves(record)
            curves.update(self._store, record)
        except StoreError:
            # Deleted meanwhile, or unreadable; the runs screen says what is wrong.
            return None
        return curves
