"""The charts of the train screen, from a run and the run before it."""

from collections.abc import Iterator
from typing import Literal

from mnist_core.hyperparameters import Hyperparameters, hyperparameter_fields
from mnist_tui.charts.plot import Curve, Line, Plot, XAxis, YAxis
from mnist_tui.charts.scales import Scale
from mnist_tui.charts.series import Series
from mnist_tui.charts.ticks import Unit
from mnist_tui.run_progress import RunProgress

TRAIN, VALIDATION, TEST, GHOST = "$primary", "$success", "$accent", "$foreground"
SMOOTHING = 0.9
"""How much the bright training curve is smoothed; the raw values lie behind it."""

MOST_MARKED_EPOCHS = 30
"""With more of them the markers would merge into a bar."""

Metric = Literal["loss", "accuracy"]


def metric_plot(
    metric: Metric, progress: RunProgress | None, ghost: RunProgress | None, *, log: bool = False
) -> Plot:
    """The `metric` of the run over its steps, above the dim curves of the run before."""
    y = (
        YAxis(scale=Scale.LOG if log else Scale.LINEAR, include=None if log else 0.0)
        if metric == "loss"
        else YAxis(unit=Unit.PERCENT, bounds=(0.0, 1.0))
    )
    if progress is None:
        return Plot(y=y, empty=f"The {metric} of each batch will be drawn here. Press r to train.")
    curves = [*_ghost_curves(metric, progress, ghost), *_curves(metric, progress)]
    return Plot(
        curves=curves,
        x=XAxis(end=float(max(progress.planned_steps, 1))),
        y=y,
        boundaries=_epoch_ends(progress),
        empty=f"The {metric} of each batch will be drawn here.",
    )


def _curves(metric: Metric, progress: RunProgress) -> Iterator[Curve]:
    best: Literal["low", "high"] = "low" if metric == "loss" else "high"
    train = _series(progress, "train", metric)
    yield Curve(train, TRAIN, line=Line.NOISE, dim=True)
    yield Curve(train, TRAIN, label="train", smoothing=SMOOTHING)
    validation = _series(progress, "validation", metric)
    if len(validation):
        yield Curve(validation, VALIDATION, label="validation", marker="◆", best=best)
    marker = "●" if progress.planned_epochs <= MOST_MARKED_EPOCHS else ""
    yield Curve(_series(progress, "test", metric), TEST, label="test", marker=marker, best=best)


def _ghost_curves(
    metric: Metric, progress: RunProgress, ghost: RunProgress | None
) -> Iterator[Curve]:
    if ghost is None:
        return
    label = f"before: {difference(ghost.hyperparameters, progress.hyperparameters)}"
    train, test = _series(ghost, "train", metric), _series(ghost, "test", metric)
    yield Curve(train, GHOST, line=Line.DOTTED, dim=True, label=label, smoothing=SMOOTHING)
    marker = "○" if ghost.planned_epochs <= MOST_MARKED_EPOCHS else ""
    yield Curve(test, GHOST, line=Line.DOTTED, marker=marker, dim=True)


def _series(progress: RunProgress, part: str, metric: Metric) -> Series:
    series = getattr(progress, f"{part}_{metric}")
    assert isinstance(series, Series)
    return series


def _epoch_ends(progress: RunProgress) -> list[float]:
    steps = progress.steps_per_epoch
    return [float(steps * epoch) for epoch in range(1, progress.planned_epochs)] if steps else []


def difference(ours: Hyperparameters, theirs: Hyperparameters) -> str:
    """What `ours` has where it differs, as "learning rate 0.1"; "same values" where nowhere."""
    parts = [
        f"{field.label.lower()} {field.format(getattr(ours, name)) or 'none'}"
        for name, field in hyperparameter_fields().items()
        if getattr(ours, name) != getattr(theirs, name)
    ]
    return ", ".join(parts) or "same values"
