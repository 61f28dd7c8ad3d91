"""A race in words and in columns, for the screen and for `mnist-tui bench`: no widgets here."""

from dataclasses import dataclass

from rich.cells import cell_len

from mnist_core.benchmark.engines.engine_registry import published_seconds
from mnist_core.benchmark.race import Quartiles, Race, RaceScore, TaskName
from mnist_core.benchmark.regression import FORMS
from mnist_core.data.dataset import Dataset
from mnist_tui.text.numbers import count, duration, percent_of
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.bars import bar

PACES = {"mlp": "s/epoch", "linear": "it/s", "logistic": "it/s"}
"""What the pace of each task is measured in."""

RESULTS = {"mlp": "accuracy", "linear": "error", "logistic": "accuracy"}
"""What an entrant ends with on the test examples."""

CURVES = {
    "mlp": "Test accuracy",
    "linear": "Test error",
    "logistic": "Training accuracy",
}
"""What is drawn against time."""


def title(race: Race) -> str:
    """The preset of a network, or the task."""
    return visible(race.recipe) if race.task == "mlp" else race.task


def subject(race: Race) -> str:
    """What is raced on what, in one line."""
    if race.task == "mlp":
        drawn = " (drawn here)" if race.synthetic else ""
        what = (
            f"{visible(race.recipe)} {'-'.join(map(str, race.sizes))} on "
            f"{visible(race.dataset)}{drawn}, {count(race.train_examples, 'example')}"
        )
    else:
        what = (
            f"{race.task} regression, {count(race.train_examples, 'example')} of "
            f"{count(race.sizes[0], 'feature')}"
        )
    threads = count(race.threads, "thread")
    return f"{what} · {count(race.rounds, 'round')} · {threads}"


def plan(task: TaskName, recipe: str, dataset: Dataset | None) -> str:
    """What would be raced if a race began now."""
    if task != "mlp":
        return f"{task} regression on examples drawn here; a data set is not needed"
    if dataset is None:
        return "waiting for the data"
    drawn = " (drawn here)" if dataset.synthetic else ""
    return (
        f"{recipe} on {visible(dataset.name)}{drawn}: "
        f"{count(len(dataset.train), 'training example')}, "
        f"{count(len(dataset.test), 'test example')}"
    )


_BAR = 12


def turn(score: RaceScore, seconds: float) -> str:
    """Whose turn it is, how far the race is, and since when, in `seconds`, nothing was heard."""
    turns = len(score.race.entrants) * score.race.rounds
    done = bar(len(score.laps) / turns, _BAR)
    share = percent_of(len(score.laps), turns, 3)
    return f"{_whose(score)}  {done} {share} %  for {duration(seconds)}"


def _whose(score: RaceScore) -> str:
    waiting = [name for name in score.race.entrants if name not in score.descriptions]
    if waiting:
        return f"warming up {visible(waiting[0])}"
    following = score.next_turn
    if following is None:
        return "ending"
    return f"{visible(following[0])} · round {following[1]} of {score.race.rounds}"


def notes(score: RaceScore) -> list[str]:
    """What the table and the chart mean, and what each entrant ran on."""
    race = score.race
    lines = [f"Medians with quartiles; the {RESULTS[race.task]} is that on the test examples."]
    if len(race.entrants) > 1:
        time_or_rate = "time" if race.task == "mlp" else "rate"
        faster = "below" if race.task == "mlp" else "above"
        lines.append(
            f"The ratio is the {time_or_rate} over that of {visible(race.baseline)} in the same "
            f"round: {faster} 1 is faster."
        )
    if race.task != "mlp":
        lines.append(
            "The curve is of the entrant's own weights, traced untimed after its first turn; time "
            "is iterations over its median rate."
        )
    return lines + [
        f"{visible(entrant)}: {visible(description)}"
        for entrant, description in score.descriptions.items()
    ]


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
