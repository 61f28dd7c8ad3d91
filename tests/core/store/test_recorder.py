"""The recorder: what it costs, what stops it, and what it does when it cannot write."""

import errno
import gc
import sqlite3
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.recorded_runs import (
    assert_stored,
    assert_stored_so_far,
    hyperparameters,
    leave,
    record,
    resume,
    wait_until,
)
from helpers.stored_runs import check_integrity
from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted, EpochCompleted, Event, RunFailed
from mnist_core.store import RunState, RunStore, StoreError, database, run_writer
from mnist_core.store import checkpoints as checkpoints_module
from mnist_core.store import recorder as recorder_module
from mnist_core.store.database import FILE
from mnist_core.store.ownership import Ownership, is_owned
from mnist_core.store.pending import Pending
from mnist_core.store.recorder import RunRecorder, recorded
from mnist_core.store.run_writer import RunWriter
from mnist_core.training.train import train

pytestmark = pytest.mark.usefixtures("uncompiled", "_hurried")


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


def step_of(event: Event) -> int:
    return event.step if isinstance(event, BatchCompleted) else 0


class Live:
    """A run that is being recorded, a batch at a time."""

    def __init__(self, store: RunStore, dataset: Dataset, events: list[Event]) -> None:
        self.recorder = store.record(dataset, "tiny")
        self.recorder.start()
        self.run_id = self.recorder.run_id
        self._events = recorded((event for event in events), self.recorder)

    def train_to(self, step: int) -> None:
        for event in self._events:
            if step_of(event) == step:
                return

    def train_to_the_end(self) -> None:
        assert [event for event in self._events if not isinstance(event, BatchCompleted)]


@pytest.fixture
def live(store: RunStore, tiny: Dataset, events: list[Event]) -> Iterator[Live]:
    run = Live(store, tiny, events)
    yield run
    run.recorder.finish()


# -- the cost ------------------------------------------------------------------------------------


def test_recording_a_batch_calls_nothing_but_an_append(
    store: RunStore, tiny: Dataset, events: list[Event]
) -> None:
    recorder = store.record(tiny, "tiny")
    batch = next(event for event in events if isinstance(event, BatchCompleted))
    called: list[str] = []

    def note(frame: types.FrameType, what: str, argument: object) -> None:
        if what == "call":
            called.append(frame.f_code.co_name)
        elif what == "c_call":
            called.append(getattr(argument, "__name__", ""))

    sys.setprofile(note)
    recorder.record(batch)
    sys.setprofile(None)
    append = {"post", "__enter__", "append", "__exit__"}
    assert set(called) <= {"record", "isinstance", *append, "setprofile"}
    assert len(called) <= 8
    recorder.finish()


def test_a_recorded_run_yields_the_same_events_and_adds_one_call_each(
    store: RunStore, tiny: Dataset, events: list[Event]
) -> None:
    recorder = store.record(tiny, "tiny")
    recorder.start()
    told: list[Event] = []

    def record_too(event: Event) -> None:
        told.append(event)
        RunRecorder.record(recorder, event)

    recorder.record = record_too  # type: ignore[method-assign]
    assert list(recorded((event for event in events), recorder)) == events
    assert told == events


def test_a_full_disk_does_not_fill_the_memory(tiny: Dataset) -> None:
    pending = Pending()
    events = list(train(hyperparameters(epochs=30), tiny))
    for event in events:
        pending.add([event])
    with_logits = [answer.epoch for answer in pending.answers if answer.logits is not None]
    best = pending.epochs[-1].best_epoch
    assert with_logits == sorted({best, 30})
    assert [state.epoch for state in pending.states] == sorted({best, 30})
    del events, event
    gc.collect()
    held = [thing for thing in gc.get_objects() if isinstance(thing, EpochCompleted)]
    assert held == []
    rows = pending.batch_rows()
    assert rows is not None
    assert (rows[0], len(rows[1])) == (0, 150)


# -- what is shown of a live run -----------------------------------------------------------------


def test_a_run_is_seen_while_it_goes_on(store: RunStore, live: Live, events: list[Event]) -> None:
    live.train_to(8)
    wait_until(lambda: bool(store.runs()) and store.runs()[0].step == 8)
    (run,) = store.runs()
    assert run.state is RunState.RUNNING
    assert run.epoch == 1
    assert run.ended is None
    assert_stored_so_far(store, run.id, events)
    live.train_to_the_end()
    assert store.run(run.id).state is RunState.COMPLETED
    assert_stored(store, run.id, events)


