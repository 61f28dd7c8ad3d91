"""One trial: a run for each seed, by the same generator and into the same store as any other."""

import traceback
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from math import isnan
from typing import Literal

from mnist_core.backend.backend import Backend
from mnist_core.data.dataset import Dataset
from mnist_core.events import (
    EpochCompleted,
    Event,
    PruneTraining,
    RunCompleted,
    RunDiverged,
    RunEnded,
    RunPruned,
    StopTraining,
    failure_sentence,
)
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import RunStore
from mnist_core.store.recorder import recorded
from mnist_core.store.records import TrialPlace
from mnist_core.sweep.plan import SweepPlan


@dataclass(frozen=True, slots=True)
class TrialJob:
    """What a worker is to do."""

    place: TrialPlace
    plan: SweepPlan
    recipes: tuple[Hyperparameters, ...]
    """One a seed."""
    runs: tuple[str, ...]
    """The ids of their runs."""


@dataclass(frozen=True, slots=True)
class EpochMeasured:
    """The value after an epoch of the run of this index; whoever is told decides how it goes on."""

    run: int
    epoch: int
    value: float


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """How a trial ended; `stopped` is one that its sweep has left."""

    how: Literal["completed", "pruned", "stopped", "failed"]
    values: tuple[float, ...] = ()
    """One a run that came to its end."""
    message: str = ""
    """Why it failed, as a sentence."""
    traceback: str = ""


def train_trial(
    job: TrialJob,
    dataset: Dataset,
    backend: Backend,
    store: RunStore,
    is_pruned: Callable[[EpochMeasured], bool],
    is_left: Callable[[], bool],
) -> TrialEnded:
    """Train the runs of a trial, one after the other.

    Args:
        job: what to train.
        dataset: the one of its plan.
        backend: what MLX computes on.
        store: takes the runs.
        is_pruned: asked after each epoch; True ends the trial there.
        is_left: asked after each event; True stops the run there, and keeps it.
    """
    from mnist_core.training.train import train

    values: list[float] = []
    try:
        for index, (recipe, run_id) in enumerate(zip(job.recipes, job.runs, strict=True)):
            recorder = store.record(dataset, dataset.data, run_id=run_id, trial=job.place)
            recorder.start()
            events = recorded(
                train(recipe, dataset, backend=backend, on_divergence="stop", run_id=run_id),
                recorder,
            )
            with closing(events):
                end, value = _run(events, job.plan, index, is_pruned, is_left)
            recorder.finish()
            if recorder.problem:
                return TrialEnded("failed", message=recorder.problem, traceback=recorder.details)
            match end:
                case RunCompleted():
                    values.append(value)
                case RunDiverged():
                    values.append(job.plan.worst)
                case RunPruned():
                    return TrialEnded("pruned")
                case _:
                    return TrialEnded("stopped")
    except Exception as error:  # noqa: BLE001 - the trial's edge: it goes on as how that ended
        return TrialEnded(
            "failed", message=failure_sentence(error), traceback=traceback.format_exc()
        )
    return TrialEnded("completed", tuple(values))


def _run(
    events: Generator[Event, None, None],
    plan: SweepPlan,
    index: int,
    is_pruned: Callable[[EpochMeasured], bool],
    is_left: Callable[[], bool],
) -> tuple[RunEnded, float]:
    """Drive a run to its end; how it ended, and its value after the last epoch."""
    value = plan.worst
    event = next(events)
    while not isinstance(event, RunEnded):
        request: Exception | None = StopTraining() if is_left() else None
        if isinstance(event, EpochCompleted) and event.epoch > 0 and request is None:
            value = _value(event, plan)
            if is_pruned(EpochMeasured(index, event.epoch, value)):
                request = PruneTraining()
        event = next(events) if request is None else events.throw(request)
    return event, value


def _value(event: EpochCompleted, plan: SweepPlan) -> float:
    value = getattr(event, f"{plan.rank_on}_{plan.metric}")
    assert isinstance(value, float), "a sweep holds out what it ranks by"
    return plan.worst if isnan(value) else value
