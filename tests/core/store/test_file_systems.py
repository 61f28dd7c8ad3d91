"""A store on a file system of the network, imagined: other machines may have it open."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from helpers.live_run import Live
from helpers.recorded_runs import assert_stored, wait_until
from mnist_core.data.dataset import Dataset
from mnist_core.events import Event
from mnist_core.store import RunStore, database
from mnist_core.store.database import FILE
from mnist_core.store.file_systems import is_on_network

pytestmark = pytest.mark.usefixtures("uncompiled")

MOUNTS = r"""
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / {0}/net rw - nfs4 server:/home rw,vers=4.2
31 30 8:2 / {0}/net/local rw - xfs /dev/sdb1 rw
32 22 0:41 / {0}/two\040words rw shared:7 - fuse.sshfs me@server: rw
33 22 0:42 / {0}/over rw - cifs //server/share rw
34 22 8:3 / {0}/over rw - btrfs /dev/sdc1 rw
"""


@pytest.mark.parametrize(
    ("folder", "is_so"),
    [
        ("here", False),
        ("net", True),
        ("net/runs/of mine", True),
        ("network", False),
        ("net/local/runs", False),
        ("two words/runs", True),
        ("over/runs", False),
    ],
)
def test_the_deepest_mount_tells(tmp_path: Path, folder: str, is_so: bool) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS.format(tmp_path).lstrip())
    assert is_on_network(tmp_path / folder, mounts) == is_so


def test_where_nobody_tells_it_is_here(tmp_path: Path) -> None:
    assert not is_on_network(tmp_path, tmp_path / "none")


@pytest.fixture
def _networked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "is_on_network", lambda folder: True)


def journal(home: Path) -> str:
    with closing(sqlite3.connect(home / FILE)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


@pytest.mark.usefixtures("_networked")
def test_a_run_is_kept_without_the_log_while_another_store_reads(
    store: RunStore, live: Live, events: list[Event]
) -> None:
    reader = RunStore(store.home)
    live.train_to(6)
    wait_until(lambda: bool(reader.runs()) and reader.runs()[0].step == 6)
    live.train_to_the_end()
    assert_stored(store, live.run_id, events)
    assert [run.step for run in reader.runs()] == [20]
    reader.close()
    assert journal(store.home) == "delete"
    assert not list(store.home.glob(f"{FILE}-*"))


def test_a_database_that_had_the_log_loses_it_there(
    store: RunStore, tiny: Dataset, live: Live, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    live.train_to_the_end()
    store.close()
    assert journal(store.home) == "wal"
    monkeypatch.setattr(database, "is_on_network", lambda folder: True)
    moved = RunStore(store.home)
    assert_stored(moved, live.run_id, events)
    moved.close()
    assert journal(store.home) == "delete"
