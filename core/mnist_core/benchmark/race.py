"""A race: who takes turns at what, each lap that was measured, and what they amount to.

The tasks measure different things. Here each lap has a pace and a result, and each entrant a curve,
so that one table, one chart and one form in JSON serve all.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any, Literal

from mnist_core.events import json_number

TaskName = Literal["mlp", "linear", "logistic", "evaluations"]

CURVE_TASKS: tuple[TaskName, ...] = ("mlp", "linear", "logistic")
"""Those whose races have curves: they are watched, and kept."""


@dataclass(frozen=True, slots=True)
class Race:
    """Who races for what, in plain values."""

    task: TaskName
    entrants: tuple[str, ...]
    """In the order of their turns: engines for `mlp`, forms for the regressions, and when `mx.eval`
    is called for `evaluations`."""
    baseline: str
    """Which of them the others are compared with."""
    rounds: int
    threads: int
    """CPU threads of the matrix products of each."""
    train_examples: int
    test_examples: int
    sizes: tuple[int, ...]
    """Units of each dense layer, before them what the first is given; a regression has its features
    and 1."""
    recipe: str = ""
    """The preset of the network; empty for regressions."""
    dataset: str = ""
    """The data that a network trains on, text from outside; empty where examples are drawn."""
    synthetic: bool = False
    """Whether these data are drawn digits that stand in for MNIST."""


@dataclass(frozen=True, slots=True)
class EntrantReady:
    """An entrant is warmed up and waits for its turn."""

    entrant: str
    description: str
    """Library, version, device, BLAS and threads."""


@dataclass(frozen=True, slots=True)
class Lap:
    """One measurement of one entrant."""

    entrant: str
    round: int
    """From 1."""
    pace: float
    """Networks: seconds of an epoch; regressions: iterations in a second."""
    result: float
    """Networks: test accuracy after it; `linear`: test error; `logistic`: test accuracy."""
    metrics: Any = None
    """All that was measured, of the class that the task's module has for it; None: not kept."""


@dataclass(frozen=True, slots=True)
class CurveReached:
    """A piece of an entrant's curve."""

    entrant: str
    work: tuple[int, ...]
    """Work done, ascending: epochs for `mlp`, iterations for the regressions."""
    values: tuple[float, ...]
    """After each: `mlp` test accuracy; `linear` test error; `logistic` training accuracy."""


RaceProgress = EntrantReady | Lap | CurveReached


@dataclass(frozen=True, slots=True)
class Quartiles:
    """Three of the values, in order; between two values they are interpolated."""

    lower: float
    median: float
    upper: float


def quartiles(values: Sequence[float]) -> Quartiles:
    """The quartiles of one value or more, the smallest and largest counted as 0 and 100 %."""
    if len(values) == 1:
        return Quartiles(values[0], values[0], values[0])
    return Quartiles(*quantiles(values, n=4, method="inclusive"))


@dataclass
class RaceScore:
    """What was measured in a race; it grows while the race goes on."""

    race: Race
    descriptions: dict[str, str] = field(default_factory=dict)
    """Of the entrants that are warmed up."""
    laps: list[Lap] = field(default_factory=list)
    curves: dict[str, tuple[list[int], list[float]]] = field(default_factory=dict)
    """Work and values of each entrant, as of `CurveReached`."""

    def apply(self, event: RaceProgress) -> None:
        match event:
            case EntrantReady():
                self.descriptions[event.entrant] = event.description
            case Lap():
                self.laps.append(event)
            case CurveReached():
                work, values = self.curves.setdefault(event.entrant, ([], []))
                work.extend(event.work)
                values.extend(event.values)

    def laps_of(self, entrant: str) -> list[Lap]:
        """Its laps, the first one first."""
        return [lap for lap in self.laps if lap.entrant == entrant]

    def paces(self, entrant: str) -> list[float]:
        """Of its laps, the first one first."""
        return [lap.pace for lap in self.laps_of(entrant)]

    def pace(self, entrant: str) -> Quartiles | None:
        """As of `Lap.pace`; None before its first lap."""
        paces = self.paces(entrant)
        return quartiles(paces) if paces else None

    def ratio(self, entrant: str, baseline: str = "") -> Quartiles | None:
        """Its pace over that of `baseline`, or of the race's; None for that one itself.

        Each lap is compared with that of the same round: there, the machine was in the same mood.
        None too before both have run.
        """
        other = baseline or self.race.baseline
        pairs = zip(self.paces(entrant), self.paces(other), strict=False)
        ratios = [] if entrant == other else [ours / theirs for ours, theirs in pairs]
        return quartiles(ratios) if ratios else None

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
        if self.race.task == "mlp":
            return [math.fsum(paces[:epochs]) for epochs in work]
        pace = quartiles(paces).median
        return [iterations / pace for iterations in work]

    @property
    def next_turn(self) -> tuple[str, int] | None:
        """Whose turn is next or under way, and in which round; None: all have run."""
        entrants = self.race.entrants
        round_, turn = divmod(len(self.laps), len(entrants))
        return (entrants[turn], round_ + 1) if round_ < self.race.rounds else None

    def to_json(self) -> dict[str, Any]:
        """What was measured, without the race and its metrics; what is not finite becomes None."""
        return {
            "descriptions": self.descriptions,
            "laps": [
                [lap.entrant, lap.round, lap.pace, json_number(lap.result)] for lap in self.laps
            ],
            "curves": {
                entrant: [work, [json_number(value) for value in values]]
                for entrant, (work, values) in self.curves.items()
            },
        }

    @classmethod
    def from_json(cls, race: Race, values: Mapping[str, Any]) -> "RaceScore":
        """The reverse of `to_json`; None becomes NaN.

        Raises:
            ValueError, TypeError, KeyError: it was not made by that.
        """
        return cls(
            race,
            {str(entrant): str(words) for entrant, words in values["descriptions"].items()},
            [
                Lap(_one_of(race, entrant), int(round_), _pace(pace), _number(result))
                for entrant, round_, pace, result in values["laps"]
            ],
            {
                _one_of(race, entrant): (
                    [int(done) for done in work],
                    [_number(value) for _, value in zip(work, reached, strict=True)],
                )
                for entrant, (work, reached) in values["curves"].items()
            },
        )


def race_from_json(values: Mapping[str, Any]) -> Race:
    """The reverse of `dataclasses.asdict`, for a race that has curves.

    Raises:
        ValueError, TypeError, KeyError: it was not made by that.
    """
    if values["task"] not in CURVE_TASKS:
        raise ValueError(f"{values['task']!r} is no task")
    entrants, sizes = values["entrants"], values["sizes"]
    if not isinstance(entrants, list) or not isinstance(sizes, list) or not entrants:
        raise ValueError("a race has entrants and sizes")
    return Race(**{**values, "entrants": tuple(entrants), "sizes": tuple(sizes)})


def _one_of(race: Race, entrant: object) -> str:
    if entrant not in race.entrants:
        raise ValueError(f"{entrant!r} takes no part in the race")
    return str(entrant)


def _pace(value: Any) -> float:
    pace = float(value)
    if not (math.isfinite(pace) and pace > 0):
        raise ValueError(f"{value!r} is no pace")
    return pace


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
