"""A session with scripted runs, driven without a screen."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.scripted import ScriptedRuns, loaded
from mnist_core.recipe.changes import Value
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_core.store import RunRecord, RunStore
from mnist_core.training.training_run import TrainingRun
from mnist_tui.lab.data_source import DataSource, Loader
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State

TWO_EPOCHS = make_hyperparameters({"epochs": 2})


class Laboratory:
    """A session with scripted runs, and a way to wait for what it does."""

    def __init__(
        self, home: Path, loader: Loader | None = None, *, only_reads: bool = False
    ) -> None:
        self.runs = ScriptedRuns()
        self.loaders = [loader or loaded()]
        self.logged: list[str] = []
        self.store = RunStore(home, only_reads=only_reads)
        self.session = Session(
            self.runs, DataSource(lambda: self.loaders[-1]), self.log, self.store
        )

    @property
    def run(self) -> TrainingRun:
        """The one under way."""
        assert self.session.run is not None
        return self.session.run

    def change(self, field: str, value: Value) -> None:
        """Ask the run under way for another value, as the form does."""
        assert self.session.progress is not None
        now = getattr(self.session.progress.hyperparameters_now, field)
        self.run.change(field, value, now)

    def log(self, text: str) -> str:
        self.logged.append(text)
        return "The details are in the log."

    def epoch(self) -> int:
        """The last one evaluated."""
        progress = self.session.progress
        return progress.epoch.epoch if progress is not None and progress.epoch is not None else -1

    def tick_until(self, wanted: Callable[[Session], bool]) -> None:
        pause = threading.Event()
        for _ in range(60_000):
            self.session.tick()
            if wanted(self.session):
                return
            pause.wait(0.005)  # lets the run's thread work between two looks
        pytest.fail(f"still {self.session.state} after 5 minutes")

    def step(self) -> int:
        """Updates done."""
        return self.session.progress.step if self.session.progress is not None else 0

    def tick_until_state(self, state: State) -> None:
        self.tick_until(lambda session: session.state is state)


def run_to_first_epoch(laboratory: Laboratory, hyperparameters: Hyperparameters) -> None:
    """Start a run and hold it after its first epoch."""
    laboratory.runs.gate.clear()
    laboratory.session.train(hyperparameters)
    laboratory.tick_until(lambda _: laboratory.epoch() == 1)


def only_run(laboratory: Laboratory) -> RunRecord:
    (run,) = laboratory.store.runs()
    return run


def rate_of(laboratory: Laboratory) -> float:
    progress = laboratory.session.progress
    assert progress is not None
    return progress.hyperparameters_now.learning_rate


def pause_after(laboratory: Laboratory, batches: int, **values: object) -> None:
    """Start a run and hold it after so many batches."""
    recipe = make_hyperparameters({"epochs": 2, "batch_size": 10, **values})
    laboratory.session.train(recipe, batches=batches)
    laboratory.tick_until_state(State.PAUSED)
    assert laboratory.session.progress is not None
    assert laboratory.session.progress.step == batches
