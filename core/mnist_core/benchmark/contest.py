"""A race as the app shows and keeps it: who ran for what, and everything that was measured.

The three tasks differ in what they measure. Here each is a row of laps and a curve for everyone who
takes part, so that one table and one chart serve all.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from mnist_core.benchmark.quartiles import Quartiles, quartiles

ContestTask = Literal["mlp", "linear", "logistic"]
CONTEST_TASKS: tuple[ContestTask, ...] = get_args(ContestTask)


@dataclass(frozen=True, slots=True)
class Contest:
    """Who races for what."""

    task: ContestTask
    entrants: tuple[str, ...]
    """In the order of their turns: names of engines for `mlp`, of forms for the regressions."""
    baseline: str
    """Which of them the others are compared with."""
    rounds: int
    threads: int
    """CPU threads of the matrix products of each."""
    train_examples: int
    test_examples: int
    sizes: tuple[int, ...]
    """Units of each layer with the input first; a regression has its features and 1."""
    recipe: str = ""
    """The preset that `mlp` trains; empty for regressions."""
    dataset: str = ""
    """The data that `mlp` trains on, text from outside; empty where examples are drawn."""
    synthetic: bool = False
    """Whether these data are drawn digits that stand in for MNIST."""


@dataclass(frozen=True, slots=True)
class EntrantReady:
    """An entrant is warmed up and waits for its turn."""

    entrant: str
    description: str
    """Library, version, device, BLAS and threads."""


@dataclass(frozen=True, slots=True)
class LapMeasured:
    """One turn of one entrant."""

    entrant: str
    round: int
    """From 1."""
    pace: float
    """`mlp`: seconds of an epoch; regressions: iterations in a second."""
    result: float
    """`mlp`: test accuracy after the epoch; `linear`: test error; `logistic`: test accuracy."""


@dataclass(frozen=True, slots=True)
class ValuesReached:
    """A piece of an entrant's curve."""

    entrant: str
    work: tuple[int, ...]
    """Work done, ascending: epochs for `mlp`, iterations for the regressions."""
    values: tuple[float, ...]
    """After each: `mlp` test accuracy; `linear` test error; `logistic` training accuracy."""


@dataclass(frozen=True, slots=True)
class ContestCompleted:
    """Every round was raced."""


@dataclass(frozen=True, slots=True)
class ContestStopped:
    """The user ended it."""


@dataclass(frozen=True, slots=True)
class ContestFailed:
    """An entrant could not go on, and with it the race."""

    message: str
    """A sentence for the user."""
    traceback: str
    """For the log file."""


ContestProgress = EntrantReady | LapMeasured | ValuesReached
ContestEnded = ContestCompleted | ContestStopped | ContestFailed
ContestEvent = ContestProgress | ContestEnded


@dataclass(frozen=True, slots=True)
class Standing:
    """One entrant, as far as the race has come."""

    entrant: str
    laps: int
    pace: Quartiles
    """As of `LapMeasured.pace`."""
    ratio: Quartiles | None
    """Its pace over the baseline's, round by round; None for that itself, or before it has run."""
    result: float
    """Of its last lap."""


@dataclass
class Scores:
    """What was measured in a race; it grows while the race goes on."""

    contest: Contest
    descriptions: dict[str, str] = field(default_factory=dict)
    """Of the entrants that are warmed up."""
    laps: list[LapMeasured] = field(default_factory=list)
    curves: dict[str, tuple[list[int], list[float]]] = field(default_factory=dict)
    """Work and values of each entrant, as of `ValuesReached`."""

    def apply(self, event: ContestProgress) -> None:
        match event:
            case EntrantReady():
                self.descriptions[event.entrant] = event.description
            case LapMeasured():
                self.laps.append(event)
            case ValuesReached():
                work, values = self.curves.setdefault(event.entrant, ([], []))
                work.extend(event.work)
                values.extend(event.values)

    def paces(self, entrant: str) -> list[float]:
        """Of its laps, the first one first."""
        return [lap.pace for lap in self.laps if lap.entrant == entrant]

    def standings(self) -> tuple[Standing, ...]:
        """Each entrant that has a lap, in the order of their turns.

        Ratios compare what was measured in the same round: there, the machine was in the same mood.
        """
        return tuple(
            self._standing(entrant) for entrant in self.contest.entrants if self.paces(entrant)
        )

    def seconds(self, entrant: str) -> list[float]:
        """When each value of its curve was reached, in seconds of training.

        `mlp` adds up the seconds of its epochs. A regression does the same work in each iteration:
        its seconds are the iterations over the median of its measured paces, because its curve was
        traced apart from what was measured. Empty before there is a lap.
        """
        paces = self.paces(entrant)
        if not paces:
            return []
        work = self.curves.get(entrant, ([], []))[0]
        if self.contest.task == "mlp":
            return [math.fsum(paces[:epochs]) for epochs in work]
        pace = quartiles(paces).median
        return [iterations / pace for iterations in work]

    @property
    def next_turn(self) -> tuple[str, int] | None:
        """Whose turn is next or under way, and in which round; None: all have run."""
        entrants = self.contest.entrants
        round_, turn = divmod(len(self.laps), len(entrants))
        return (entrants[turn], round_ + 1) if round_ < self.contest.rounds else None

    def _standing(self, entrant: str) -> Standing:
        of_entrant = [lap for lap in self.laps if lap.entrant == entrant]
        baseline = self.contest.baseline
        return Standing(
            entrant,
            len(of_entrant),
            quartiles([lap.pace for lap in of_entrant]),
            None if entrant == baseline else _ratio(of_entrant, self.paces(baseline)),
            of_entrant[-1].result,
        )


def _ratio(laps: Sequence[LapMeasured], baseline: Sequence[float]) -> Quartiles | None:
    """Over the rounds in which both have run; None: there is none yet."""
    ratios = [lap.pace / other for lap, other in zip(laps, baseline, strict=False)]
    return quartiles(ratios) if ratios else None


def scores_to_json(scores: Scores) -> dict[str, Any]:
    """What was measured, without the contest; values that are not finite become None."""
    return {
        "descriptions": scores.descriptions,
        "laps": [[lap.entrant, lap.round, lap.pace, _finite(lap.result)] for lap in scores.laps],
        "curves": {
            entrant: [work, [_finite(value) for value in values]]
            for entrant, (work, values) in scores.curves.items()
        },
    }


def scores_from_json(contest: Contest, values: dict[str, Any]) -> Scores:
    """The reverse of `scores_to_json`; None becomes NaN.

    Raises:
        ValueError, TypeError, KeyError: it was not made by that.
    """
    return Scores(
        contest,
        {str(entrant): str(words) for entrant, words in values["descriptions"].items()},
        [
            LapMeasured(_one_of(contest, entrant), int(round_), _pace(pace), _number(result))
            for entrant, round_, pace, result in values["laps"]
        ],
        {
            _one_of(contest, entrant): (
                [int(done) for done in work],
                [_number(value) for _, value in zip(work, reached, strict=True)],
            )
            for entrant, (work, reached) in values["curves"].items()
        },
    )


def _one_of(contest: Contest, entrant: object) -> str:
    if entrant not in contest.entrants:
        raise ValueError(f"{entrant!r} takes no part in the race")
    return str(entrant)


def _pace(value: Any) -> float:
    pace = float(value)
    if not (math.isfinite(pace) and pace > 0):
        raise ValueError(f"{value!r} is no pace")
    return pace


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
