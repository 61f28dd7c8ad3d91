"""What a sweep tells: past-tense facts of plain values, enough to draw it without Optuna."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, get_args

from mnist_core.events import json_number


@dataclass(frozen=True, slots=True)
class SweepStarted:
    study: str
    storage: str
    """Where the study is kept, for people: without a password."""
    trials: int
    """How many are to be finished in the end: completed or pruned."""
    finished: int
    """How many are already, as the sweep begins or is resumed."""
    jobs: int
    """Workers of this process."""
    host: str
    dataset: str
    validation_examples: int
    """0: there are none."""
    held_out: bool
    """Whether the sweep holds these out, since the recipe did not."""
    epochs: int
    """Of each run."""
    plan: dict[str, Any]
    """All of `SweepPlan`, as JSON."""


@dataclass(frozen=True, slots=True)
class TrialStarted:
    number: int
    """From 0, as all trials of the study count, also those of other machines."""
    parameters: dict[str, Any]
    """What was chosen, as JSON values by the field's name."""
    runs: tuple[str, ...]
    """The ids of its runs in the store of `host`, one a seed."""
    host: str
    again: int | None
    """The trial that this one repeats, since its process was killed; None: none."""


@dataclass(frozen=True, slots=True)
class TrialReported:
    """An epoch of a running trial was measured."""

    number: int
    seed: int
    """Which of its runs, from 0."""
    epoch: int
    """From 1."""
    value: float


@dataclass(frozen=True, slots=True)
class TrialCompleted:
    number: int
    value: float
    """The mean of its runs; not finite where a run diverged and the loss ranks."""
    spread: float | None
    """The sample deviation of them; None for one run."""
    values: tuple[float, ...]
    """One a run."""
    seconds: float


@dataclass(frozen=True, slots=True)
class TrialPruned:
    number: int
    value: float
    """After its last epoch."""
    epoch: int
    seconds: float


@dataclass(frozen=True, slots=True)
class TrialFailed:
    """It has no value and does not count; where its process was killed, it is done once more."""

    number: int
    message: str
    """Why, as a sentence."""
    traceback: str = field(default="", repr=False)
    """For the log file; empty for the trial of another process."""


@dataclass(frozen=True, slots=True)
class SweepStopping:
    """No trial is begun any more; those under way here go on to their ends."""

    running: int


@dataclass(frozen=True, slots=True)
class ImportanceMeasured:
    """How much each parameter decides, by PED-ANOVA."""

    importance: dict[str, float]
    """Shares of 1, the largest first."""
    trials: int
    """Completed ones, which it was measured on."""


@dataclass(frozen=True, slots=True)
class BestTrial:
    number: int
    value: float
    spread: float | None
    runs: tuple[str, ...]
    host: str
    parameters: dict[str, Any]
    recipe: dict[str, Any]
    """The hyperparameters of its first run, as JSON."""


@dataclass(frozen=True, slots=True)
class _Ended:
    study: str
    completed: int
    """Trials of the whole study, as are the next two."""
    pruned: int
    failed: int
    best: BestTrial | None
    """None: no trial has completed."""
    seconds: float
    """That this process worked on it."""


@dataclass(frozen=True, slots=True)
class SweepCompleted(_Ended):
    """As many trials are finished as were asked for, or as the grid has."""


@dataclass(frozen=True, slots=True)
class SweepStopped(_Ended):
    """The user stopped it."""


@dataclass(frozen=True, slots=True)
class SweepFailed:
    message: str
    """A sentence for the user."""
    traceback: str = field(default="", repr=False)
    """For the log file."""


SweepEnded = SweepCompleted | SweepStopped | SweepFailed
SweepEvent = (
    SweepStarted
    | TrialStarted
    | TrialReported
    | TrialCompleted
    | TrialPruned
    | TrialFailed
    | SweepStopping
    | ImportanceMeasured
    | SweepEnded
)


def sweep_event_to_json(event: SweepEvent) -> dict[str, Any]:
    """The event's plain values under their names; tracebacks are left out.

    Numbers that are not finite become None.
    """
    return {"event": _name(type(event)), **_plain(event)}


def sweep_event_from_json(values: Mapping[str, Any]) -> SweepEvent | None:
    """The event that `sweep_event_to_json` wrote; None for one that another version has.

    A value that was not finite comes back as infinite: a loss is all that can be so.

    Raises:
        ValueError: it lacks something.
    """
    kind = _KINDS.get(str(values.get("event")))
    if kind is None:
        return None
    given = {each.name: values[each.name] for each in fields(kind) if each.name in values}
    for name in ("runs", "values"):
        if name in given:
            given[name] = tuple(_number(value) for value in given[name])
    if "value" in given:
        given["value"] = _number(given["value"])
    best = given.get("best")
    try:
        if best is not None:
            runs, value = tuple(best["runs"]), _number(best["value"])
            given["best"] = BestTrial(**{**best, "runs": runs, "value": value})
        event: SweepEvent = kind(**given)
    except (TypeError, KeyError) as error:
        raise ValueError(f"{values.get('event')} lacks something: {error}.") from error
    return event


def _number(value: Any) -> Any:
    return math.inf if value is None else value


def _name(kind: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


_KINDS: Mapping[str, Any] = {_name(kind): kind for kind in get_args(SweepEvent)}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return json_number(value)
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        return {
            each.name: _plain(getattr(value, each.name))
            for each in fields(value)
            if each.name != "traceback"
        }
    return value
