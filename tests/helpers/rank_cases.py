"""Runs that are trained in one process and in several ranks, to compare what came of them."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from helpers.blobs import blobs
from mnist_core.backend.backend import Backend, configure
from mnist_core.data.dataset import Dataset
from mnist_core.distributed.environment import started_as
from mnist_core.distributed.parent import meet_parent
from mnist_core.distributed.watchdog import Watchdog
from mnist_core.events import (
    BatchCompleted,
    EpochCompleted,
    Event,
    RunCompleted,
    RunDiverged,
    RunStopped,
    StopTraining,
)
from mnist_core.recipe.changes import ChangeQueue
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.recipe.plan import OnDivergence

NAMES = tuple("0123456789")
DIGITS = Dataset("digits", blobs(1003, 10, (12, 12), 1), blobs(50, 10, (12, 12), 2), NAMES,
                 tuple(range(10)))  # fmt: skip


class Case(NamedTuple):
    """A run; what is asked of it is asked of rank 0 alone."""

    values: Mapping[str, Any]
    streams: int = 1
    asked: Mapping[int, Sequence[tuple[str, float]]] = {}
    """Changes to ask for after so many updates."""
    stop_after: int = 0
    """Updates; 0: it is not stopped."""
    on_divergence: OnDivergence = "continue"
    batches: int = 0
    """Train so many updates alone first, and go on from there; 0: none."""


_DOCS = {"hidden_sizes": "32,32", "batch_size": 256, "epochs": 5, "learning_rate": 0.1}
_SMALL = {"hidden_sizes": "8", "batch_size": 256, "epochs": 3, "learning_rate": 0.1}
_FIFTY = {"hidden_sizes": "32,32", "batch_size": 41, "epochs": 2}

CASES = {
    "mlx-docs": Case(_DOCS),
    "adam": Case({**_FIFTY, "optimizer": "adam", "learning_rate": 0.001}),
    "momentum": Case({**_FIFTY, "momentum": 0.9, "learning_rate": 0.01, "weight_decay": 0.001}),
    "dropout": Case({**_DOCS, "dropout": 0.3}),
    "muon": Case({**_SMALL, "optimizer": "muon", "learning_rate": 0.02}),
    "one unit": Case({**_SMALL, "hidden_sizes": "1,4", "optimizer": "adam"}),
    "halves": Case({**_SMALL, "hidden_sizes": "8,8,6", "dropout": 0.2}, streams=2),
    "lenet": Case({**_SMALL, "model": "lenet"}),
    "batches of one": Case({**_SMALL, "batch_size": 1}, stop_after=12),
    "changed": Case(
        {**_SMALL, "epochs": 6},
        asked={3: [("learning_rate", 0.037), ("batch_size", 101)], 24: [("epochs", 5)]},
    ),
    "stopped": Case(_SMALL, stop_after=6),
    "halved": Case(
        {**_SMALL, "learning_rate": 100, "pixel_scaling": "none"}, on_divergence="halve"
    ),
    "patience": Case(
        {**_SMALL, "epochs": 9}, asked={3: [("learning_rate", 1e-9), ("patience", 2)]}
    ),
    "target": Case({**_SMALL, "epochs": 9, "target_accuracy": 0.2}),
    "gone on": Case({**_SMALL, "optimizer": "adam"}, batches=5),
}


class Outcome(NamedTuple):
    """What came of a case in one process."""

    losses: NDArray[np.float64]
    """(updates,)."""
    accuracies: NDArray[np.float64]
    """(updates,), of the batches; then (epochs,), of the tests."""
    norms: NDArray[np.float64]
    parameters: NDArray[np.float32]
    """All of the last state."""


def run_case(case: Case, backend: Backend, group: Any = None) -> Outcome:
    """Train it in this process, as a rank of `group` if it is given."""
    from mnist_core.training.train import train

    hyperparameters = make_hyperparameters(case.values)
    leads = group is None or group.rank == 0
    state = None
    if case.batches:
        alone = Case(case.values, stop_after=case.batches)
        state = _end(train(hyperparameters, DIGITS, backend=backend), alone, ChangeQueue())[1].state
    queue = ChangeQueue()
    events = train(
        hyperparameters,
        DIGITS,
        state,
        backend=replace(backend, streams=case.streams),
        changes=queue,
        on_divergence=case.on_divergence,
        group=group,
    )
    told, end = _end(events, case if leads else Case(case.values), queue)
    batches = [event for event in told if isinstance(event, BatchCompleted)]
    epochs = [event for event in told if isinstance(event, EpochCompleted)]
    return Outcome(
        np.array([batch.loss for batch in batches]),
        np.array([*(each.accuracy for each in batches), *(each.test_accuracy for each in epochs)]),
        np.array([each.gradient_norm for each in batches if each.gradient_norm is not None]),
        np.concatenate([array.ravel() for array in end.state.parameters]),
    )


def _end(
    events: Generator[Event, None, None], case: Case, queue: ChangeQueue
) -> tuple[list[Event], RunCompleted | RunStopped | RunDiverged]:
    """All that it tells, and its end; it is asked what the case says."""
    told = []
    for event in events:
        told.append(event)
        if isinstance(event, BatchCompleted):
            for field, value in case.asked.get(event.step, ()):
                queue.ask(field, value)
            if event.step == case.stop_after:
                told.append(events.throw(StopTraining()))
    end = told[-1]
    assert isinstance(end, RunCompleted | RunStopped | RunDiverged)
    return told, end


def compute(names: Sequence[str], folder: Path) -> None:
    """As a rank, train the cases of these names; leave an Outcome of each in the folder."""
    me = started_as()
    assert me is not None
    meet_parent(me.rank)
    backend = configure("cpu", 1)
    from mnist_core.backend.mlx import mx
    from mnist_core.distributed.group import Group
    from mnist_core.training.kernel_warmup import StepCompilation

    # What is compiled is the same to the bit, and takes g++ seconds.
    mx.disable_compile()
    StepCompilation._kernels_to_make = lambda _: None  # type: ignore[assignment,method-assign]
    group = Group(me.backend, 2, Watchdog(60, print))
    for name in names:
        outcome = run_case(CASES[name], backend, group)
        np.savez(folder / f"{name}-{group.rank}.npz", **outcome._asdict())
