"""The table of a race: a row for each entrant, as many columns as fit, and notes."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.widgets import Static

from mnist_core.benchmark.contest import Contest, Scores, Standing
from mnist_core.benchmark.engines import PUBLISHED_SECONDS
from mnist_core.benchmark.quartiles import Quartiles
from mnist_core.benchmark.regression import FORMS
from mnist_tui.race.entrants import look_of
from mnist_tui.race.race_text import PACES, RESULTS, notes
from mnist_tui.text import numbers
from mnist_tui.text.table import spread
from mnist_tui.text.visible_text import shorten, visible

_GAP = "  "
_LEAVING = ("published", "spread", "ratio spread", "result")
"""The columns that give way where there is little room, the first one first."""


@dataclass(frozen=True, slots=True)
class _Column:
    key: str
    title: str
    cells: tuple[str, ...]

    @property
    def width(self) -> int:
        return max(map(cell_len, (self.title, *self.cells)))


def table(scores: Scores, width: int) -> Content:
    """Every entrant in the order of their turns, in lines of at most `width` cells."""
    contest = scores.contest
    columns = _fitting(list(_columns(scores)), width)
    lines = [_line(None, columns, -1, width)]
    lines += [_line(name, columns, row, width) for row, name in enumerate(contest.entrants)]
    return Content("\n").join(lines)


def pace_text(contest: Contest, pace: float) -> str:
    """Seconds with three digits after the point, or whole iterations."""
    return f"{pace:.3f}" if contest.task == "mlp" else numbers.count(round(pace))


def published_pace(contest: Contest, entrant: str) -> float | None:
    """What was published for it on an Apple M1, in the unit of the pace."""
    if contest.task == "mlp":
        by_engine = {
            str(name): pace for name, pace in PUBLISHED_SECONDS.get(contest.recipe, {}).items()
        }
        return by_engine.get(entrant)
    return next(
        (form.published.get(contest.task) for name, form in FORMS.items() if name == entrant), None
    )


def _columns(scores: Scores) -> Iterator[_Column]:
    contest = scores.contest
    by_name = {standing.entrant: standing for standing in scores.standings()}
    standings = [by_name.get(name) for name in contest.entrants]

    def column(key: str, title: str, *cells: str) -> _Column:
        return _Column(key, title, cells)

    ready = scores.descriptions
    yield column("name", "", *(
        shorten(visible(name), 24) for name in contest.entrants
    ))  # fmt: skip
    yield column("pace", PACES[contest.task], *(
        pace_text(contest, standing.pace.median) if standing
        else ("ready" if name in ready else "·")
        for name, standing in zip(contest.entrants, standings, strict=True)
    ))  # fmt: skip
    yield column("spread", "quartiles", *(
        _spread(contest, standing.pace) if standing else "" for standing in standings
    ))  # fmt: skip
    yield column("ratio", "ratio", *(_ratio(contest, standing) for standing in standings))
    yield column("ratio spread", "quartiles", *(
        spread(standing.ratio, 2) if standing and standing.ratio else ""
        for standing in standings
    ))  # fmt: skip
    yield column("result", RESULTS[contest.task], *(
        "" if standing is None
        else f"{standing.result:.3e}" if contest.task == "linear"
        else numbers.percent(standing.result, 2)
        for standing in standings
    ))  # fmt: skip
    published = [published_pace(contest, name) for name in contest.entrants]
    if any(pace is not None for pace in published):
        yield column("published", "on an M1", *(
            "" if pace is None
            else f"{pace:.2f}" if contest.task == "mlp" else numbers.count(round(pace))
            for pace in published
        ))  # fmt: skip


def _spread(contest: Contest, pace: Quartiles) -> str:
    return f"{pace_text(contest, pace.lower)} to {pace_text(contest, pace.upper)}"


def _ratio(contest: Contest, standing: Standing | None) -> str:
    if standing is None:
        return ""
    if standing.entrant == contest.baseline:
        return "1"
    return f"{standing.ratio.median:.2f}" if standing.ratio else "·"


def _fitting(columns: list[_Column], width: int) -> list[_Column]:
    for key in ("", *_LEAVING):
        columns = [column for column in columns if column.key != key]
        # Two cells for the sign of the curve.
        if 2 + sum(column.width for column in columns) + len(_GAP) * (len(columns) - 1) <= width:
            break
    return columns


def _line(name: str | None, columns: list[_Column], row: int, width: int) -> Content:
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
        self._scores: Scores | None = None
        self._width = 0

    def show(self, scores: Scores | None) -> None:
        """Show `scores`, which may have grown since the last time."""
        self._scores = scores
        self._lay_out()

    def on_resize(self, event: events.Resize) -> None:
        if event.size.width != self._width:
            self._width = event.size.width
            self._lay_out()

    def _lay_out(self) -> None:
        if self._scores is None:
            self.update(Content.styled(_EMPTY, "$foreground 60%"))
        elif self._width:
            words = [Content.styled(line, "$foreground 60%") for line in notes(self._scores)]
            lines = [table(self._scores, self._width), Content(""), *words]
            self.update(Content("\n").join(lines))
