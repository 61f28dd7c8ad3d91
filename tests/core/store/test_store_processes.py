"""Several processes on one home: who trains what, and that no row is lost."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.recorded_runs import (
    assert_stored,
    assert_stored_so_far,
    hyperparameters,
    record,
    resume,
    wait_until,
)
from helpers.store_child import Child, child, write_story
from helpers.stored_runs import check_integrity
from mnist_core.data.dataset import Dataset
from mnist_core.events import Event
from mnist_core.store import RunState, RunStore, StoreError
from mnist_core.training.train import train

pytestmark = pytest.mark.usefixtures("uncompiled")


@pytest.fixture
def events(tiny: Dataset) -> list[Event]:
    return list(train(hyperparameters(epochs=6, momentum=0.9), tiny))


@pytest.fixture
def story(tmp_path: Path, tiny: Dataset, events: list[Event]) -> Path:
    return write_story(tmp_path / "story", tiny, events)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def owner(home: Path, story: Path) -> Iterator[Child]:
    """A process that has trained and stored 12 batches of a run and waits."""
    with child(home, story, interval=0.02, wait_at=12) as running:
        running.wait_for("kept", at_least=12)
        yield running


def test_a_run_that_another_process_trains_is_running_elsewhere(
    home: Path, tiny: Dataset, events: list[Event], owner: Child
) -> None:
    store = RunStore(home)
    (run,) = store.runs()
    assert (run.state, run.step, run.pid) == (RunState.RUNNING, 12, owner.pid)
    assert_stored_so_far(store, run.id, events)
    for forbidden in (lambda: store.resume_point(run.id), lambda: store.deleter.delete([run.id])):
        with pytest.raises(StoreError, match="is being trained"):
            forbidden()
    # What can be known beforehand may be out of date.
    owner.signal(signal.SIGSTOP)
    assert store.run(run.id).state is RunState.RUNNING
    with pytest.raises(StoreError, match="is being trained"):
        store.resume_point(run.id)
    owner.signal(signal.SIGCONT)
    seen = store.changes()
    owner.kill()
    assert store.run(run.id).state is RunState.INTERRUPTED
    assert store.changes() != seen
    assert resume(store, run.id, tiny).problem == ""
    assert_stored(store, run.id, events)


def test_of_two_processes_that_resume_a_run_one_gets_it(
    home: Path, tiny: Dataset, events: list[Event], story: Path, owner: Child
) -> None:
    owner.kill()
    store = RunStore(home)
    (run,) = store.runs()
    point = store.resume_point(run.id)
    with child(home, story, resume=run.id, interval=0.02, wait_at=20) as other:
        other.wait_for("kept", at_least=20)
        with pytest.raises(StoreError, match="is being trained at this moment"):
            store.record_again(point, tiny, "tiny")
        other.kill()
    # The point is that of before the other process went on.
    with pytest.raises(StoreError, match="has been continued meanwhile"):
        store.record_again(point, tiny, "tiny")
    assert resume(store, run.id, tiny).problem == ""
    assert_stored(store, run.id, events)


def test_a_process_whose_run_was_taken_over_writes_no_more(
    home: Path, tiny: Dataset, events: list[Event], story: Path
) -> None:
    with child(home, story, interval=0.001, in_step=True, stop_at=8) as running:
        running.wait_until_stopped()
        store = RunStore(home)
        (run,) = store.runs()
        # As a cleaning program does that finds an old file.
        (home / "locks" / f"{run.id}.lock").unlink()
        assert store.run(run.id).state is RunState.INTERRUPTED
        assert resume(store, run.id, tiny).problem == ""
        running.signal(signal.SIGCONT)
        told = running.end()
    assert "no longer kept" in told.problem
    assert len(told.batches) == 30
    assert_stored(store, run.id, events)


def test_apps_and_headless_runs_share_a_home(
    home: Path,
    tiny: Dataset,
    events: list[Event],
    story: Path,
    repeats: Callable[[int, int], int],
) -> None:
    """Two processes record one run after another, as does this one, while two threads look."""
    until = time.monotonic() + repeats(2, 60)
    problems: list[str] = []
    looks = [0, 0]
    stop = threading.Event()

    def look(which: int) -> None:
        # Its own connection, as an app's.
        store = RunStore(home)
        try:
            while not stop.is_set():
                store.changes()
                for run in store.runs()[:5]:
                    assert_stored_so_far_or_moved(store, run.id)
                looks[which] += 1
        except (AssertionError, StoreError) as error:
            problems.append(repr(error))
        store.close()

    def record_beside(name: str) -> None:
        count = 0
        while count == 0 or time.monotonic() < until:
            with child(home, story, name=f"{name} {count}", interval=0.02, pause=0.002) as running:
                told = running.end()
            problems.extend([told.problem] if told.problem else [])
            count += 1
        recorded[name] = count

    def assert_stored_so_far_or_moved(store: RunStore, run_id: str) -> None:
        # Rows only ever come on top: what is read later is at least as long.
        first = len(store.batches(run_id))
        record_ = store.run(run_id)
        assert first <= record_.step <= 30
        assert len(store.batches(run_id)) >= record_.step

    recorded: dict[str, int] = {}
    mine: list[str] = []
    threads = [threading.Thread(target=look, args=(which,)) for which in (0, 1)]
    threads += [threading.Thread(target=record_beside, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    store = RunStore(home)
    while time.monotonic() < until:
        mine.append(record(store, tiny, events, "mine"))
        store.set_note(mine[-1], "noted")
    for thread in threads[2:]:
        thread.join()
    wait_until(lambda: min(looks) > 0 or problems != [])
    stop.set()
    for thread in threads[:2]:
        thread.join()
    assert problems == []
    assert min(looks) > 0
    assert min(recorded.values()) > 0
    runs = store.runs()
    assert len(runs) == len(mine) + sum(recorded.values())
    for run in runs:
        assert run.state is RunState.COMPLETED
        assert_stored(store, run.id, events)
    assert check_integrity(home) == "ok"


def test_a_run_appears_and_moves_for_a_process_that_looks_on(
    home: Path, story: Path, events: list[Event]
) -> None:
    store = RunStore(home)
    assert store.runs() == []
    seen = store.changes()
    with child(home, story, interval=0.001, in_step=True, stop_at=8) as running:
        wait_until(lambda: store.changes() != seen and bool(store.runs()))
        (run,) = store.runs()
        running.wait_until_stopped()
        seen = store.changes()
        running.signal(signal.SIGCONT)
        wait_until(lambda: store.changes() != seen)
        running.end()
    assert store.run(run.id).state is RunState.COMPLETED
    assert_stored(store, run.id, events)
