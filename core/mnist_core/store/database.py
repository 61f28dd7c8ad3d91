"""Opening the store's database: made when missing, set aside when damaged, read-only if need be."""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from mnist_core.store.errors import StoreError
from mnist_core.store.schema import check_version, migrate, version_of

FILE = "runs.db"
_PATIENCE = 5.0
"""Seconds to wait for another process that writes."""
_SIDE_FILES = ("-wal", "-shm")
# What SQLite says of files that are no database, or no longer one.
_DAMAGED = ("not a database", "malformed")


@dataclass(frozen=True, slots=True)
class Opened:
    """A database that can be used."""

    connection: sqlite3.Connection
    read_only: bool
    notice: str = ""
    """What a person must know of how it was opened, as a sentence; empty: nothing."""


def open_database(home: Path) -> Opened:
    """Open the database in `home`, making both if they are missing.

    A damaged database is renamed, never deleted, and a new one takes its place. One that this user
    may not write is opened for reading.

    Raises:
        StoreError: there is no way to use it.
    """
    path = home / FILE
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The folder {home} for the runs cannot be made: {error.strerror}. "
            "Choose another one with --home."
        ) from error
    if not may_write(home, path):
        return _open_to_read(path)
    try:
        # Two processes that start together must not both make or set aside the database.
        with FileLock(home / f".{FILE}.lock", timeout=_PATIENCE):
            return _open_to_write(path)
    except Timeout as error:
        raise StoreError(
            f"{path} is being opened by another mnist-tui that does not finish. Close it."
        ) from error
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path} cannot be opened: {error}.") from error


def may_write(home: Path, path: Path) -> bool:
    """Whether this user may write the database `path` in `home`."""
    return os.access(home, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the error says that the file is no longer a sound database."""
    return any(words in str(error) for words in _DAMAGED)


def connect(path: Path) -> sqlite3.Connection:
    """Another connection to a database that `open_database` has opened to write."""
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    # With the write-ahead log, whoever reads never waits for whoever writes.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _open_to_write(path: Path) -> Opened:
    notice = ""
    try:
        connection = _sound(path)
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        aside = _set_aside(path)
        notice = (
            f"{path} was damaged ({error}). It was renamed to {aside.name}, and a new one was made."
        )
        connection = _sound(path)
    return Opened(connection, read_only=False, notice=notice)


def _sound(path: Path) -> sqlite3.Connection:
    connection = connect(path)
    try:
        check_version(connection, str(path))
        migrate(connection)
        # Reads every page that lists the runs, so that damage there shows now and not later.
        connection.execute("SELECT count(*), sum(length(hyperparameters)) FROM runs").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _set_aside(path: Path) -> Path:
    """Rename the damaged database; gives its new place."""
    moment = datetime.now().strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.stem}.damaged-{moment}{path.suffix}")
    count = 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.stem}.damaged-{moment}-{count}{path.suffix}")
    # Its log first: without it the new database would take the old one's log for its own.
    for suffix in _SIDE_FILES:
        log = path.with_name(path.name + suffix)
        if log.exists():
            log.replace(aside.with_name(aside.name + suffix))
    path.replace(aside)
    return aside


def _open_to_read(path: Path) -> Opened:
    notice = f"{path.parent} cannot be written, so new runs are not kept there."
    if not path.exists():
        empty = sqlite3.connect(":memory:", isolation_level=None)
        migrate(empty)
        return Opened(empty, read_only=True, notice=notice)
    # In a folder that cannot be written SQLite cannot make the files that WAL needs; a database
    # declared immutable needs none.
    problem: sqlite3.Error | None = None
    for how in ("mode=ro", "immutable=1"):
        try:
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True,
                                         timeout=_PATIENCE, isolation_level=None)  # fmt: skip
            check_version(connection, str(path))
            if version_of(connection) > 0:
                connection.execute("SELECT count(*) FROM runs").fetchone()
                return Opened(connection, read_only=True, notice=notice)
            connection.close()
        except sqlite3.Error as error:
            problem = error
    raise StoreError(f"{path} cannot be read: {problem or 'it holds no runs'}.")


def check_integrity(home: Path) -> str:
    """What SQLite says of the whole database in `home`: "ok" or what is wrong."""
    with closing(sqlite3.connect(home / FILE)) as connection:
        return "\n".join(row[0] for row in connection.execute("PRAGMA integrity_check"))
