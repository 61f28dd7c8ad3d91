"""What a trial knows of itself beside what Optuna keeps: the names, and how they are read."""

import math
from statistics import stdev

from optuna.trial import FrozenTrial

RUN = "run"
"""The id of its first run: there before it trains, for whoever reads the study."""
CLAIM = "claim"
"""Who does it: `host`, `home`, `owner` (whose lock is held as long as the sweep), and `runs`."""
VALUES = "values"
"""One a run, once it has completed."""
WHY = "failure"
"""Why it failed, as a sentence."""
AGAIN, DEATHS = "again", "deaths"
"""Of one that repeats another: which, and how many were killed on the way to it."""


def runs_of(trial: FrozenTrial) -> tuple[str, ...]:
    """The ids of its runs; none before it was claimed."""
    return tuple(trial.user_attrs.get(CLAIM, {}).get("runs", ()))


def host_of(trial: FrozenTrial) -> str:
    return str(trial.user_attrs.get(CLAIM, {}).get("host", ""))


def values_of(trial: FrozenTrial) -> tuple[float, ...]:
    """One a run; none before it has completed."""
    return tuple(trial.user_attrs.get(VALUES, ()))


def spread_of(trial: FrozenTrial) -> float | None:
    """The sample deviation of its values; None for fewer than two, or where one is not finite."""
    values = values_of(trial)
    return stdev(values) if len(values) > 1 and all(map(math.isfinite, values)) else None


def repeats(trial: FrozenTrial) -> int | None:
    """The trial that this one does again; None: none."""
    return trial.user_attrs.get(AGAIN)


def failure_of(trial: FrozenTrial) -> str:
    return str(trial.user_attrs.get(WHY, "It gave no sign of life any more."))


def seconds_of(trial: FrozenTrial) -> float:
    """How long it took; 0 where that is not known."""
    duration = trial.duration
    return duration.total_seconds() if duration is not None else 0.0
