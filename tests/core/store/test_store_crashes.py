"""A process that records is killed: what was kept opens, is sound, and goes on exactly."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.recorded_runs import assert_stored, assert_stored_so_far, hyperparameters, resume
from helpers.store_child import Told, child, write_story
from helpers.stored_runs import check_integrity
from mnist_core.data.dataset import Dataset
from mnist_core.events import Event
from mnist_core.store import RunState, RunStore
from mnist_core.store.recorder import WRITE_INTERVAL
from mnist_core.training.train import train

pytestmark = pytest.mark.usefixtures("uncompiled")


def check(home: Path, told: Told, dataset: Dataset, unbroken: list[Event]) -> RunStore:
    """The store is sound and has what the child had kept; the run can be finished exactly."""
    store = RunStore(home)
    runs = store.runs()
    assert store.notice == ""
    assert check_integrity(home) == "ok"
    if not runs:
        assert told.kept == 0
        return store
    (run,) = runs
    assert run.step >= told.kept
    assert_stored_so_far(store, run.id, unbroken)
    if run.state is RunState.INTERRUPTED:
        assert resume(store, run.id, dataset).problem == ""
    assert store.run(run.id).state is RunState.COMPLETED
    assert_stored(store, run.id, unbroken)
    assert check_integrity(home) == "ok"
    assert list(home.rglob("*.part")) == []
    return store


def test_a_run_killed_at_any_moment_is_finished_as_if_it_had_not_been(
    tiny: Dataset, tmp_path: Path, repeats: Callable[[int, int], int]
) -> None:
    chosen = hyperparameters(epochs=60, optimizer="adam", dropout=0.2, schedule="cosine")
    unbroken = list(train(chosen, tiny))
    story = write_story(tmp_path / "story", tiny, unbroken[:1])
    moments = random.Random(4)
    assert WRITE_INTERVAL <= 0.5
    for attempt in range(repeats(4, 30)):
        home = tmp_path / f"home {attempt}"
        # It does not end by itself, however late the kill comes.
        with child(home, story, trains=True, pause=0.005, wait_at=299) as running:
            running.wait_for("batch", at_least=moments.randint(1, 280))
            killed = time.monotonic()
            told = running.kill()
        assert told.calls == 0
        store = RunStore(home)
        for run in store.runs():
            assert run.state is RunState.INTERRUPTED
            before = [step for step, at in told.batches if at <= killed - 1.0]
            # A second is what the product promises; how busy this machine is, nobody does.
            if repeats(0, 1):
                assert run.step >= max(before, default=0)
        store.close()
        check(home, told, tiny, unbroken).close()


def test_a_kill_before_or_after_any_write_loses_nothing_that_was_kept(
    tiny: Dataset, tmp_path: Path, repeats: Callable[[int, int], int]
) -> None:
    unbroken = list(train(hyperparameters(epochs=6, momentum=0.9), tiny))
    story = write_story(tmp_path / "story", tiny, unbroken)
    order = {"in_step": True, "interval": 0.001}
    with child(tmp_path / "unharmed", story, **order) as running:
        calls = running.end().calls
    assert calls > 40
    points = [(call, die) for call in range(1, calls + 1) for die in ("before", "after")]
    count = min(repeats(12, len(points)), len(points))
    killed = 0
    for index in range(count):
        call, die = points[index * len(points) // count]
        home = tmp_path / f"{call} {die}"
        with child(home, story, die_at=call, die=die, **order) as running:
            told = running.end()
        killed += told.calls == 0
        check(home, told, tiny, unbroken).close()
    # An epoch may be written with its last batch or by itself; nearly all points must be real.
    assert killed >= count * 3 // 4


def test_a_run_that_is_being_resumed_can_be_killed_too(
    tiny: Dataset, tmp_path: Path, repeats: Callable[[int, int], int]
) -> None:
    unbroken = list(train(hyperparameters(epochs=6, momentum=0.9), tiny))
    story = write_story(tmp_path / "story", tiny, unbroken)
    for index in range(repeats(3, 36)):
        # It makes more than 40 writes.
        die_at = 1 + index * 36 // repeats(3, 36)
        home = tmp_path / f"{die_at}"
        with child(home, story, interval=0.03, pause=0.005, wait_at=22) as running:
            running.wait_for("kept", at_least=22)
            running.kill()
        store = RunStore(home)
        (run,) = store.runs()
        order = {"interval": 0.001, "in_step": True, "resume": run.id, "die_at": die_at}
        with child(home, story, **order) as running:
            told = running.end()
        assert told.calls == 0
        store.close()
        check(home, told, tiny, unbroken).close()
