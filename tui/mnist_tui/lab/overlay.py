"""The curves of several runs in one chart: those marked, and the pinned one."""

import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mnist_core.store import RunStore, StoreError
from mnist_tui.charts.plot import Curve, LineStyle, Plot
from mnist_tui.charts.series import Series
from mnist_tui.charts.view import View
from mnist_tui.lab.curves import RunCurves
from mnist_tui.lab.marks import Look, Marks
from mnist_tui.lab.run_plots import MOST_MARKED_EPOCHS, X_AXES, Metric, metric_axis
from mnist_tui.text.visible_text import visible

_MOST_TRAINING_CURVES = 3
"""With more runs, training curves would bury those that runs are compared by."""
_SHORT = 8
"""Evaluations up to which every one is in view."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """A run in the chart."""

    curves: RunCurves
    label: str
    look: Look


def overlay_plot(
    metric: Metric, overlays: Sequence[Overlay], view: View, *, cursor: float | None = None
) -> Plot:
    """`metric` on held-out data, the last run uppermost; training dotted where few runs share it.

    All of the runs, not only the window of the view.
    """
    # Of a long run the first epochs would press the others flat; a short one is mostly those.
    long = any(len(overlay.curves.test_loss) > _SHORT for overlay in overlays)
    outliers = long if view.ignore_outliers is None else view.ignore_outliers
    y = metric_axis(metric, replace(view, ignore_outliers=outliers), from_zero=False)
    many = len(overlays) > _MOST_TRAINING_CURVES
    training = [curve for run in overlays for curve in _training(metric, run, many, view)]
    held_out = [curve for overlay in overlays for curve in _held_out(metric, overlay)]
    return Plot(
        curves=training + held_out,
        x=replace(X_AXES[view.axis], end=_end(overlays, view.axis)),
        y=y,
        cursor=cursor,
        empty=f"The {metric} of the run in the table will be drawn here.",
    )


def with_overlays(plot: Plot, metric: Metric, overlays: Sequence[Overlay]) -> Plot:
    """`plot` of a run, above what the `overlays` measured on held-out data."""
    below = [
        replace(curve, label=f"{curve.label} test" if data == "test" else curve.label, beside=True)
        for overlay in overlays
        for data in (_ranking(metric, overlay.curves)[1],)
        for curve in _held_out(metric, overlay)
    ]
    return replace(plot, curves=[*below, *plot.curves]) if below else plot


def _training(metric: Metric, overlay: Overlay, many: bool, view: View) -> Iterator[Curve]:
    curves = overlay.curves
    series = curves.series("train", metric)
    if len(series) and not (many and len(curves.test_loss) > 1):
        color, smoothing = overlay.look.color, view.smoothing
        yield Curve(series, color, line=LineStyle.DOTTED, dim=True, smoothing=smoothing)


def measured_on(overlays: Sequence[Overlay]) -> str:
    """What the curves are measured on, for the title: test, validation, or both."""
    found = {_ranking("loss", overlay.curves)[1] for overlay in overlays}
    return " and ".join(sorted(found))


def _held_out(metric: Metric, overlay: Overlay) -> Iterator[Curve]:
    curves, look = overlay.curves, overlay.look
    series, data = _ranking(metric, curves)
    if not len(series):
        return
    best: Literal["low", "high"] = "low" if metric == "loss" else "high"
    marker = look.sign if len(series) <= MOST_MARKED_EPOCHS + 1 else ""
    # Runs are measured on the test set unless they say otherwise; legends have little room.
    label = overlay.label if data == "test" else f"{overlay.label} val"
    yield Curve(series, look.color, label, look.line, marker, best=best)


def _ranking(metric: Metric, curves: RunCurves) -> tuple[Series, str]:
    """What runs are ranked by: validation where something is held out for it."""
    part = "validation" if len(curves.validation_loss) else "test"
    return curves.series(part, metric), part


def _end(overlays: Sequence[Overlay], axis: str) -> float | None:
    """Where the longest run ends; a live one, where it is planned to."""
    ends = [_end_of(overlay.curves, axis) for overlay in overlays]
    return max((end for end in ends if end > 0), default=None)


def _end_of(curves: RunCurves, axis: str) -> float:
    record = curves.record
    if record.state.is_live and axis != "time":
        return float(
            record.recipe.epoch_steps.end(record.epochs) if axis == "step" else record.epochs
        )
    series = (curves.train_loss, curves.test_loss)
    return max((float(one.x(axis)[-1]) for one in series if len(one)), default=0.0)


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
