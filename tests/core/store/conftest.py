"""Runs that are recorded as they go on, for the tests of the recorder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.live_run import Live
from helpers.recorded_runs import hyperparameters
from mnist_core.data.dataset import Dataset
from mnist_core.events import Event
from mnist_core.store import RunStore
from mnist_core.store import recorder as recorder_module
from mnist_core.training.train import train


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "WRITE_INTERVAL", 0.005)
    monkeypatch.setattr(recorder_module, "RETRY_INTERVAL", 0.02)
    # Only a test that sets it lower waits for the end of it.
    monkeypatch.setattr(recorder_module, "FINISH_PATIENCE", 60.0)
    monkeypatch.setattr(recorder_module, "_FINISH_RETRY", 0.02)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "home")


@pytest.fixture
def events(tiny: Dataset) -> list[Event]:
    """A whole run of 4 epochs and 20 batches."""
    return list(train(hyperparameters(momentum=0.9), tiny))


@pytest.fixture
def live(store: RunStore, tiny: Dataset, events: list[Event]) -> Iterator[Live]:
    run = Live(store, tiny, events)
    yield run
    run.recorder.finish()
