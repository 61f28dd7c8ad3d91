"""A sweep as its events have told it so far: its trials, and which is the best."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mnist_core.sweep.events import (
    ImportanceMeasured,
    SweepEvent,
    SweepStarted,
    SweepStopping,
    TrialCompleted,
    TrialFailed,
    TrialPruned,
    TrialReported,
    TrialStarted,
)


@dataclass(slots=True)
class TrialSoFar:
    started: TrialStarted
    reported: list[TrialReported] = field(default_factory=list)
    end: TrialCompleted | TrialPruned | TrialFailed | None = None

    @property
    def number(self) -> int:
        return self.started.number

    @property
    def parameters(self) -> dict[str, Any]:
        return self.started.parameters

    @property
    def state(self) -> str:
        match self.end:
            case TrialCompleted():
                return "completed"
            case TrialPruned():
                return "pruned"
            case TrialFailed():
                return "failed"
            case None:
                return "running"

    @property
    def value(self) -> float | None:
        """Its own, or that after its last epoch; None before the first."""
        if isinstance(self.end, TrialCompleted | TrialPruned):
            return self.end.value
        return self.reported[-1].value if self.reported else None

    @property
    def spread(self) -> float | None:
        return self.end.spread if isinstance(self.end, TrialCompleted) else None


class SweepProgress:
    """Takes the events of a sweep, in their order."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds, from any moment on."""
        self._clock = clock
        self.started: SweepStarted | None = None
        self.trials: dict[int, TrialSoFar] = {}
        """By their numbers."""
        self.stopping = False
        self.importance: dict[str, float] = {}
        self.importance_trials = 0
        """How many trials it was measured on."""
        self._first_at: float | None = None
        self._finished_before = 0
        """Trials that were finished when the first of this process began."""

    def take(self, event: SweepEvent) -> None:
        match event:
            case SweepStarted():
                self.started = event
            case TrialStarted():
                self.trials[event.number] = TrialSoFar(event)
            case TrialReported():
                self.trials[event.number].reported.append(event)
                # Those that were finished before are told again, all at once.
                before = self.started.finished if self.started is not None else 0
                if self._first_at is None and self.finished >= before:
                    self._first_at, self._finished_before = self._clock(), self.finished
            case TrialCompleted() | TrialPruned() | TrialFailed():
                self.trials[event.number].end = event
            case SweepStopping():
                self.stopping = True
            case ImportanceMeasured():
                self.importance, self.importance_trials = event.importance, event.trials
            case _:
                pass

    def count(self, state: str) -> int:
        """Trials in a state: running, completed, pruned or failed."""
        return sum(trial.state == state for trial in self.trials.values())

    @property
    def finished(self) -> int:
        return self.count("completed") + self.count("pruned")

    @property
    def running(self) -> list[TrialSoFar]:
        return [trial for trial in self.trials.values() if trial.end is None]

    @property
    def ranked(self) -> list[TrialSoFar]:
        """The completed trials, the best first."""
        maximizes = self.started is not None and self.started.plan["metric"] == "accuracy"
        sign = -1 if maximizes else 1
        completed = [trial for trial in self.trials.values() if trial.state == "completed"]
        return sorted(completed, key=lambda trial: (sign * (trial.value or 0.0), trial.number))

    @property
    def seconds_left(self) -> float | None:
        """At the present rate; None until there is one."""
        if self.started is None or self._first_at is None:
            return None
        done = self.finished - self._finished_before
        if done <= 0:
            return None
        rate = (self._clock() - self._first_at) / done
        return max(0.0, math.ceil(rate * (self.started.trials - self.finished)))
