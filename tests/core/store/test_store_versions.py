"""The version of the database: new, older, newer, and a migration that fails."""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from helpers.recorded_runs import (
    as_version_3,
    assert_stored,
    change,
    hyperparameters,
    record,
    record_until,
    resume,
)
from helpers.stored_runs import check_integrity, put_run
from mnist_core.data.dataset import Dataset
from mnist_core.recipe.changes import Change
from mnist_core.store import RunStore, StoreError, schema
from mnist_core.store.database import FILE
from mnist_core.training.train import train

pytestmark = pytest.mark.usefixtures("uncompiled")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "home")


def test_a_new_database_has_the_present_version(store: RunStore) -> None:
    assert not store.exists
    assert store.runs() == []
    assert store.exists
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        assert schema.version_of(connection) == schema.VERSION == 9
    assert check_integrity(store.home) == "ok"


def test_an_empty_file_is_made_a_database(store: RunStore) -> None:
    # As a process leaves it that is killed right after it has made the file.
    store.home.mkdir()
    (store.home / FILE).touch()
    assert store.runs() == []
    assert store.notice == ""


def test_a_database_of_a_newer_version_is_left_alone(store: RunStore) -> None:
    store.runs()
    store.close()
    change(store.home, f"PRAGMA user_version = {schema.VERSION + 1}")
    before = (store.home / FILE).read_bytes()
    with pytest.raises(StoreError, match="newer version of mnist-tui"):
        store.runs()
    assert (store.home / FILE).read_bytes() == before
    assert list(store.home.glob("*damaged*")) == []


def next_version(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, script))
    version = len(schema.MIGRATIONS)
    monkeypatch.setattr(schema, "VERSION", version)
    monkeypatch.setattr("mnist_core.store.database.VERSION", version)


def test_an_older_database_is_brought_to_the_present_version(
    tiny: Dataset, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = list(train(hyperparameters(epochs=1), tiny))
    run_id = record(store, tiny, events)
    store.close()
    next_version(monkeypatch, "ALTER TABLE runs ADD COLUMN colour TEXT; CREATE TABLE more (x);")
    assert_stored(store, run_id, events)
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        assert schema.version_of(connection) == schema.VERSION
        assert connection.execute("SELECT colour FROM runs").fetchall() == [(None,)]


def test_a_migration_that_fails_leaves_the_version_before_it(
    tiny: Dataset, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = list(train(hyperparameters(epochs=1), tiny))
    run_id = record(store, tiny, events)
    store.close()
    next_version(monkeypatch, "ALTER TABLE runs ADD COLUMN colour TEXT; CREATE TABLE runs (x);")
    with pytest.raises(StoreError, match="cannot be"):
        store.set_note(run_id, "x")
    store.close()
    monkeypatch.undo()
    assert_stored(store, run_id, events)
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        assert schema.version_of(connection) == schema.VERSION
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
    assert "colour" not in columns


def test_a_database_that_an_earlier_version_has_open_is_only_read_until_that_one_ends(
    tiny: Dataset, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would go on writing into tables that it does not know to have changed."""
    monkeypatch.setattr("mnist_core.store.database._MOMENT", 0.0)
    run_id = "aaaa0001"
    put_run(store.home, run_id, "run 1")
    with closing(sqlite3.connect(store.home / FILE)) as earlier:
        assert earlier.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        next_version(monkeypatch, "ALTER TABLE runs ADD COLUMN colour TEXT;")
        assert [each.id for each in store.runs()] == [run_id]
        assert "is open in an earlier version" in store.notice
        with pytest.raises(StoreError, match=r"cannot be changed.*Close that one"):
            store.deleter.delete([run_id])
        recorder, why = store.begin_recording(tiny)
        assert recorder is None
        assert "not kept" in why
        assert schema.version_of(earlier) == schema.VERSION - 1
        assert store.read_only
    assert not store.read_only
    assert store.notice == ""
    store.set_note(run_id, "x")
    store.close()
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        assert schema.version_of(connection) == schema.VERSION
    assert check_integrity(store.home) == "ok"


def without_labels(home: Path) -> None:
    """Make the database of the first version, which had none of the later tables."""
    as_version_3(home)
    for table in ("labels", "races", "changes", "gradient_norms"):
        change(home, f"DROP TABLE {table}")
    change(home, "PRAGMA user_version = 1")


def test_a_run_of_the_first_version_gets_its_labels_when_it_goes_on(
    tiny: Dataset, store: RunStore
) -> None:
    events = list(train(hyperparameters(), tiny))
    first = record_until(store, tiny, train(hyperparameters(), tiny), 7)
    store.close()
    without_labels(store.home)
    assert store.labels(tiny.fingerprint) is None
    assert store.tested_labels(store.run(first)) is None
    assert store.answers(first, 1) is not None
    resume(store, first, tiny)
    labels = store.labels(tiny.fingerprint)
    assert labels is not None
    np.testing.assert_array_equal(labels.test, tiny.test.labels)
    assert_stored(store, first, events)


def test_runs_with_values_that_are_refused_today_are_shown(store: RunStore) -> None:
    """Of an older version, in which a number that float32 rounds to its bound was taken."""
    put_run(store.home, "aaaa0001", "run 1")
    change(
        store.home, "UPDATE runs SET hyperparameters = json_set(hyperparameters, ?, ?)",
        "$.dropout", 0.99999999,
    )  # fmt: skip
    change(
        store.home, "INSERT INTO changes VALUES (?, ?, ?, ?)",
        "aaaa0001", 3, "momentum", "0.99999999",
    )  # fmt: skip
    (found,) = store.runs()
    assert found.hyperparameters.dropout == 0.99999999
    assert found.changes == (Change(3, "momentum", 0.99999999),)
    store.close()
