"""What a race of each task is in words and in JSON, and the races of networks: no output here."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from mnist_core.benchmark.engines.engine import EpochTrained
from mnist_core.benchmark.engines.engine_registry import Contestant, published_seconds
from mnist_core.benchmark.network_task import (
    EVALUATION_TIMES,
    EvaluationTask,
    EvaluationTime,
    NetworkTask,
)
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.race import (
    EntrantReady,
    Lap,
    Quartiles,
    Race,
    RaceScore,
    quartiles,
)
from mnist_core.benchmark.runner import Task
from mnist_core.events import json_values
from mnist_core.shell_commands import own_command
from mnist_tui.race.race_text import (
    Column,
    pace_columns,
    published_column,
    published_pace,
    ratio_columns,
)
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import in_columns, visible

_EPOCH_COLUMNS = 11
"""Epochs that a table shows: with the names of the engines they take 98 columns of a terminal."""


class RaceReport(ABC):
    """What `mnist-tui bench` tells of a race."""

    def __init__(self, task: Task, entrants: tuple[str, ...], rounds: int) -> None:
        self.task = task
        self.race = task.race(entrants, rounds)

    @abstractmethod
    def heading(self) -> list[str]:
        """On what, and how often; the same for all races of one command."""

    @abstractmethod
    def ready_lines(self, event: EntrantReady) -> list[str]:
        """Who takes part; once for all races of one command."""

    @abstractmethod
    def table(self, score: RaceScore) -> list[str]:
        """What was measured, a line an entrant."""

    @abstractmethod
    def ready_json(self, event: EntrantReady) -> dict[str, Any]:
        """Who takes part; empty: that is told with each lap."""

    @abstractmethod
    def lap_json(self, lap: Lap, score: RaceScore) -> dict[str, Any]:
        """All that was measured in a lap; numbers that are not finite are None."""

    @abstractmethod
    def score_json(self, score: RaceScore) -> dict[str, Any]:
        """All of a race in one object."""


class NetworkReport(RaceReport):
    """Of engines that train the same recipe on the same data; the first one is the baseline."""

    task: NetworkTask

    def heading(self) -> list[str]:
        race = self.race
        rounds = f"{count(race.rounds, 'round')} of {count(self.task.epochs, 'epoch')}"
        several = any(Contestant.of(entrant).threads for entrant in race.entrants)
        others = ", or as many as its name says" if several else ""
        return [
            f"{_dataset(race)}, {count(race.test_examples, 'test example')}",
            f"{rounds}, the engines in turn; {count(race.threads, 'thread')}{others}; "
            "evaluation is not timed",
        ]

    def ready_lines(self, event: EntrantReady) -> list[str]:
        return [f"{event.entrant:<14} {visible(event.description)}"]

    def table(self, score: RaceScore) -> list[str]:
        return [
            "",
            _recipe(self.race, self.task.problem),
            "",
            *self._times(score),
            *self._notes(score),
            "",
            *self._accuracies(score),
        ]

    def _times(self, score: RaceScore) -> list[str]:
        """With a column of published times where there are any for the recipe."""
        published = [published_column(score, "published (M1)")] if self._published else []
        return columns_in_lines(
            Column("name", "engine", self._names(score)),
            *pace_columns(score, "s/epoch"),
            *ratio_columns(score, f"x {self.race.baseline}"),
            *published,
            column("test accuracy", [f"{lap.result:.4f}" for lap in last_laps(score)]),
        )

    @property
    def _published(self) -> dict[str, float]:
        return dict(published_seconds(self.race.recipe, self.race.train_examples))

    def _names(self, score: RaceScore) -> tuple[str, ...]:
        return tuple(
            lap.entrant + ("" if self._timed_share(lap) == 1 else "*") for lap in last_laps(score)
        )

    def _timed_share(self, lap: Lap) -> float:
        """The share of each epoch that was trained and timed, 1 for the whole."""
        trained: EpochTrained = lap.metrics
        return trained.examples / self.race.train_examples

    def _accuracies(self, score: RaceScore) -> list[str]:
        """Test accuracies, a line an engine and a column an epoch, first and last included."""
        epochs = len(score.laps_of(self.race.baseline))
        shown = _spaced(epochs, _EPOCH_COLUMNS)
        which = "each epoch" if len(shown) == epochs else f"{len(shown)} of the {epochs} epochs"
        laps = [score.laps_of(name) for name in self.race.entrants]
        table = columns_in_lines(
            Column("name", "epoch", self._names(score)),
            *(
                column(str(epoch), [f"{of[epoch - 1].result:.4f}" for of in laps])
                for epoch in shown
            ),
        )
        return [f"test accuracy after {which}", "", *table]

    def _notes(self, score: RaceScore) -> list[str]:
        race = self.race
        epochs = count(len(score.laps_of(race.baseline)), "epoch")
        notes = [f"Medians. Test accuracy is that after {epochs}."]
        examples = race.train_examples
        notes += [
            f"* {lap.entrant} trained on {count(lap.metrics.examples, 'example')} "
            f"of each epoch only: its seconds are scaled up to all {count(examples, 'example')}, "
            "its accuracy is what so little training gives."
            for lap in last_laps(score)
            if self._timed_share(lap) < 1
        ]
        notes += self._against_rivals(score)
        absent = [
            f"{engine} {seconds:.2f}"
            for engine, seconds in self._published.items()
            if engine not in [Contestant.of(entrant).engine for entrant in race.entrants]
        ]
        if absent:
            notes.append(f"Published for engines that are not in this race: {', '.join(absent)}.")
        if any(engine.startswith("mlx") for engine in race.entrants):
            notes += [
                "MLX takes the GPU where it has one, Apple's or NVIDIA's; what it took here stands "
                "above, at its engine.",
                "mx.eval after every batch, every epoch or at the end: "
                + own_command("bench", "--task", "evaluations", "--preset", race.recipe),
            ]
        return notes

    def _against_rivals(self, score: RaceScore) -> list[str]:
        """How fast the baseline is against each library at its better number of threads.

        The better one has the lower median; the ratio is the median of the rounds. Beside busy
        loops all are named, since as installed a library takes every core.
        """
        ours = Contestant.of(self.race.baseline)
        contestants = [Contestant.of(entrant) for entrant in self.race.entrants]
        notes = []
        for busy in (False, True):
            base = str(replace(ours, busy=busy))
            if base not in self.race.entrants:
                continue
            found = []
            for engine in dict.fromkeys(each.engine for each in contestants):
                same = [str(c) for c in contestants if c.engine == engine and c.busy == busy]
                best = min(same, key=lambda entrant: _median(score, entrant))
                which = f", the better one of {engine}'s" if len(same) > 1 and not busy else ""
                for entrant in same if busy else [best]:
                    ratio = score.ratio(entrant, base)
                    if ratio is not None:
                        name = str(replace(Contestant.of(entrant), busy=False))
                        found.append(f"{ratio.median:.2f}x as fast as {name}{which}")
            slower = score.ratio(base)
            words = f"is {' and '.join(found)}" if found else ""
            if slower is not None:
                long = f"takes {slower.median:.2f} times as long as alone"
                words = f"{long}, and {words}" if words else long
            where = f"Beside {count(self.task.busy, 'busy loop')}: " if busy else ""
            if words:
                notes.append(f"{where}{ours} {words}.")
        return notes

    def ready_json(self, event: EntrantReady) -> dict[str, Any]:
        return {
            "event": "engine_described",
            "task": "mlp",
            "recipe": self.race.recipe,
            "engine": event.entrant,
            "description": event.description,
        }

    def lap_json(self, lap: Lap, score: RaceScore) -> dict[str, Any]:
        """`seconds` are those of a whole epoch."""
        trained: EpochTrained = lap.metrics
        metrics = {
            "seconds": lap.pace,
            "recipe": self.race.recipe,
            "engine": lap.entrant,
            "round": lap.round,
            "epoch": trained.epoch,
            "timed_examples": trained.examples,
            "timed_seconds": trained.seconds,
            "epoch_examples": self.race.train_examples,
            "train_loss": trained.train_loss,
            "train_accuracy": trained.train_accuracy,
            "test_loss": trained.test_loss,
            "test_accuracy": trained.test_accuracy,
        }
        return {"event": "epoch_measured", "task": "mlp", **json_values(metrics)}

    def score_json(self, score: RaceScore) -> dict[str, Any]:
        """`ratio` is an engine's time over that of the baseline."""
        return {
            **_network_json(self.race, self.task.epochs),
            "baseline": self.race.baseline,
            "busy_loops": self.task.busy,
            "engines": [
                {
                    "engine": lap.entrant,
                    "seconds": quartiles_json(score.pace(lap.entrant)),
                    "ratio": quartiles_json(score.ratio(lap.entrant)),
                    "timed_share": self._timed_share(lap),
                    "epochs": len(score.laps_of(lap.entrant)),
                    "test_accuracy": lap.result,
                    "test_accuracies": [one.result for one in score.laps_of(lap.entrant)],
                    "published": published_pace(self.race, lap.entrant),
                }
                for lap in last_laps(score)
            ],
        }


