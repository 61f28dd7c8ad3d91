"""Rows that hold what no version writes, as a damaged page or another's database may."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from helpers.recordings import points, put_recording
from helpers.stored_runs import put_run
from mnist_core.store import RunStore, StoreError
from mnist_core.store.database import FILE


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two runs and a recording."""
    home = tmp_path / "home"
    for run_id in ("a", "b"):
        put_run(home, run_id, f"run {run_id}", started=1e9)
    put_recording(home, "conv", [points({"loss": [1.0]})])
    return home


def change(home: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(home / FILE)) as connection, connection:
        connection.execute(statement, values)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("started", "x"), ("started", 1e300), ("ended", float("inf")), ("epoch", b"x"),
        ("name", b"x"), ("best_test_accuracy", "x"), ("seconds", float("-inf")), ("tags", "[1]"),
        ("tags", '"x"'), ("tags", "[" * 100_000), ("environment", "[]"),
        ("environment", '{"threads": "x"}'), ("on_divergence", "x"), ("trial", "x"),
    ],
)  # fmt: skip
def test_a_run_of_other_values_is_left_out_and_named(
    home: Path, column: str, value: object
) -> None:
    change(home, f"UPDATE runs SET {column} = ? WHERE id = 'a'", value)
    with closing(RunStore(home)) as store:
        assert [record.name for record in store.kept()] == ["conv", "run b"]
        assert "Run a in" in store.unreadable


@pytest.mark.parametrize(
    ("column", "value"),
    [("started", "x"), ("seconds", 1e300), ("config", "[]"), ("config", "1"), ("tags", "{}")],
)
def test_a_recording_of_other_values_is_left_out_and_named(
    home: Path, column: str, value: object
) -> None:
    change(home, f"UPDATE recordings SET {column} = ?", value)
    with closing(RunStore(home)) as store:
        assert [record.name for record in store.kept()] == ["run b", "run a"]
        assert "cannot be shown" in store.unreadable


def test_epochs_and_images_of_other_values_are_a_sentence(home: Path) -> None:
    change(home, "UPDATE epochs SET test_accuracy = 'x'")
    with closing(RunStore(home)) as store:
        (recording,) = store.recordings.all()
        change(home, "INSERT INTO recorded_images VALUES (?, 'x', 1, 1, 1, 1, ?)",
               recording.id, b"x\x9c!")  # fmt: skip
        with pytest.raises(StoreError, match="is damaged"):
            store.epochs("a")
        with pytest.raises(StoreError, match="is damaged"):
            store.recordings.images(recording.id)


def test_the_id_of_a_deleted_run_leads_to_no_other_folder(home: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").touch()
    # Somebody else's home folder, whose process is gone: the next start makes it final.
    change(home, "UPDATE runs SET id = '../../outside', deleted = 1.0, deleted_by = '../../x' "
                 "WHERE id = 'a'")  # fmt: skip
    with closing(RunStore(home)) as store:
        store.tidy()
        store.deleter.purge(["../../outside"])
        assert [record.name for record in store.runs()] == ["run b"]
    assert (outside / "file").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "outside"]


def test_a_live_run_without_an_id_hides_no_change(home: Path) -> None:
    change(home, "UPDATE runs SET id = '../x', state = 'running' WHERE id = 'a'")
    with closing(RunStore(home)) as store:
        before = store.changes()
        change(home, "UPDATE runs SET note = 'x' WHERE id = 'b'")
        assert store.changes() != before
        assert [record.name for record in store.runs()] == ["run b"]


def test_a_damaged_version_or_name_of_a_table_is_set_aside(home: Path) -> None:
    for harm in (b"version", b"name"):
        content = bytearray((home / FILE).read_bytes())
        if harm == b"version":
            content[60] = 0x80
        else:
            # SQLite quotes it in its reason, which is then no text.
            at = content.index(b"CREATE TABLE runs")
            content[at + len(b"CREATE ")] = 0xC3
        (home / FILE).write_bytes(content)
        with closing(RunStore(home)) as store:
            store.runs()
            assert "was damaged" in store.notice
    assert len(list(home.glob("runs.damaged-*.db"))) == 2
