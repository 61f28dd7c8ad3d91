"""Deleted runs: brought back for as long as their process can, and gone for good after that."""

import contextlib
import sqlite3
import time
from collections.abc import Collection
from pathlib import Path
from uuid import uuid4

from mnist_core.store.checkpoints import Checkpoints
from mnist_core.store.ownership import Ownership, is_owned
from mnist_core.store.records import StoreError

KEPT_TABLES = ("runs", "recordings")
"""What can be deleted and brought back: one row each, whose id stands in no other of them."""
_FORGOTTEN_AFTER = 24 * 3600.0
"""Seconds after which a deletion becomes final where nobody can tell whether its process lives."""
_LOCKS_AT_ONCE = 20
"""Files of locks to look at, which takes a few milliseconds."""


def lock_path(home: Path, owner: str) -> Path:
    """Where the lock of a run lies, or that of somebody who deleted runs."""
    return home / "locks" / f"{owner}.lock"


class Deleter:
    """Who deletes runs: as long as it holds its lock, nobody else makes its deletions final."""

    def __init__(self, home: Path) -> None:
        self.id = f"deleted-{uuid4().hex[:8]}"
        self._lock = Ownership(lock_path(home, self.id))

    def begin(self) -> str:
        """Hold the lock; what stands in the database for it, empty where there can be no lock."""
        if not self._lock.held:
            self._lock.release()
            try:
                self._lock.claim("It")
            except (StoreError, OSError):
                return ""
        return self.id

    def end(self) -> None:
        """Nobody can bring back any more what it deleted."""
        self._lock.discard()


def final_runs(connection: sqlite3.Connection, home: Path, ids: Collection[str]) -> list[str]:
    """The deleted runs of `ids`, and those that nobody can bring back any more."""
    found = []
    alive: dict[str, bool | None] = {"": None}
    for run_id, deleted, by in connection.execute(
        " UNION ALL ".join(
            f"SELECT id, deleted, deleted_by FROM {table} WHERE deleted IS NOT NULL"
            for table in KEPT_TABLES
        )
    ):
        if by not in alive:
            alive[by] = _lives(lock_path(home, by))
        forgotten = deleted < time.time() - _FORGOTTEN_AFTER
        if run_id in ids or (forgotten if alive[by] is None else not alive[by]):
            found.append(run_id)
    return found


def remove_run(connection: sqlite3.Connection, home: Path, run_id: str) -> None:
    """Remove a run with its files, unless somebody still writes it: then the next time."""
    path = lock_path(home, run_id)
    ownership = Ownership(path)
    try:
        if is_owned(path):
            return
        ownership.claim(run_id)
    except (StoreError, OSError):
        return
    # Files first: what a kill leaves is a deleted run, which the next purge finds.
    Checkpoints(home / "checkpoints" / run_id).delete()
    for table in KEPT_TABLES:
        connection.execute(f"DELETE FROM {table} WHERE id = ?", (run_id,))
    ownership.discard()


def remove_unused_locks(home: Path) -> None:
    """Remove files of locks that nobody holds, as a process leaves that was killed."""
    with contextlib.suppress(OSError):
        for path in sorted((home / "locks").glob("*.lock"))[:_LOCKS_AT_ONCE]:
            if not is_owned(path):
                Ownership(path).discard_unused()


def _lives(path: Path) -> bool | None:
    """Whether somebody holds the lock at `path`; None: that cannot be told."""
    try:
        return is_owned(path)
    except OSError:
        return None
