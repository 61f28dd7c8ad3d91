"""The trials of a sweep as plots: the best so far, and the value against one parameter."""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

from mnist_core.sweep.ranges import Chosen, Interval, Range, parse_range
from mnist_tui.charts.axes import AxisUnit, Scale
from mnist_tui.charts.plot import Curve, LineStyle, Plot, XAxis, YAxis
from mnist_tui.charts.series import Series
from mnist_tui.lab.sweep_progress import SweepProgress, TrialSoFar

COMPLETED, PRUNED, RUNNING, BEST = "○", "▽", "◆", "★"
"""The sign of a trial in the charts; none is told by its colour alone."""
_COLORS = {COMPLETED: "$primary", PRUNED: "$foreground", RUNNING: "$warning", BEST: "$success"}


def ranges_of(progress: SweepProgress) -> tuple[Range, ...]:
    """What is chosen from; nothing before the sweep has begun."""
    started = progress.started
    return _ranges(tuple(started.plan["ranges"])) if started is not None else ()


@lru_cache(maxsize=4)
def _ranges(texts: tuple[str, ...]) -> tuple[Range, ...]:
    # They are asked for with every drawing, and checked like what is typed.
    return tuple(map(parse_range, texts))


def is_better_high(progress: SweepProgress) -> bool:
    """Whether more of what ranks is better."""
    return progress.started is not None and progress.started.plan["metric"] == "accuracy"


def best_plot(progress: SweepProgress | None, empty: str) -> Plot:
    """The value of each trial by its number, and the best of all before."""
    if progress is None or progress.started is None:
        return Plot(empty=empty)
    placed = [(float(trial.number), trial) for trial in progress.trials.values()]
    steps: list[tuple[float, float]] = []
    so_far: float | None = None
    choose = max if is_better_high(progress) else min
    for number, trial in sorted(placed, key=lambda item: item[0]):
        before = so_far
        if trial.state == "completed" and _is_drawable(trial):
            assert trial.value is not None
            so_far = trial.value if so_far is None else choose(so_far, trial.value)
        if before is not None and before != so_far:
            # It is reached in a step, not on the way there.
            steps.append((number, before))
        if so_far is not None:
            steps.append((number, so_far))
    best = Series("x")
    best.extend([value for _, value in steps], x=[number for number, _ in steps])
    line = Curve(best, "$success", "best so far")
    return Plot(
        curves=[*[line] * bool(steps), *_points(progress, placed)],
        x=XAxis("x", title="trial", end=float(max(1, progress.started.trials - 1))),
        y=_value_axis(progress),
        empty="No trial has been measured yet.",
    )


def parameter_plot(progress: SweepProgress, chosen: Range) -> Plot:
    """The value of each trial against what was chosen of one field."""
    placed = [
        (place, trial)
        for trial in progress.trials.values()
        if (place := place_of(chosen, trial)) is not None
    ]
    return Plot(
        curves=_points(progress, placed),
        x=parameter_axis(chosen),
        y=_value_axis(progress),
        empty="No trial has been measured yet.",
    )


def parameter_axis(chosen: Range) -> XAxis:
    """The axis of one field: all of its range, logarithmic where that is."""
    name = chosen.field.short_name
    if isinstance(chosen, Interval):
        scale = Scale.LOG if chosen.log else Scale.LINEAR
        return XAxis("x", AxisUnit.NUMBER, name, scale=scale, window=(chosen.low, chosen.high))
    return XAxis("x", AxisUnit.COUNT, name, window=(0.5, len(chosen.values) + 0.5))


def place_of(chosen: Range, trial: TrialSoFar) -> float | None:
    """Where a trial stands on the axis of a field: the value, or the number of the choice from 1.

    None where it was not chosen.
    """
    value = trial.parameters.get(chosen.field.name)
    if value is None:
        return None
    if isinstance(chosen, Interval):
        return float(value)
    plain: Chosen = chosen.field.format(tuple(value)) if isinstance(value, list | tuple) else value
    return float(chosen.values.index(plain) + 1) if plain in chosen.values else None


def choices_text(chosen: Range) -> str:
    """Which number stands for which choice, as "1 = 32, 2 = 64, 64"; empty for an interval."""
    if isinstance(chosen, Interval):
        return ""
    texts = (chosen.field.format(value).replace(", ", ",") or "none" for value in chosen.values)
    return "  ".join(f"{number}: {text}" for number, text in enumerate(texts, 1))


def _points(progress: SweepProgress, placed: Iterable[tuple[float, TrialSoFar]]) -> list[Curve]:
    by_sign: dict[str, list[tuple[float, float]]] = {}
    best = progress.ranked[:1]
    for place, trial in placed:
        if trial.state == "failed" or not _is_drawable(trial):
            continue
        assert trial.value is not None
        sign = BEST if trial in best else _SIGNS[trial.state]
        by_sign.setdefault(sign, []).append((place, trial.value))
    return [
        _marked(sign, sorted(by_sign[sign]), word)
        for sign, word in (
            (PRUNED, "pruned"), (COMPLETED, "completed"), (RUNNING, "running"), (BEST, "best"),
        )
        if sign in by_sign
    ]  # fmt: skip


_SIGNS = {"completed": COMPLETED, "pruned": PRUNED, "running": RUNNING}


def _marked(sign: str, points: Sequence[tuple[float, float]], word: str) -> Curve:
    series = Series("x")
    places, values = zip(*points, strict=True)
    series.extend(values, x=places)
    return Curve(
        series,
        _COLORS[sign],
        word,
        LineStyle.NONE,
        sign,
        dim=sign == PRUNED,
        # Bad beginnings would press together what is worth telling apart.
        stretches=sign in (COMPLETED, BEST),
    )


def _is_drawable(trial: TrialSoFar) -> bool:
    return trial.value is not None and math.isfinite(trial.value)


def _value_axis(progress: SweepProgress) -> YAxis:
    if is_better_high(progress):
        return YAxis(unit=AxisUnit.PERCENT, bounds=(0.0, 1.0))
    return YAxis()
