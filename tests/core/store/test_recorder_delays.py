"""A recorder that cannot write for a while, as on a full disk: nothing is lost."""

import errno
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from helpers.live_run import Live
from helpers.recorded_runs import assert_stored, leave, resume, wait_until
from helpers.stored_runs import check_integrity
from mnist_core.data.dataset import Dataset
from mnist_core.events import Event
from mnist_core.store import RunState, RunStore, StoreError, database
from mnist_core.store import checkpoints as checkpoints_module
from mnist_core.store import recorder as recorder_module
from mnist_core.store.database import FILE
from mnist_core.store.recorder import RunRecorder
from mnist_core.store.run_writer import RunWriter

pytestmark = pytest.mark.usefixtures("uncompiled", "_hurried")


@pytest.fixture
def full_database(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Say whether the database may not grow any more: SQLite finds the disk full then."""
    full = False
    connect, write = database.connect, RunWriter.write

    def limited(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        if full:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    def write_much(self: RunWriter, connection: sqlite3.Connection, *what: Any) -> None:
        write(self, connection, *what)
        if full:
            connection.execute("CREATE TABLE much AS SELECT zeroblob(10000000)")

    def set_full(value: bool) -> None:
        nonlocal full
        full = value

    monkeypatch.setattr(recorder_module, "connect", limited)
    monkeypatch.setattr(RunWriter, "write", write_much)
    return set_full


def test_a_database_that_cannot_grow_delays_the_writing_only(
    store: RunStore, live: Live, events: list[Event], full_database: Callable[[bool], None]
) -> None:
    live.train_to(6)
    wait_until(lambda: bool(store.runs()) and store.runs()[0].step == 6)
    full_database(True)
    live.recorder._connected_to = ()  # so that the connection is made again, with the limit
    live.train_to(13)
    wait_until(lambda: live.recorder.problem != "")
    assert "disk is full" in live.recorder.problem
    assert "make room" in live.recorder.problem
    assert "Traceback" in live.recorder.details
    assert store.run(live.run_id).step == 6
    full_database(False)
    wait_until(lambda: live.recorder.problem == live.recorder.details == "")
    assert store.run(live.run_id).step == 13
    live.train_to_the_end()
    assert_stored(store, live.run_id, events)
    assert check_integrity(store.home) == "ok"


def test_a_checkpoint_that_finds_no_room_is_written_later(
    store: RunStore, live: Live, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    live.train_to(6)
    wait_until(lambda: bool(store.runs()) and store.runs()[0].step == 6)
    wait_until(lambda: (store.home / "checkpoints").exists())
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints_module, "write_whole", full)
        live.train_to(16)
        wait_until(lambda: live.recorder.problem != "")
        assert "No space left on device. It goes on" in live.recorder.problem
        wait_until(lambda: store.run(live.run_id).step == 16)
        assert store.model(live.run_id).epoch <= 1
    wait_until(lambda: live.recorder.problem == "")
    live.train_to_the_end()
    assert live.recorder.problem == ""
    assert_stored(store, live.run_id, events)


def test_a_run_whose_last_weights_are_not_kept_has_not_ended(
    store: RunStore, tiny: Dataset, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints_module, "write_whole", full)
        patch.setattr(recorder_module, "FINISH_PATIENCE", 0.0)
        run_id = leave(store.home, tiny, events)
    run = store.run(run_id)
    assert (run.state, run.step, run.ended) == (RunState.INTERRUPTED, 20, None)
    assert resume(store, run_id, tiny).problem == ""
    assert store.run(run_id).state is RunState.COMPLETED
    assert_stored(store, run_id, events)


def test_the_last_write_is_tried_again_for_a_while(
    store: RunStore, tiny: Dataset, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, failures = RunWriter.write, iter(range(4))

    def fail_at_first(self: RunWriter, connection: sqlite3.Connection, *what: Any) -> None:
        if next(failures, None) is not None:
            raise sqlite3.OperationalError("disk I/O error")
        write(self, connection, *what)

    monkeypatch.setattr(RunWriter, "write", fail_at_first)
    recorder = store.record(tiny, "tiny")
    recorder.start()
    for event in events:
        recorder.record(event)
    recorder.finish()
    assert recorder.problem == ""
    assert next(failures, None) is None
    assert_stored(store, recorder.run_id, events)


def test_what_could_not_be_written_to_the_end_is_told_to_be_lost(
    store: RunStore, tiny: Dataset, live: Live, events: list[Event],
    full_database: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    live.train_to(12)
    wait_until(lambda: bool(store.runs()) and store.runs()[0].step == 12)
    full_database(True)
    live.recorder._connected_to = ()
    monkeypatch.setattr(recorder_module, "FINISH_PATIENCE", 0.0)
    live.train_to_the_end()
    problem = live.recorder.problem
    assert problem.startswith("The last part of the run could not be written")
    assert "is lost" in problem
    assert "tried again" not in problem
    (run,) = store.runs()
    assert (run.state, run.step) == (RunState.INTERRUPTED, 12)
    full_database(False)
    assert resume(store, run.id, tiny).problem == ""
    assert_stored(store, run.id, events)


def test_a_commit_that_fails_but_is_there_is_no_gap(
    store: RunStore, live: Live, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    transaction, failed = database.transaction, 0

    def failing_after(connection: sqlite3.Connection) -> object:
        nonlocal failed
        failed += 1
        # Each second commit arrives, but reports that it has not.
        return FailsAfter(transaction(connection)) if failed % 2 else transaction(connection)

    class FailsAfter:
        def __init__(self, inner: object) -> None:
            self.inner = inner

        def __enter__(self) -> None:
            self.inner.__enter__()  # type: ignore[attr-defined]

        def __exit__(self, *error: object) -> None:
            self.inner.__exit__(*error)  # type: ignore[attr-defined]
            raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(recorder_module, "transaction", failing_after)
    for step in range(1, 20, 3):
        live.train_to(step)
        wait_until(lambda step=step: bool(store.runs()) and store.runs()[0].step == step)  # type: ignore[misc]
    live.train_to_the_end()
    assert live.recorder.problem == ""
    assert failed > 4
    assert_stored(store, live.run_id, events)


def test_a_locked_database_loses_nothing(
    store: RunStore, live: Live, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_PATIENCE", 0.03)
    live.train_to(6)
    wait_until(lambda: bool(store.runs()) and store.runs()[0].step == 6)
    live.recorder._connected_to = ()
    with closing(sqlite3.connect(store.home / FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        live.train_to(13)
        wait_until(lambda: "locked" in live.recorder.problem)
        # Reading goes on beside it, and so does opening.
        assert RunStore(store.home).run(live.run_id).step == 6
        with pytest.raises(StoreError, match="locked"):
            RunStore(store.home).set_note(live.run_id, "x")
        other.execute("ROLLBACK")
    wait_until(lambda: live.recorder.problem == "")
    live.train_to_the_end()
    assert_stored(store, live.run_id, events)


def test_an_error_in_the_recorder_itself_is_told(
    store: RunStore, live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.train_to(3)
    monkeypatch.setattr(RunRecorder, "_live_state", lambda self: 1 / 0)
    wait_until(lambda: "ZeroDivisionError" in live.recorder.problem)
    monkeypatch.undo()
    live.train_to_the_end()
    assert live.recorder.problem == ""
    assert store.run(live.run_id).state is RunState.COMPLETED
