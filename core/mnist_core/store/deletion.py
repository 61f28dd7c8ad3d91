"""Deleted runs: brought back for as long as their process can, and gone for good after that."""

import contextlib
import sqlite3
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from uuid import uuid4

from mnist_core.store.checkpoints import Checkpoints
from mnist_core.store.database import FILE, Database
from mnist_core.store.free_room import PAGES_AT_START, give_back, rebuild
from mnist_core.store.ownership import Ownership, is_owned, lives, lock_path
from mnist_core.store.records import StoreError, is_id

KEPT_TABLES = ("runs", "recordings")
"""What can be deleted and brought back: one row each, whose id stands in no other of them."""
_FORGOTTEN_AFTER = 24 * 3600.0
"""Seconds after which a deletion becomes final where nobody can tell whether its process lives."""
_RUNS_AT_START = 1
"""Deleted runs to remove where somebody waits for the app: each takes some ten milliseconds."""
_LOCKS_AT_ONCE = 20
"""Files of locks to look at, which takes a few milliseconds."""


class Deleter:
    """A part of `RunStore`: deletes runs and recordings, and brings them back.

    As long as it holds its lock, nobody else makes its deletions final. Every method but `end` may
    raise `StoreError`, whose message is a sentence for the user.
    """

    def __init__(self, home: Path, database: Database) -> None:
        self._home = home
        self._database = database
        self._id = f"deleted-{uuid4().hex[:8]}"
        self._lock = Ownership(lock_path(home, self._id))

    def delete(self, run_ids: Iterable[str]) -> None:
        """Take runs and recordings out of the list until `restore`, or for good with `purge`.

        For as long as the store is open, nobody else makes that final.

        Raises:
            StoreError: one of them is being trained; none was deleted then.
        """
        ids = list(run_ids)
        with self._database.writing() as connection:
            for run_id in ids:
                if lives(lock_path(self._home, run_id)):
                    raise StoreError(
                        f"Run {run_id} is being trained. Stop it before you delete it."
                    )
                for table in KEPT_TABLES:
                    connection.execute(
                        f"UPDATE {table} SET deleted = ?, deleted_by = ? WHERE id = ?",
                        (time.time(), self.begin(), run_id),
                    )

    def restore(self, run_ids: Iterable[str]) -> None:
        """Undo `delete`, unless it has become final."""
        with self._database.writing() as connection:
            for run_id in run_ids:
                for table in KEPT_TABLES:
                    connection.execute(
                        f"UPDATE {table} SET deleted = NULL, deleted_by = '' WHERE id = ?",
                        (run_id,),
                    )

    def purge(self, run_ids: Iterable[str] = ()) -> None:
        """Make the deletion of these runs final, and of those that nobody can bring back any more.

        Those are the ones of processes that have ended without doing so. The disk gets their room.
        """
        if self._database.read_only:
            return
        ids = set(run_ids)
        self._remove(ids)
        with self._database.reading() as connection:
            if ids:
                rebuild(connection, self._home / FILE)
            give_back(connection)

    def tidy(self) -> None:
        """Purge a few runs, and remove lock files that killed processes left.

        It takes milliseconds; what is left is for the next time.
        """
        self._remove(set(), _RUNS_AT_START)
        _remove_unused_locks(self._home)
        with self._database.reading() as connection:
            give_back(connection, PAGES_AT_START)

    def begin(self) -> str:
        """Hold the lock; what stands in the database for it, empty where there can be no lock."""
        if not self._lock.held:
            self._lock.release()
            try:
                self._lock.claim("It")
            except (StoreError, OSError):
                return ""
        return self._id

    def end(self) -> None:
        """Nobody can bring back any more what it deleted."""
        self._lock.discard()

    def _remove(self, ids: set[str], most: int | None = None) -> None:
        with self._database.reading() as connection:
            gone = _final_runs(connection, self._home, ids)[:most]
        if not gone:
            return
        with self._database.writing() as connection:
            # Somebody may have brought one back, or removed it, meanwhile.
            for run_id in sorted({*gone} & {*_final_runs(connection, self._home, ids)}):
                _remove_run(connection, self._home, run_id)
            for table in ("labels", "pixels"):
                connection.execute(
                    f"DELETE FROM {table} WHERE fingerprint NOT IN (SELECT fingerprint FROM runs)"
                )


def _final_runs(connection: sqlite3.Connection, home: Path, ids: Collection[str]) -> list[str]:
    """The deleted runs of `ids`, and those that nobody can bring back any more."""
    found = []
    alive: dict[str, bool | None] = {"": None}
    for run_id, deleted, by in connection.execute(
        " UNION ALL ".join(
            f"SELECT id, deleted, deleted_by FROM {table} WHERE deleted IS NOT NULL"
            for table in KEPT_TABLES
        )
    ):
        if not is_id(run_id):
            continue  # it is damaged, and has no files
        if by not in alive:
            alive[by] = _is_held(lock_path(home, by)) if is_id(by) else None
        forgotten = deleted < time.time() - _FORGOTTEN_AFTER
        if run_id in ids or (forgotten if alive[by] is None else not alive[by]):
            found.append(run_id)
    return found


def _remove_run(connection: sqlite3.Connection, home: Path, run_id: str) -> None:
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
    Checkpoints.of(home, run_id).delete()
    for table in KEPT_TABLES:
        connection.execute(f"DELETE FROM {table} WHERE id = ?", (run_id,))
    ownership.discard()


def _remove_unused_locks(home: Path) -> None:
    """Remove files of locks that nobody holds, as a process leaves that was killed."""
    with contextlib.suppress(OSError):
        for path in sorted((home / "locks").glob("*.lock"))[:_LOCKS_AT_ONCE]:
            if not is_owned(path):
                Ownership(path).discard_unused()


def _is_held(path: Path) -> bool | None:
    """Whether somebody holds the lock at `path`; None: that cannot be told."""
    try:
        return is_owned(path)
    except OSError:
        return None
