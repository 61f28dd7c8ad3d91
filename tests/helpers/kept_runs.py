"""Runs that were trained and stored, for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted, Event, StopTraining
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.store import RunRecord, RunStore
from mnist_core.store.recorder import recorded
from mnist_core.training.train import train

SMALL: Mapping[str, Any] = {"hidden_sizes": "8", "batch_size": 16, "epochs": 2}


def keep_run(
    home: Path, dataset: Dataset, *, stop_after: int | None = None, **hyperparameters: Any
) -> tuple[RunRecord, list[Event]]:
    """Train and store a run, to its end or for `stop_after` batches; with the events it told."""
    store = RunStore(home)
    store.runs()
    recorder = store.record(dataset, "synthetic")
    recorder.start()
    values = make_hyperparameters({**SMALL, **hyperparameters})
    training = recorded(train(values, dataset, run_id=recorder.run_id), recorder)
    events: list[Event] = []
    for event in training:
        events.append(event)
        if isinstance(event, BatchCompleted) and event.step == stop_after:
            events.append(training.throw(StopTraining()))
    record = store.run(recorder.run_id)
    store.close()
    return record, events
