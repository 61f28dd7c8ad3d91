"""A recorder writes only a run that is its own, and the locks say whose it is."""

import errno
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from helpers.live_run import Live
from helpers.recorded_runs import assert_stored, leave, record, resume, wait_until
from mnist_core.data.dataset import Dataset
from mnist_core.events import Event
from mnist_core.store import RunStore, StoreError
from mnist_core.store.database import FILE
from mnist_core.store.ownership import Ownership, is_owned

pytestmark = pytest.mark.usefixtures("uncompiled", "_hurried")


def test_a_run_has_one_owner(store: RunStore, tiny: Dataset, live: Live) -> None:
    live.train_to(7)
    wait_until(lambda: bool(store.runs()) and store.runs()[0].step == 7)
    with pytest.raises(StoreError, match="is being trained at this moment"):
        store.resume_point(live.run_id)
    with pytest.raises(StoreError, match="is being trained at this moment"):
        Ownership(store.home / "locks" / f"{live.run_id}.lock").claim("It")


def test_a_recorder_that_never_starts_gives_the_run_up(
    store: RunStore, tiny: Dataset, events: list[Event]
) -> None:
    run_id = leave(store.home, tiny, events[:9])
    store.record_again(store.resume_point(run_id), tiny, "tiny").finish()
    assert resume(store, run_id, tiny).problem == ""
    assert_stored(store, run_id, events)


def remove_lock(store: RunStore, live: Live) -> None:
    (store.home / "locks" / f"{live.run_id}.lock").unlink()


def replace_lock(store: RunStore, live: Live) -> None:
    path = store.home / "locks" / f"{live.run_id}.lock"
    path.unlink()
    Ownership(path).claim("it")


def delete_run(store: RunStore, live: Live) -> None:
    with closing(sqlite3.connect(store.home / FILE)) as connection, connection:
        connection.execute("UPDATE runs SET deleted = 1")


def remove_run(store: RunStore, live: Live) -> None:
    with closing(sqlite3.connect(store.home / FILE)) as connection, connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("DELETE FROM runs")


def take_over(store: RunStore, live: Live) -> None:
    with closing(sqlite3.connect(store.home / FILE)) as connection, connection:
        connection.execute("UPDATE runs SET owner = 'another'")


def replace_database(store: RunStore, live: Live) -> None:
    (store.home / FILE).rename(store.home / "elsewhere.db")
    for end in ("-wal", "-shm"):
        (store.home / f"{FILE}{end}").rename(store.home / f"elsewhere.db{end}")
    RunStore(store.home).runs()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (remove_lock, "lock of this run"),
        (replace_lock, "lock of this run"),
        (delete_run, "has been deleted"),
        (remove_run, "has been deleted"),
        (take_over, "has taken this run over"),
        (replace_database, "replaced"),
    ],
)
def test_a_recorder_whose_run_was_taken_stops_and_training_goes_on(
    store: RunStore, live: Live, harm: Callable[[RunStore, Live], None], words: str
) -> None:
    live.train_to(7)
    wait_until(lambda: bool(store.runs()) and store.runs()[0].step == 7)
    harm(store, live)
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        before = connection.execute("SELECT id, owner, step, updated, deleted FROM runs").fetchall()
    live.train_to(12)
    wait_until(lambda: words in live.recorder.problem)
    assert live.recorder.details == ""
    live.train_to_the_end()
    assert words in live.recorder.problem
    assert live.recorder._mailbox.drain() == []
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        after = connection.execute("SELECT id, owner, step, updated, deleted FROM runs").fetchall()
    assert after == before


def test_a_run_goes_on_in_a_database_that_took_the_place_of_another(
    store: RunStore, live: Live, events: list[Event]
) -> None:
    live.train_to(7)
    wait_until(lambda: bool(store.runs()) and store.runs()[0].step == 7)
    copy = store.home / "copy.db"
    with (
        closing(sqlite3.connect(store.home / FILE)) as old,
        closing(sqlite3.connect(copy)) as new,
    ):
        old.backup(new)
    for end in ("-wal", "-shm", ""):
        (store.home / f"{FILE}{end}").rename(store.home / f"elsewhere.db{end}")
    copy.rename(store.home / FILE)
    live.train_to_the_end()
    assert live.recorder.problem == ""
    assert_stored(store, live.run_id, events)


def test_looking_at_a_lock_never_keeps_its_owner_from_it(tmp_path: Path) -> None:
    import threading

    path = tmp_path / "lock"
    path.touch()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            is_owned(path)

    watchers = [threading.Thread(target=look) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(50):
            owner = Ownership(path)
            owner.claim("it")
            assert owner.held
            assert is_owned(path)
            owner.release()
    finally:
        stop.set()
        for watcher in watchers:
            watcher.join()
    assert not is_owned(path)
    assert not is_owned(tmp_path / "missing")


def test_a_home_without_locks_is_told(
    store: RunStore, tiny: Dataset, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    run_id = record(store, tiny, events)

    def no_locks(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(StoreError, match=r"Runs cannot be kept in .*Function not implemented"):
        store.record(tiny, "tiny")
    # A process that starts there can still read.
    other = RunStore(store.home)
    assert [run.id for run in other.runs()] == [run_id]
    assert "can only be read now" in other.notice
    with pytest.raises(StoreError, match="can only be read now"):
        other.record(tiny, "tiny")
    monkeypatch.undo()
    # The same store writes again when the hindrance is gone.
    other.record(tiny, "tiny").finish()