_WHEN: dict[EvaluationTime, str] = {
    "batch": "after every batch",
    "epoch": "after every epoch",
    "end": "once, at the end",
}


class EvaluationReport(RaceReport):
    """Of how often to evaluate; all of it stands at the table, since each is of one recipe."""

    task: EvaluationTask

    def heading(self) -> list[str]:
        return []

    def ready_lines(self, event: EntrantReady) -> list[str]:
        return []

    def table(self, score: RaceScore) -> list[str]:
        race = self.race
        batches = -(-race.train_examples // self.task.problem.hyperparameters.batch_size)
        rounds = f"{count(race.rounds, 'round')} of {count(self.task.epochs, 'epoch')}"
        return [
            f"{_dataset(race)}; {rounds}, each in a process of its own",
            _recipe(race, self.task.problem),
            visible(score.descriptions[race.entrants[-1]]),
            "",
            *columns_in_lines(
                Column("name", "mx.eval", tuple(_WHEN[name] for name in EVALUATION_TIMES)),
                *pace_columns(score, "s/epoch"),
                *ratio_columns(score, f"x {race.baseline}"),
                self._memory(score, "memory growth", "peak_growth"),
                self._memory(score, "MLX arrays", "mlx_peak"),
                column("test accuracy", [f"{lap.result:.4f}" for lap in last_laps(score)]),
            ),
            f"Medians, over all {count(batches, 'batch', 'batches')} of each epoch. Memory growth: "
            "how far the process grew while it trained.",
            "MLX arrays: the most that they took at once, those of the data set included.",
            "",
        ]

    def _memory(self, score: RaceScore, title: str, metric: str) -> Column:
        medians = [_quartiles_of(score, name, metric).median for name in self.race.entrants]
        return column(title, [f"{median / 1e6:.0f} MB" for median in medians])

    def ready_json(self, event: EntrantReady) -> dict[str, Any]:
        return {}

    def lap_json(self, lap: Lap, score: RaceScore) -> dict[str, Any]:
        """Memory in bytes; `seconds` of all epochs together."""
        return {
            "event": "evaluations_measured",
            "task": "evaluations",
            "recipe": self.race.recipe,
            "schedule": lap.entrant,
            "description": score.descriptions[lap.entrant],
            "round": lap.round,
            "epochs": self.task.epochs,
            **asdict(lap.metrics),
        }

    def score_json(self, score: RaceScore) -> dict[str, Any]:
        """`seconds` of an epoch, memory in bytes."""
        return {
            **_network_json(self.race, self.task.epochs),
            "schedules": [
                {
                    "schedule": lap.entrant,
                    "seconds": quartiles_json(score.pace(lap.entrant)),
                    "ratio": quartiles_json(score.ratio(lap.entrant)),
                    "peak_growth": asdict(_quartiles_of(score, lap.entrant, "peak_growth")),
                    "mlx_peak": asdict(_quartiles_of(score, lap.entrant, "mlx_peak")),
                    "test_loss": lap.metrics.test_loss,
                    "test_accuracy": lap.result,
                }
                for lap in last_laps(score)
            ],
        }


def columns_in_lines(*columns: Column) -> list[str]:
    """The columns as lines: names at the left, numbers at the right."""
    rows = list(zip(*((column.title, *column.cells) for column in columns), strict=True))
    return in_columns(rows, numbers=range(1, len(columns)))


def column(title: str, cells: Sequence[str]) -> Column:
    return Column(title, title, tuple(cells))


def last_laps(score: RaceScore) -> list[Lap]:
    """Of each entrant, in the order of their turns."""
    return [score.laps_of(name)[-1] for name in score.race.entrants]


def _median(score: RaceScore, entrant: str) -> float:
    pace = score.pace(entrant)
    return math.inf if pace is None else pace.median


def _quartiles_of(score: RaceScore, entrant: str, metric: str) -> Quartiles:
    return quartiles([getattr(lap.metrics, metric) for lap in score.laps_of(entrant)])


def quartiles_json(values: Quartiles | None) -> dict[str, float] | None:
    return None if values is None else asdict(values)


def _dataset(race: Race) -> str:
    kind = ", drawn here and easier than MNIST" if race.synthetic else ""
    return f"{visible(race.dataset)}{kind}: {count(race.train_examples, 'training example')}"


def _recipe(race: Race, problem: Problem) -> str:
    """The network and how it is trained."""
    recipe = problem.hyperparameters
    momentum = f", momentum {recipe.momentum:g}" if recipe.momentum else ""
    return (
        f"{race.recipe}: {problem.shape} {recipe.activation}, "
        f"{recipe.optimizer} {recipe.learning_rate:g}{momentum}, batch {recipe.batch_size}"
    )


def _network_json(race: Race, epochs: int) -> dict[str, Any]:
    """What every race of networks tells first, in the order in which it always did."""
    return {
        "event": "race_completed",
        "task": race.task,
        "recipe": race.recipe,
        "dataset": race.dataset,
        "synthetic": race.synthetic,
        "threads": race.threads,
        "rounds": race.rounds,
        "epochs": epochs,
    }


def _spaced(last: int, most: int) -> list[int]:
    """1 to `last`, or `most` of these numbers at about equal distances."""
    if last <= most:
        return list(range(1, last + 1))
    return [1 + round(index * (last - 1) / (most - 1)) for index in range(most)]
