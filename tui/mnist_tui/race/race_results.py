"""The results of a race: its curves as a plot, its table and the notes on it."""

import math
from collections.abc import Iterator

from textual import events
from textual.content import Content
from textual.widgets import Static

from mnist_core.benchmark.race import RaceScore, quartiles
from mnist_tui.charts.axes import AxisUnit, Scale
from mnist_tui.charts.plot import Curve, Plot, XAxis, YAxis
from mnist_tui.charts.series import Series
from mnist_tui.lab.run_plots import MOST_MARKED_EPOCHS
from mnist_tui.race.entrants import look_of
from mnist_tui.race.race_text import (
    PACES,
    RESULTS,
    Column,
    notes,
    pace_columns,
    published_column,
    ratio_columns,
)
from mnist_tui.settings.keys import key_hint
from mnist_tui.text import numbers
from mnist_tui.text.visible_text import shorten, visible

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


_GAP = "  "
_LEAVING = ("published", "spread", "ratio spread", "result")
"""The columns that give way where there is little room, the first one first."""


def table(score: RaceScore, width: int) -> Content:
    """Every entrant in the order of their turns, in lines of at most `width` cells."""
    columns = _fitting(list(_columns(score)), width)
    lines = [_line(None, columns, -1, width)]
    lines += [_line(name, columns, row, width) for row, name in enumerate(score.race.entrants)]
    return Content("\n").join(lines)


def _columns(score: RaceScore) -> Iterator[Column]:
    race = score.race
    names = [shorten(visible(name), 24) for name in race.entrants]
    yield Column("name", "", tuple(names))
    yield from pace_columns(score, PACES[race.task])
    yield from ratio_columns(score, "ratio")
    yield Column(
        "result", RESULTS[race.task], tuple(_result(score, name) for name in race.entrants)
    )
    published = published_column(score, "on an M1")
    if any(published.cells):
        yield published


def _result(score: RaceScore, entrant: str) -> str:
    """Of its last lap."""
    laps = score.laps_of(entrant)
    if not laps:
        return ""
    result = laps[-1].result
    return f"{result:.3e}" if score.race.task == "linear" else numbers.percent(result, 2)


def _fitting(columns: list[Column], width: int) -> list[Column]:
    for key in ("", *_LEAVING):
        columns = [column for column in columns if column.key != key]
        # Two cells for the sign of the curve.
        if 2 + sum(column.width for column in columns) + len(_GAP) * (len(columns) - 1) <= width:
            break
    return columns


def _line(name: str | None, columns: list[Column], row: int, width: int) -> Content:
    """The line of an entrant, or the heading if it has no name."""
    name_column, *others = columns
    if name is None:
        parts = [Content("  " + " " * name_column.width)]
    else:
        look = look_of(name)
        label = name_column.cells[row].ljust(name_column.width)
        parts = [Content.styled(look.sign, f"bold {look.color}"), Content(f" {label}")]
    for column in others:
        quiet = "spread" in column.key or column.key == "published"
        text = _GAP + (column.title if name is None else column.cells[row]).rjust(column.width)
        style = (
            "$foreground 60%" if name is None or quiet else "bold" if column.key == "pace" else ""
        )
        parts.append(Content.styled(text, style))
    return Content("").join(parts).truncate(width, ellipsis=True)


_EMPTY = (
    "How fast each is, and how its speed compares, with the spread over the rounds. Each engine "
    "runs in a process of its own and has the machine to itself while it is measured."
)


class Standings(Static):
    """Shows what was measured; before a race, what will stand there."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id, markup=False)
        self._score: RaceScore | None = None
        self._width = 0

    def show(self, score: RaceScore | None) -> None:
        """Show `score`, which may have grown since the last time."""
        self._score = score
        self._lay_out()

    def on_resize(self, event: events.Resize) -> None:
        if event.size.width != self._width:
            self._width = event.size.width
            self._lay_out()

    def _lay_out(self) -> None:
        if self._score is None:
            self.update(Content.styled(_EMPTY, "$foreground 60%"))
        elif self._width:
            words = [Content.styled(line, "$foreground 60%") for line in notes(self._score)]
            lines = [table(self._score, self._width), Content(""), *words]
            self.update(Content("\n").join(lines))
