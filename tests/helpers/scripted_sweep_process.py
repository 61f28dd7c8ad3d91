"""Sweeps that play a script in the place of `mnist-tui sweep`, for the screen and its session."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mnist_core.recipe.hyperparameters import Hyperparameters, to_json
from mnist_core.sweep.events import (
    BestTrial,
    ImportanceMeasured,
    SweepCompleted,
    SweepEvent,
    SweepFailed,
    SweepStarted,
    SweepStopped,
    SweepStopping,
    TrialCompleted,
    TrialFailed,
    TrialPruned,
    TrialReported,
    TrialStarted,
    sweep_event_to_json,
)
from mnist_tui.sweeps.sweep_process import SweepProcess

RATES = (0.02, 0.5, 0.1, 0.9, 0.25, 0.05)
"""Of the trials in their order; what one is worth follows from its rate."""
SIZES = ((32,), (64, 64))
COMMAND = "mnist-tui train --preset mlx-docs --learning-rate 0.5"


def started(trials: int = 6, **plan: object) -> SweepStarted:
    usual: dict[str, Any] = {
        "ranges": ["learning_rate=0.01:1:log", "hidden_sizes=32|64,64"],
        "base": to_json(Hyperparameters()),
        "metric": "accuracy",
        "rank_on": "validation",
        "seeds": 1,
        "sampler": "tpe",
        "pruner": "median",
    }
    return SweepStarted("sweep-1", "a file", trials, 0, 2, "here", "scripted", 10_000, True, 2,
                        usual | plan)  # fmt: skip


def begun(number: int, host: str = "here", again: int | None = None) -> TrialStarted:
    chosen = {"learning_rate": RATES[number % len(RATES)], "hidden_sizes": list(SIZES[number % 2])}
    return TrialStarted(number, chosen, (f"run{number}",), host, again)


def value(number: int) -> float:
    """The nearer the rate is to a half, the more."""
    return round(0.95 - abs(RATES[number % len(RATES)] - 0.5) / 4, 4)


def completed(number: int, spread: float | None = None) -> list[SweepEvent]:
    """A trial from its begin to its end."""
    worth = value(number)
    return [
        begun(number),
        TrialReported(number, 0, 1, worth - 0.1),
        TrialReported(number, 0, 2, worth),
        TrialCompleted(number, worth, spread, (worth,), 1.5),
    ]


def under_way() -> list[SweepEvent]:
    """Two trials have completed, one was pruned, one failed, two run."""
    return [
        started(),
        *completed(0),
        *completed(1, 0.0012),
        begun(2),
        TrialReported(2, 0, 1, 0.4),
        TrialPruned(2, 0.4, 1, 0.7),
        begun(3),
        TrialFailed(3, "Its process ended with signal 9."),
        begun(4),
        TrialReported(4, 0, 1, 0.8),
        begun(5, "far [/]"),
        ImportanceMeasured({"learning_rate": 0.8, "hidden_sizes": 0.2}, 4),
    ]


def best() -> BestTrial:
    return BestTrial(1, value(1), None, ("run1",), "here", {"learning_rate": 0.5},
                     to_json(Hyperparameters(learning_rate=0.5)))  # fmt: skip


def rest() -> list[SweepEvent]:
    """From `under_way` to the end."""
    return [
        TrialReported(4, 0, 2, value(4)),
        TrialCompleted(4, value(4), None, (value(4),), 1.5),
        TrialReported(5, 0, 1, value(5)),
        TrialCompleted(5, value(5), None, (value(5),), 1.5),
        SweepCompleted("sweep-1", 4, 1, 1, best(), 9.0),
    ]


@dataclass
class ScriptedProcess(SweepProcess):
    """Tells what it is given, as JSON; ends once it has told of its end, or is cut."""

    words: tuple[str, ...]
    """That it was started with."""
    said: str = ""
    asked: list[str] = field(default_factory=list)
    """What was wanted of it: stop, cut, close."""
    _waiting: list[dict[str, Any]] = field(default_factory=list)
    _is_over: bool = False

    def tell(self, *events: SweepEvent) -> None:
        for event in events:
            values = sweep_event_to_json(event)
            if isinstance(event, SweepCompleted | SweepStopped):
                values["command"] = COMMAND
            # As it comes through a pipe.
            self._waiting.append(json.loads(json.dumps(values)))
            if isinstance(event, SweepCompleted | SweepStopped | SweepFailed):
                self._is_over = True

    def die(self, said: str) -> None:
        """End without having told of that."""
        self.said, self._is_over = said, True

    @property
    def is_over(self) -> bool:
        return self._is_over and not self._waiting

    def read(self) -> list[dict[str, Any]]:
        told, self._waiting = self._waiting, []
        return told

    def last_words(self) -> str:
        return self.said

    def stop(self) -> None:
        self.asked.append("stop")
        self.tell(SweepStopping(2))

    def cut(self) -> None:
        self.asked.append("cut")
        self.tell(SweepStopped("sweep-1", 2, 1, 1, best(), 5.0))

    def close(self) -> None:
        self.asked.append("close")
        self._is_over = True


@dataclass
class ScriptedSweeps:
    """Starts them; each tells `story` at once."""

    story: Sequence[SweepEvent] = ()
    made: list[ScriptedProcess] = field(default_factory=list)
    fail_with: OSError | None = None

    def __call__(self, words: Sequence[str]) -> ScriptedProcess:
        if self.fail_with is not None:
            raise self.fail_with
        process = ScriptedProcess(tuple(words))
        process.tell(*self.story)
        self.made.append(process)
        return process

    @property
    def latest(self) -> ScriptedProcess:
        return self.made[-1]


def restless() -> Iterator[list[SweepEvent]]:
    """How sweeps go, one after the other."""
    while True:
        yield [*under_way(), *rest()]
        yield under_way()
        yield [started(), SweepFailed("The storage [/] is gone.")]
        yield []
