"""The plots of a run, of the run before it, and of stored runs laid over each other."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_core.recipe.effective_recipe import EpochSteps
from mnist_core.store import RunState
from mnist_tui.charts.axes import AxisUnit, Scale
from mnist_tui.charts.plot import Annotation, Curve, LineStyle, Plot, XAxis, YAxis
from mnist_tui.charts.series import Series
from mnist_tui.charts.view import View
from mnist_tui.lab.overlay import Overlay, RunCurves
from mnist_tui.lab.recipe_text import change_text, changes_text, difference_text
from mnist_tui.lab.run_progress import Curves, RunProgress
from mnist_tui.lab.seed_means import by_recipe, mean_and_band, recipe_key
from mnist_tui.settings.keys import key_hint


def converted(places: ArrayLike, series: Series, axis: str, to: str) -> NDArray[np.float64]:
    """`places` (n,) on `axis` as places (n,) on the axis `to`, both axes of `series`.

    In straight lines from 0 through the points; past the last one at the rate of the whole, which
    is a guess. Without points all are 0.
    """
    wanted = np.atleast_1d(np.asarray(places, np.float64))
    if axis == to:
        return wanted
    here, there = series.x(axis), series.x(to)
    if len(here) == 0:
        return np.zeros(len(wanted))
    # Not np.interp, which would need a copy of both axes with the zeros in front.
    after = np.minimum(np.searchsorted(here, wanted), len(here) - 1)
    begin, end = _before(here, after), here[after]
    share = np.divide(wanted - begin, end - begin, out=np.ones(len(wanted)), where=end > begin)
    known = _before(there, after) + share * (there[after] - _before(there, after))
    rate = float(there[-1] / here[-1]) if here[-1] > 0 else 0.0
    return np.where(wanted > here[-1], there[-1] + (wanted - here[-1]) * rate, known)


def _before(x: NDArray[np.float64], index: NDArray[np.intp]) -> NDArray[np.float64]:
    """The point before each `index` (n,); 0 before the first."""
    return np.where(index > 0, x[index - 1], 0.0)


TRAIN, VALIDATION, TEST, GHOST = "$primary", "$success", "$accent", "$foreground"
RATE = "$secondary"

MOST_MARKED_EPOCHS = 30
"""With more of them the markers would merge into a bar."""

X_AXES = {
    "step": XAxis("step", AxisUnit.COUNT, "step"),
    "epoch": XAxis("epoch", AxisUnit.EPOCHS, "epoch"),
    "time": XAxis("time", AxisUnit.SECONDS, "time"),
}

Metric = Literal["loss", "accuracy", "error"]
"""The error rate is 1 - accuracy: on a logarithmic axis it tells good models apart."""
METRIC_TITLES: dict[Metric, str] = {
    "loss": "Loss",
    "accuracy": "Accuracy",
    "error": "Error rate",
}
_BEST: dict[Metric, Literal["low", "high"]] = {"loss": "low", "accuracy": "high", "error": "low"}

_FEWEST_OF_MEAN = 2
_MOST_TRAINING_CURVES = 3
"""With more runs, training curves would bury those that runs are compared by."""


def metrics_of(view: View) -> tuple[Metric, Metric]:
    """What the two charts of a screen show."""
    return "loss", "error" if view.log else "accuracy"


def _metric_axis(metric: Metric, view: View, *, cut_start: bool, from_zero: bool) -> YAxis:
    """The axis of a metric; `from_zero`: a loss on a linear axis counts from 0, if all is shown."""
    if metric == "accuracy":
        return YAxis(AxisUnit.PERCENT, bounds=(0.0, 1.0), cut_start=cut_start)
    if metric == "error":
        return YAxis(AxisUnit.PERCENT, Scale.LOG, cut_start=cut_start)
    whole = from_zero and view.window is None and not cut_start and not view.log
    return YAxis(
        scale=Scale.LOG if view.log else Scale.LINEAR,
        include=0.0 if whole else None,
        cut_start=cut_start,
    )


def metric_plot(
    metric: Metric, progress: RunProgress | None, ghost: RunProgress | None, view: View
) -> Plot:
    """The `metric` of the run, above the dim curves of the run before; all of it, not only the
    window of the view.
    """
    curves: list[Curve] = []
    if progress is not None:
        curves += _ghost_curves(metric, progress, ghost, view)
        curves += _curves(metric, progress, view)
    # Before an epoch has ended the beginning is all there is.
    begun = progress is not None and progress.evaluated_epoch > 0
    if view.log is None and progress is not None and progress.has_diverged:
        view = replace(view, log=True)
    axis = _metric_axis(metric, view, cut_start=view.cut_start and begun, from_zero=True)
    return _run_plot(
        progress, view, curves, axis, f"The {metric} of each batch will be drawn here."
    )


def gradient_plot(progress: RunProgress | None, ghost: RunProgress | None, view: View) -> Plot:
    """The norm of the gradient and, over the axis on the right, the learning rate."""
    norm = YAxis(
        scale=Scale.LOG if view.log_gradients else Scale.LINEAR,
        include=None if view.log_gradients or view.window else 0.0,
    )
    curves = []
    if ghost is not None:
        dotted = LineStyle.DOTTED
        curves += [Curve(ghost.gradient_norm, GHOST, "before", dotted, dim=True, beside=True)]
    if progress is not None:
        curves += [
            Curve(progress.gradient_norm, TRAIN, "norm"),
            Curve(progress.learning_rate, RATE, "lr (right)", LineStyle.DASHED, right=True),
        ]
    words = "The norm of the gradient and the learning rate will be drawn here."
    return _run_plot(progress, view, curves, norm, words, right=YAxis(include=0.0))


def _run_plot(
    progress: RunProgress | None,
    view: View,
    curves: Sequence[Curve],
    y: YAxis,
    words: str,
    right: YAxis | None = None,
) -> Plot:
    """`curves` over the whole run, or `words` where there are none."""
    if progress is None:
        return Plot(y=y, empty=f"{words} Press {key_hint('run')} to train.")
    return Plot(
        curves=_clouds_lowest(curves),
        x=_x_axis(progress, view),
        y=y,
        right=right,
        boundaries=_epoch_ends(progress, view.axis),
        annotations=_annotations(progress, view.axis),
        empty=words,
    )


def place_of_step(progress: RunProgress, axis: str, step: float) -> float:
    """Where the end of an update is on `axis`."""
    if axis == "epoch":
        return float(progress.epoch_steps.epochs(step))
    return float(converted(step, progress.train_loss, "step", axis)[0])


def step_at(progress: RunProgress, axis: str, place: float) -> float:
    """The update whose end is at `place`."""
    if axis == "epoch":
        epoch = math.floor(place)
        into = (place - epoch) * progress.epoch_steps.in_epoch(epoch + 1)
        return progress.epoch_steps.end(epoch) + into
    return float(converted(place, progress.train_loss, axis, "step")[0])


def _curves(metric: Metric, progress: RunProgress, view: View) -> Iterator[Curve]:
    train = progress.series("train", metric)
    if view.smoothing:
        yield Curve(train, TRAIN, line=LineStyle.NOISE, dim=True)
    label = "train smoothed" if view.smoothing else "train"
    yield Curve(train, TRAIN, label=label, smoothing=view.smoothing)
    validation = progress.series("validation", metric)
    if len(validation):
        yield Curve(validation, VALIDATION, label="validation", marker="◆", best=_BEST[metric])
    marker = "●" if progress.planned_epochs <= MOST_MARKED_EPOCHS else ""
    yield Curve(
        progress.series("test", metric), TEST, label="test", marker=marker, best=_BEST[metric]
    )


def _ghost_curves(
    metric: Metric, progress: RunProgress, ghost: RunProgress | None, view: View
) -> Iterator[Curve]:
    if ghost is None:
        return
    label = f"before: {_ghost_difference(ghost, progress)}"
    train, test = ghost.series("train", metric), ghost.series("test", metric)
    # A loss that exploded would make a line of everything else.
    stretches = not ghost.has_diverged
    curve = Curve(train, GHOST, line=LineStyle.DOTTED, dim=True, stretches=stretches)
    yield replace(curve, smoothing=view.smoothing)
    marker = "○" if ghost.planned_epochs <= MOST_MARKED_EPOCHS else ""
    label = f"{label} · test"
    yield replace(curve, series=test, label=label, marker=marker, best=_BEST[metric])


def _x_axis(progress: RunProgress, view: View) -> XAxis:
    """As far as the run is planned to go; how long that takes is known when it has ended."""
    times = progress.train_loss.x("time")
    over = progress.end is not None and len(times) > 0
    ends = {
        "step": float(max(progress.planned_steps, 1)),
        "epoch": float(max(progress.planned_epochs, 1)),
        "time": float(times[-1]) if over else None,
    }
    return replace(X_AXES[view.axis], end=ends[view.axis])


def _epoch_ends(progress: RunProgress, axis: str) -> Sequence[float]:
    """Also those to come, but for the time of these."""
    if progress.recipe is None:
        return ()
    if axis == "epoch":
        return range(1, progress.planned_epochs)
    ends = _ends_in_steps(progress.epoch_steps, progress.planned_epochs)
    if axis == "step":
        return ends
    done = ends[: bisect_right(ends, progress.step)]
    return list(map(float, converted(done, progress.train_loss, "step", axis)))


@lru_cache(maxsize=8)
def _ends_in_steps(epoch_steps: EpochSteps, epochs: int) -> tuple[float, ...]:
    """Of all epochs but the last; kept, since each redraw asks again."""
    return tuple(float(epoch_steps.end(epoch)) for epoch in range(1, epochs))


def _annotations(progress: RunProgress, axis: str) -> list[Annotation]:
    """What was changed while the run went on."""
    return [
        Annotation(place_of_step(progress, axis, float(change.step)), change_text(change))
        for change in progress.changes
    ]


def _ghost_difference(ghost: RunProgress, progress: RunProgress) -> str:
    """What the run before started with where that differs, and what was changed in it."""
    made = changes_text(ghost.changes)
    started = difference_text(ghost.hyperparameters, progress.hyperparameters, short=True)
    if not made or ghost.changes == progress.changes:
        return started
    return f"{started}, {made}" if ghost.hyperparameters != progress.hyperparameters else made


def overlay_plot(
    metric: Metric, overlays: Sequence[Overlay], view: View, *, cursor: float | None = None
) -> Plot:
    """`metric` on held-out data, the last run, the one at hand, uppermost; training dotted where
    few runs share it.

    All of the runs, not only the window of the view.
    """
    begun = any(overlay.curves.evaluated_epoch > 0 for overlay in overlays)
    y = _metric_axis(metric, view, cut_start=view.cut_start and begun, from_zero=False)
    many = len(overlays) > _MOST_TRAINING_CURVES
    training: list[Curve] = []
    held_out: list[Curve] = []
    for group in by_recipe(overlays) if view.mean_of_seeds else [(one,) for one in overlays]:
        if len(group) > 1:
            found = [*_mean_curves(metric, group)]
        else:
            training += _training(metric, group[0], many, view)
            found = [*_held_out(metric, group[0])]
        held_out += [replace(curve, beside=overlays[-1] not in group) for curve in found]
    return Plot(
        curves=training + held_out,
        x=replace(X_AXES[view.axis], end=_end(overlays, view.axis)),
        y=y,
        cursor=cursor,
        empty=f"The {metric} of the run in the table will be drawn here.",
    )


def with_overlays(
    plot: Plot,
    metric: Metric,
    overlays: Sequence[Overlay],
    view: View,
    drawn: Sequence[RunProgress] = (),
) -> Plot:
    """`plot` of a run, above what the `overlays` measured on held-out data.

    Means over seeds are taken with the runs that are `drawn` in it.
    """
    below: list[Curve] = []
    for group in by_recipe(overlays) if view.mean_of_seeds else [(one,) for one in overlays]:
        more = [run for run in drawn if recipe_key(run) == recipe_key(group[0])]
        if view.mean_of_seeds and len(group) + len(more) > 1:
            below += _mean_curves(metric, group, more)
        else:
            below += _held_out(metric, group[0], on_test=" test")
    below = [replace(curve, beside=True) for curve in below]
    return replace(plot, curves=_clouds_lowest([*below, *plot.curves]))


def _mean_curves(
    metric: Metric, group: Sequence[Overlay], more: Sequence[Curves] = ()
) -> Iterator[Curve]:
    """The mean of runs that differ in the seed alone, within a band, in the look of the first."""
    every = (_ranking(metric, run)[0] for run in (*(one.curves for one in group), *more))
    # One that has not been evaluated yet has nothing to add.
    runs = [series for series in every if len(series)]
    if len(runs) < _FEWEST_OF_MEAN:
        yield from _held_out(metric, group[0])
        return
    mean, low, high = mean_and_band(runs)
    look = group[0].look
    for edge in (low, high):
        yield Curve(edge, look.color, line=LineStyle.DASHED, dim=True)
    label = f"mean of {len(runs)} seeds, {group[0].label}"
    yield Curve(mean, look.color, label, look.line, look.sign, best=_BEST[metric])


def _clouds_lowest(curves: Sequence[Curve]) -> Sequence[Curve]:
    """In their order, but what is raw hides no other run."""
    return sorted(curves, key=lambda curve: not curve.is_noise)


def _training(metric: Metric, overlay: Overlay, many: bool, view: View) -> Iterator[Curve]:
    curves = overlay.curves
    series = curves.series("train", metric)
    if len(series) and not (many and len(curves.test_loss) > 1):
        color, smoothing = overlay.look.color, view.smoothing
        dotted = Curve(series, color, line=LineStyle.DOTTED, dim=True, smoothing=smoothing)
        yield replace(dotted, stretches=not _has_diverged(overlay))


def is_training(curve: Curve) -> bool:
    """Whether it is what `overlay_plot` draws of training, which has no name of its own there."""
    return curve.dim and curve.line is LineStyle.DOTTED


def measured_on(overlays: Sequence[Overlay]) -> str:
    """What the curves are measured on, for the title: test, validation, or both."""
    found = {_ranking("loss", overlay.curves)[1] for overlay in overlays}
    return " and ".join(sorted(found))


def _held_out(metric: Metric, overlay: Overlay, on_test: str = "") -> Iterator[Curve]:
    """The curve that the run is ranked by; `on_test` ends its label where the test set decides.

    Legends have little room, so that is said only beside other curves.
    """
    look = overlay.look
    series, data = _ranking(metric, overlay.curves)
    if not len(series):
        return
    marker = look.sign if len(series) <= MOST_MARKED_EPOCHS + 1 else ""
    label = overlay.label + (on_test if data == "test" else " val")
    curve = Curve(series, look.color, label, look.line, marker, best=_BEST[metric])
    yield replace(curve, stretches=not _has_diverged(overlay))


def _has_diverged(overlay: Overlay) -> bool:
    return overlay.curves.record.state is RunState.DIVERGED


def _ranking(metric: Metric, curves: Curves) -> tuple[Series, str]:
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
