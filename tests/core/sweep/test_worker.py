"""Real workers: they train, are killed, and end with whoever started them."""

import contextlib
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.idx_folder import write_idx_folder
from helpers.processes import still_there
from helpers.scripted_sweeps import plan
from mnist_core.data.registry import load_dataset
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import RunState, RunStore
from mnist_core.sweep.events import (
    SweepCompleted,
    SweepEvent,
    SweepFailed,
    TrialFailed,
    TrialReported,
)
from mnist_core.sweep.study import SweepStudy
from mnist_core.sweep.sweep import Sweep, SweepOrder
from mnist_core.sweep.worker import Workplace

BASE = Hyperparameters(epochs=3, batch_size=16, validation=60)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_idx_folder(tmp_path_factory.mktemp("sweep") / "data")


def swept(
    home: Path,
    data: Path,
    trials: int,
    each: Callable[[SweepEvent, list[int]], None],
    jobs: int = 1,
) -> list[SweepEvent]:
    """What a sweep tells; `each` is called with every event and the workers there are then."""
    dataset = load_dataset(data, home)
    made = plan(base=BASE, data=str(data), fingerprint=dataset.fingerprint)
    study = SweepStudy.create(home, None, "one", made, trials)
    place = Workplace(home, str(data), False, home, "cpu", 1, 1)
    sweep = Sweep(study, SweepOrder(trials, jobs, place, "", "data", 60, False), lambda: False)
    events = []
    try:
        for event in sweep.events():
            events.append(event)
            each(event, [worker.process.pid for worker in sweep._workers])
    finally:
        sweep.close()
        study.close()
    return events


def test_a_killed_worker_costs_a_trial_that_is_done_again(tmp_path: Path, data: Path) -> None:
    killed: list[int] = []
    seen: set[int] = set()

    def kill(event: SweepEvent, workers: list[int]) -> None:
        seen.update(workers)
        if isinstance(event, TrialReported) and not killed:
            killed.extend(workers)
            os.kill(workers[0], signal.SIGKILL)

    events = swept(tmp_path / "home", data, 2, kill)
    assert len(killed) == 1
    end = events[-1]
    assert isinstance(end, SweepCompleted)
    assert (end.completed, end.failed) == (2, 1)
    (failed,) = (event for event in events if isinstance(event, TrialFailed))
    assert failed.message == "Its process ended with signal 9."
    states = {(run.trial, run.state) for run in RunStore(tmp_path / "home").runs()}
    assert states == {
        (0, RunState.INTERRUPTED),
        (1, RunState.COMPLETED),
        (2, RunState.COMPLETED),
    }
    assert len(seen) == 2
    assert still_there(seen) == []


def test_a_worker_that_cannot_begin_ends_the_sweep(tmp_path: Path, data: Path) -> None:
    def lose_data(_event: SweepEvent, _workers: list[int]) -> None:
        for path in gone.iterdir():
            path.unlink()

    gone = write_idx_folder(tmp_path / "gone", train=40, test=10)
    end = swept(tmp_path / "home", gone, 2, lose_data)[-1]
    assert isinstance(end, SweepFailed)
    assert str(gone) in end.message


@pytest.mark.soak
def test_workers_may_be_killed_at_any_moment(tmp_path: Path, data: Path) -> None:
    chance = random.Random(0)
    left = 10
    # Counted in events, since a fast machine is done before ten moments have come.
    due = chance.randint(20, 80)

    def kill(_event: SweepEvent, workers: list[int]) -> None:
        nonlocal left, due
        due -= 1
        if left and workers and due <= 0:
            left, due = left - 1, chance.randint(20, 80)
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)

    events = swept(tmp_path / "home", data, 300, kill, jobs=2)
    end = events[-1]
    assert isinstance(end, SweepCompleted)
    assert (end.completed, left) == (300, 0)
