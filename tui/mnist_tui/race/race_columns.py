"""The table of a race, column by column, for the screen and for the command."""

from dataclasses import dataclass

from rich.cells import cell_len

from mnist_core.benchmark.engines.engine_registry import published_seconds
from mnist_core.benchmark.race import Quartiles, Race, RaceScore
from mnist_core.benchmark.regression import FORMS
from mnist_tui.text.numbers import count


@dataclass(frozen=True, slots=True)
class Column:
    """A title, and a cell for each entrant in the order of their turns."""

    key: str
    title: str
    cells: tuple[str, ...]

    @property
    def width(self) -> int:
        return max(map(cell_len, (self.title, *self.cells)))


def pace_columns(score: RaceScore, title: str) -> list[Column]:
    """The median pace of each, and its quartiles; how far who has no lap is."""
    race = score.race
    paces = [(name, score.pace(name)) for name in race.entrants]
    return [
        Column("pace", title, tuple(
            _pace_text(race, pace.median) if pace
            else "ready" if name in score.descriptions else "·"
            for name, pace in paces
        )),
        Column("spread", "quartiles", tuple(
            f"{_pace_text(race, pace.lower)} to {_pace_text(race, pace.upper)}" if pace else ""
            for _, pace in paces
        )),
    ]  # fmt: skip


def ratio_columns(score: RaceScore, title: str, baseline: str = "") -> list[Column]:
    """The pace of each over that of `baseline`, or of the race's, and the quartiles of it."""
    baseline = baseline or score.race.baseline
    ratios = {name: score.ratio(name, baseline) for name in score.race.entrants}

    def median(name: str, ratio: Quartiles | None) -> str:
        if not score.laps_of(name):
            return ""
        if name == baseline:
            return "1"
        return f"{ratio.median:.2f}" if ratio else "·"

    return [
        Column("ratio", title, tuple(median(*item) for item in ratios.items())),
        Column("ratio spread", "quartiles", tuple(
            f"{ratio.lower:.2f} to {ratio.upper:.2f}" if ratio else "" for ratio in ratios.values()
        )),
    ]  # fmt: skip


def published_column(score: RaceScore, title: str) -> Column:
    """What was published for each."""
    paces = [published_pace(score.race, name) for name in score.race.entrants]
    return Column("published", title, tuple(
        "" if pace is None
        else f"{pace:.2f}" if score.race.task == "mlp" else count(round(pace))
        for pace in paces
    ))  # fmt: skip


def published_pace(race: Race, entrant: str) -> float | None:
    """What was published for it on an Apple M1, in the unit of the pace; None: nothing comparable.

    Seconds of an epoch are compared only where an epoch has as many examples.
    """
    if race.task == "mlp":
        return published_seconds(race.recipe, race.train_examples).get(entrant)
    form = FORMS.get(entrant)
    return form.published.get(race.task) if form else None


def _pace_text(race: Race, pace: float) -> str:
    """Seconds with three digits after the point, or whole iterations."""
    seconds = race.task in ("mlp", "evaluations")
    return f"{pace:.3f}" if seconds else count(round(pace))
