"""A store that only reads: it makes and changes no file, whoever writes meanwhile."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from helpers.live_run import Live
from helpers.recorded_runs import assert_stored, assert_stored_so_far, record, wait_until
from mnist_core.data.dataset import Dataset
from mnist_core.events import Event
from mnist_core.store import RunState, RunStore, StoreError
from mnist_core.store.database import FILE

pytestmark = pytest.mark.usefixtures("_hurried", "uncompiled")

FOLDER, READ_ONLY = 0o755, 0o555


def listing(home: Path) -> dict[str, tuple[int, int, str]]:
    """Size, time of change and content of each file; folders too, without a content."""
    found = {}
    for path in sorted([home, *home.rglob("*")]):
        state = path.stat()
        content = sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(home))] = (state.st_size, state.st_mtime_ns, content)
    return found


@pytest.fixture
def reader(store: RunStore) -> Iterator[RunStore]:
    with closing(RunStore(store.home, only_reads=True)) as reader:
        yield reader


def refused(reader: RunStore, run_id: str, dataset: Dataset) -> list[str]:
    """What is said to all that would write."""
    said = []
    for change in (
        lambda: reader.rename(run_id, "x"),
        lambda: reader.set_note(run_id, "x"),
        lambda: reader.deleter.delete([run_id]),
        lambda: reader.deleter.restore([run_id]),
        lambda: reader.copy(run_id, "x"),
        lambda: reader.record(dataset, "tiny"),
        lambda: reader.races.delete("x"),
    ):
        with pytest.raises(StoreError) as caught:
            change()
        said.append(str(caught.value))
    return said


def use(reader: RunStore, run_id: str) -> None:
    """Read all there is of a run, and what an app does as it begins and ends."""
    run = reader.run(run_id)
    reader.tidy()
    reader.deleter.purge([run_id])
    reader.changes()
    assert reader.newest() == run
    assert [kept.id for kept in reader.kept()] == [run_id]
    assert len(reader.all_answers(run_id)) == run.epoch + 1
    assert reader.labels(run.fingerprint) is not None
    assert reader.races.all() == []
    if run.epoch:
        assert reader.model(run_id).parameters


def test_a_home_is_as_it_was_after_it_was_only_read(
    store: RunStore, reader: RunStore, tiny: Dataset, events: list[Event]
) -> None:
    run_id = record(store, tiny, events)
    store.close()
    assert not (store.home / f"{FILE}-wal").exists()
    folders = [store.home, *(path for path in store.home.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(READ_ONLY)
    before = listing(store.home)
    assert_stored(reader, run_id, events)
    use(reader, run_id)
    said = refused(reader, run_id, tiny)
    assert all("only read" in each or "read only" in each for each in said), said
    assert (reader.read_only, reader.notice) == (True, "")
    reader.close()
    assert listing(store.home) == before
    for folder in folders:
        folder.chmod(FOLDER)


def test_what_another_process_writes_is_seen_without_a_trace(
    reader: RunStore, live: Live, events: list[Event], tiny: Dataset
) -> None:
    """A writer has the log open; what it writes is seen as it comes."""
    live.train_to(7)
    written = RunStore(reader.home)
    wait_until(lambda: written.run(live.run_id).step == 7)
    # Its checkpoint comes after the rows.
    checkpoints = reader.home / "checkpoints" / live.run_id
    wait_until(lambda: list(checkpoints.glob("epoch-000001-*.safetensors")) != [])
    before = listing(reader.home)
    seen = reader.changes()
    assert reader.run(live.run_id).state is RunState.RUNNING
    assert_stored_so_far(reader, live.run_id, events)
    use(reader, live.run_id)
    refused(reader, live.run_id, tiny)
    assert listing(reader.home) == before
    live.train_to(16)
    wait_until(lambda: written.run(live.run_id).step == 16)
    before = listing(reader.home)
    assert reader.changes() != seen
    assert len(reader.batches(live.run_id)) == 16
    assert listing(reader.home) == before
    live.train_to_the_end()
    live.recorder.finish()
    written.close()
    assert reader.run(live.run_id).state is RunState.COMPLETED
    assert_stored(reader, live.run_id, events)


def test_a_log_that_a_kill_left_is_read_and_stays(
    store: RunStore, tiny: Dataset, events: list[Event], tmp_path: Path
) -> None:
    run_id = record(store, tiny, events)
    # Only the log has the run: nobody has put it into the database yet.
    home = tmp_path / "killed"
    shutil.copytree(store.home, home)
    before = listing(home)
    with closing(RunStore(home, only_reads=True)) as reader:
        assert_stored(reader, run_id, events)
        use(reader, run_id)
    assert listing(home) == before
    (home / f"{FILE}-shm").unlink()
    before = listing(home)
    with closing(RunStore(home, only_reads=True)) as reader, pytest.raises(StoreError):
        reader.runs()
    assert listing(home) == before


def test_a_home_that_is_not_there_is_empty_until_it_is(
    store: RunStore, reader: RunStore, tiny: Dataset, events: list[Event]
) -> None:
    seen = reader.changes()
    assert (reader.newest(), reader.runs(), reader.exists) == (None, [], False)
    assert not store.home.exists()
    run_id = record(store, tiny, events)
    assert reader.changes() != seen
    newest = reader.newest()
    assert newest is not None
    assert newest.id == run_id


def test_damage_that_is_met_is_not_written_down(store: RunStore, reader: RunStore) -> None:
    store.runs()
    store.close()
    (store.home / FILE).write_bytes(b"SQLite format 3\0" + bytes(5000))
    before = listing(store.home)
    with pytest.raises(StoreError, match="cannot be read"):
        reader.runs()
    assert listing(store.home) == before


def test_where_there_is_no_log_locks_do(
    store: RunStore, reader: RunStore, tiny: Dataset, events: list[Event]
) -> None:
    """As on a file system of the network."""
    run_id = record(store, tiny, events)
    store.close()
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    before = listing(store.home)
    assert_stored(reader, run_id, events)
    assert listing(store.home) == before


def test_a_run_is_read_on_from_anywhere(store: RunStore, live: Live) -> None:
    """Also from the middle of a row, and after all rows have become one."""
    for step in (3, 9, 14):
        live.train_to(step)
        wait_until(lambda step=step: store.run(live.run_id).step == step)  # type: ignore[misc]
    for _ in range(2):
        batches, epochs = store.batches(live.run_id), store.epochs(live.run_id)
        norms = store.gradient_norms(live.run_id)
        assert len(batches) >= 14
        for after in range(len(batches) + 2):
            read = store.batches(live.run_id, after)
            assert read.tobytes() == batches[after:].tobytes()
            some = store.gradient_norms(live.run_id, after)
            assert some.tobytes() == norms[norms["step"] > after].tobytes()
        for after in range(-1, len(epochs) + 1):
            assert store.epochs(live.run_id, after) == epochs[after + 1 :]
        if epochs[-1].epoch < 4:
            live.train_to_the_end()
            live.recorder.finish()