def test_a_pause_is_seen_and_its_end(store: RunStore, tiny: Dataset, events: list[Event]) -> None:
    paused = False
    recorder = store.record(tiny, "tiny")
    recorder.is_paused = lambda: paused
    recorder.start()
    for event in events[:5]:
        recorder.record(event)
    wait_until(lambda: bool(store.runs()))
    assert store.runs()[0].state is RunState.RUNNING
    paused = True
    wait_until(lambda: store.runs()[0].state is RunState.PAUSED)
    paused = False
    wait_until(lambda: store.runs()[0].state is RunState.RUNNING)
    recorder.finish()
    assert store.runs()[0].state is RunState.INTERRUPTED


def test_a_run_may_take_its_time_to_begin(
    store: RunStore, tiny: Dataset, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = 0
    write = RunRecorder._write

    def count(self: RunRecorder) -> None:
        nonlocal looked
        write(self)
        looked += 1

    monkeypatch.setattr(RunRecorder, "_write", count)
    recorder = store.record(tiny, "tiny")
    recorder.start()
    assert looked == 0
    list(recorded((event for event in events), recorder))
    assert recorder.problem == ""
    assert looked > 0
    assert_stored(store, recorder.run_id, events)


def test_a_run_that_fails_before_it_begins_is_no_run(store: RunStore, tiny: Dataset) -> None:
    recorder = store.record(tiny, "tiny")
    recorder.start()

    def nothing() -> Iterator[Event]:
        raise ValueError("The state does not fit.")
        yield

    with pytest.raises(ValueError, match="does not fit"):
        list(recorded(nothing(), recorder))  # type: ignore[arg-type]
    assert recorder.problem == ""
    assert store.runs() == []
    assert not is_owned(store.home / "locks" / f"{recorder.run_id}.lock")


def test_a_run_that_fails_is_kept_with_its_reason(
    store: RunStore, tiny: Dataset, events: list[Event]
) -> None:
    recorder = store.record(tiny, "tiny")
    recorder.start()

    def failing() -> Iterator[Event]:
        yield from events[:9]
        raise ValueError("The layers are too large \udcff.")

    with pytest.raises(ValueError, match="too large"):
        list(recorded(failing(), recorder))  # type: ignore[arg-type]
    (run,) = store.runs()
    assert (run.state, run.failure) == (RunState.FAILED, "The layers are too large \\udcff.")
    resume(store, run.id, tiny)
    assert store.run(run.id).failure == ""
    assert_stored(store, run.id, events)


def test_a_run_that_is_abandoned_is_interrupted(store: RunStore, live: Live) -> None:
    live.train_to(7)
    live._events.close()
    (run,) = store.runs()
    assert (run.state, run.step) == (RunState.INTERRUPTED, 7)


def test_times_never_go_back_with_the_clock(
    store: RunStore, tiny: Dataset, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(2_000_000_000, 0, -1000))
    monkeypatch.setattr(run_writer, "time", types.SimpleNamespace(time=lambda: float(next(clock))))
    run = store.run(record(store, tiny, events))
    assert run.started == run.updated == run.ended == 2_000_000_000


# -- when it cannot be written -------------------------------------------------------------------


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


# -- whose run it is -----------------------------------------------------------------------------


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


def test_a_failure_is_an_end_too(store: RunStore, tiny: Dataset, events: list[Event]) -> None:
    run_id = leave(store.home, tiny, [*events[:4], RunFailed("It broke.", "")])
    run = store.run(run_id)
    assert (run.state, run.failure) == (RunState.FAILED, "It broke.")
    assert run.ended is not None


def test_numbers_are_kept_in_their_columns(store: RunStore, tiny: Dataset) -> None:
    events: list[Event] = [
        replace(event, loss=float(np.float32(1) / 3), learning_rate=0.1, seconds=1e9 + 0.5)
        if isinstance(event, BatchCompleted)
        else event
        for event in train(hyperparameters(epochs=1), tiny)
    ]
    batches = store.batches(record(store, tiny, events))
    assert batches["loss"][0] == np.float32(1) / 3
    assert batches["learning_rate"][0] == np.float32(0.1)
    assert batches["seconds"][0] == 1e9 + 0.5
