"""Recordings in the store: beside the runs, read on, deleted, and saved from a damaged database."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import mnist_core
from helpers.recordings import points, put_recording
from helpers.stored_runs import put_run
from mnist_core.store import RunStore, StoreError, curves_of
from mnist_core.store.database import FILE, connect, transaction
from mnist_core.store.recording_writer import NewRecording, RecordingWriter, Rest
from mnist_core.store.repair import salvage
from mnist_core.store.schema import migrate


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A run, and two recordings around it."""
    put_recording(tmp_path, "conv", [points({"loss": [3.0, 2.0, 1.0]})], started=1e9, lr=0.1)
    put_run(tmp_path, "aaaa0001", "run 1", started=2e9)
    put_recording(tmp_path, "", [points({"a": [1.0], "b": [2.0]})], started=3e9)
    return tmp_path


def test_one_list_has_both_the_latest_first(home: Path) -> None:
    with closing(RunStore(home)) as store:
        kept = store.kept()
        assert [record.name for record in kept] == ["recording 2", "run 1", "conv"]
        assert [record.name for record in store.runs()] == ["run 1"]
        assert len({record.id for record in kept}) == 3
        for name in ("conv", kept[2].id, kept[2].id[:5]):
            assert store.find(name) == kept[2]
        assert store.find("1").name == "run 1"
        assert store.find("2").name == "recording 2"
        with pytest.raises(StoreError, match="is a recording"):
            store.run("conv")
        with pytest.raises(StoreError, match="several runs"):
            store.find("r")


def test_recordings_are_named_and_deleted_as_runs_are(home: Path) -> None:
    with closing(RunStore(home)) as store:
        conv = store.find("conv")
        store.rename(conv.id, "better")
        store.set_note(conv.id, "worth it")
        store.set_tags(conv.id, ["one"])
        found = store.recordings.get(conv.id)
        assert (found.name, found.note, found.tags) == ("better", "worth it", ("one",))
        before = store.changes()
        store.deleter.delete([conv.id])
        assert store.changes() != before
        assert "better" not in [record.name for record in store.kept()]
        store.deleter.restore([conv.id])
        assert store.find("better").id == conv.id
        store.deleter.delete([conv.id])
        store.deleter.purge([conv.id])
        assert store.recordings.points(conv.id) == []
        with pytest.raises(StoreError, match="no longer"):
            store.recordings.get(conv.id)
    with closing(sqlite3.connect(home / FILE)) as connection:
        for table in ("metric_sets", "points"):
            rows = connection.execute(f"SELECT DISTINCT recording FROM {table}").fetchall()
            assert len(rows) == 1


def test_what_goes_on_is_not_deleted(tmp_path: Path) -> None:
    run = mnist_core.record("conv", home=tmp_path)
    with closing(RunStore(tmp_path)) as store:
        with pytest.raises(StoreError, match="Stop it before"):
            store.deleter.delete([run.id])
        run.finish()
        store.deleter.delete([run.id])
        assert store.recordings.all() == []


def test_points_are_read_on_from_where_they_were(tmp_path: Path) -> None:
    with closing(RunStore(tmp_path)) as store:
        store.runs()
    writer = RecordingWriter(NewRecording("conv"))
    random = np.random.default_rng(0)
    every: list[float] = []
    read: list[float] = []
    seen = 0
    with closing(connect(tmp_path / FILE)) as connection, closing(RunStore(tmp_path)) as store:
        with transaction(connection):
            writer.begin(connection)
            writer.write(connection, Rest())
        writer.committed()
        for count in (1, 300, 1, 2, 700, 5, 1, 1):
            values = random.random(count).astype(np.float32)
            rest = Rest([points({"loss": values}), points({"other": [1.0]})])
            with transaction(connection):
                writer.write(connection, rest)
            if count == 2:
                # As after a commit that seemed to fail.
                with transaction(connection):
                    writer.write(connection, rest)
            writer.committed()
            every += values.tolist()
            (loss, _) = store.recordings.points(writer.id, seen)
            read += loss.rows["values"][len(read) - loss.first :, 0].tolist()
            seen = store.recordings.get(writer.id).writes
            assert store.recordings.points(writer.id, seen) == []
        assert read == every
        whole = store.recordings.points(writer.id)[0].rows
        assert whole["values"][:, 0].tolist() == every
        chunks = connection.execute(
            "SELECT count(*) FROM points WHERE metric_set = 0"
        ).fetchone()[0]  # fmt: skip
        assert chunks < 5


def test_many_metrics_open_in_few_reads(tmp_path: Path) -> None:
    values = np.arange(200.0)
    names = {f"m{number}": values + number for number in range(1000)}
    recording_id = put_recording(tmp_path, "wide", [points(names)])
    statements: list[str] = []
    with closing(RunStore(tmp_path)) as store:
        with store._database.reading() as connection:
            connection.set_trace_callback(statements.append)
        found = curves_of(store.recordings.points(recording_id))
    assert len(found) == 1000
    np.testing.assert_array_equal(found["m999"].values, values + 999)
    assert len(statements) == 2


def test_recordings_are_copied_out_of_a_damaged_database(home: Path, tmp_path: Path) -> None:
    to = tmp_path / "new"
    to.mkdir()
    with (
        closing(sqlite3.connect(home / FILE)) as damaged,
        closing(sqlite3.connect(to / FILE, isolation_level=None)) as target,
    ):
        migrate(target)
        assert salvage(damaged, target) == (3, 3)
    with closing(RunStore(to)) as saved, closing(RunStore(home)) as store:
        assert saved.kept() == store.kept()
        for record in store.recordings.all():
            (one, other) = (each.recordings.points(record.id) for each in (saved, store))
            assert [each.rows.tobytes() for each in one] == [each.rows.tobytes() for each in other]
