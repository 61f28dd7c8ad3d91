"""The chart of a race: accuracy or error against time, a line for each entrant."""

import math

from mnist_core.benchmark.race import RaceScore, quartiles
from mnist_tui.charts.axes import AxisUnit, Scale
from mnist_tui.charts.plot import Curve, Plot, XAxis, YAxis
from mnist_tui.charts.series import Series
from mnist_tui.lab.run_plots import MOST_MARKED_EPOCHS
from mnist_tui.race.entrants import look_of
from mnist_tui.settings.keys import key_hint
from mnist_tui.text.visible_text import visible

_WARMING_UP = "Each is warmed up first. Their lines are drawn as soon as they are measured."


def race_plot(score: RaceScore | None, *, log_time: bool, cursor: float | None = None) -> Plot:
    """The curves so far over the seconds of training; on a log axis they begin after 0."""
    if score is None:
        words = "Accuracy or error against time will be drawn here."
        return Plot(empty=f"Choose who races, and press {key_hint('start_race')}. {words}")
    curves = [
        curve for entrant in score.race.entrants if (curve := _curve(score, entrant, log_time))
    ]
    scale = Scale.LOG if log_time else Scale.LINEAR
    title = "seconds, log" if log_time else "seconds"
    end = _end(score)
    if score.race.task == "linear":
        y = YAxis(scale=Scale.LOG)
    else:
        y = YAxis(unit=AxisUnit.PERCENT, bounds=(0.0, 1.0))
    return Plot(
        curves=curves,
        x=XAxis("seconds", AxisUnit.SECONDS, title, end=end, scale=scale),
        y=y,
        cursor=cursor,
        empty=_WARMING_UP,
    )


def _curve(score: RaceScore, entrant: str, log_time: bool) -> Curve | None:
    points = [
        (seconds, value)
        for seconds, value in zip(
            score.seconds(entrant), score.curves.get(entrant, ([], []))[1], strict=False
        )
        if seconds > 0 or not log_time
    ]
    if not points:
        return None
    series = Series("seconds")
    places, values = zip(*points, strict=True)
    series.extend(values, seconds=places)
    look = look_of(entrant)
    marker = look.sign if len(points) <= MOST_MARKED_EPOCHS + 1 else ""
    # Where the legend has little room, the first one's name and value stay whole.
    beside = entrant != score.race.entrants[0]
    return Curve(series, look.color, visible(entrant), look.line, marker, beside=beside)


def _end(score: RaceScore) -> float | None:
    """Where the slowest is expected to end, so that the axis seldom moves; None: not known yet."""
    ends = [0.0]
    for entrant in score.race.entrants:
        paces, seconds = score.paces(entrant), score.seconds(entrant)
        ends += seconds[-1:]
        if paces and score.race.task == "mlp":
            ends.append(quartiles(paces).median * score.race.rounds)
    end = max(ends)
    return end if end > 0 and math.isfinite(end) else None
