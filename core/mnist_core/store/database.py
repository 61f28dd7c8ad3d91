"""Opening the store's database: made when missing, set aside when damaged, read-only if need be."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from mnist_core.store.file_systems import is_on_network
from mnist_core.store.files import sync_folder
from mnist_core.store.free_room import GIVES_ROOM_BACK
from mnist_core.store.ownership import LOCK_MODE
from mnist_core.store.records import StoreError
from mnist_core.store.repair import UNREADABLE, salvage, set_aside
from mnist_core.store.schema import VERSION, check_version, migrate, version_of
from mnist_core.user_folders import make_private

FILE = "runs.db"
DAMAGE_ADVICE = (
    "End every mnist-tui and start it again: it sets the damaged one aside and keeps the runs that "
    "can be read."
)
ONLY_READ = "They were opened to be read only."
_LOGGED = 18
"""The byte of the file that is 2 where it has a write-ahead log (SQLite's file format, 1.3)."""
_SUSPECT = "runs.db.suspect"
"""A file that says that somebody met damage, so that whoever opens next looks at every page."""
_NEW = "runs.db.new"
"""The database that is to take the place of a damaged one."""
_PATIENCE = 5.0
"""Seconds to wait for another process that writes."""
_MOMENT = 0.2
"""Seconds to wait for a command of an earlier version that is about to end."""
_LONGEST_LOG = 4 << 20
"""Bytes that the log keeps once what is in it is in the database."""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_UNREADABLE = (sqlite3.Error, ValueError, TypeError, OverflowError, RecursionError)
"""What reading a row raises that is damaged, though its page is sound."""
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@dataclass(frozen=True, slots=True)
class Opened:
    """A database that can be used."""

    connection: sqlite3.Connection
    read_only: bool
    notice: str = ""
    """What a person must know of how it was opened, as a sentence; empty: nothing."""


class _DamagedError(Exception):
    """The database is not sound; the message says how."""


class _InUseError(Exception):
    """A program of an earlier version has the database open."""


class Database:
    """The database of a home folder: opened at its first use, and again if another takes its place.

    It is used by the thread that made it.
    """

    def __init__(self, home: Path, *, only_reads: bool = False) -> None:
        """With `only_reads` no file in `home` is made or changed, by this or by SQLite."""
        self.only_reads = only_reads
        self.notice = ""
        """What a person must know of how it was opened, as a sentence; empty: nothing."""
        self.opened_count = 0
        self._home = home
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, ...] = ()
        """What tells the file that is open from one that has taken its place."""
        self._read_only = False

    @property
    def read_only(self) -> bool:
        """Whether it can be read but not written."""
        self._open()
        return self._read_only

    def writable(self) -> bool:
        """Whether it can be written now: what kept it from that may be over, as a full disk."""
        if self.read_only:
            self.close()
        return not self.read_only

    def close(self) -> None:
        """Close it; the next use opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with.

        Raises:
            StoreError: it cannot be opened, or what is done within failed.
        """
        try:
            yield self._open()
        except _UNREADABLE as error:
            raise self._failure("read", error) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection to write with, in one transaction.

        Raises:
            StoreError: it cannot be opened or written; nothing was changed.
        """
        try:
            if not self.writable():
                why = ONLY_READ if self.only_reads else self.notice
                raise StoreError(f"The runs in {self._home} cannot be changed. {why}")
            with transaction(self._open()) as connection:
                yield connection
        except _UNREADABLE as error:
            raise self._failure("changed", error) from error

    def _open(self) -> sqlite3.Connection:
        path = self._home / FILE
        # Another process may have set a damaged database aside. One that is only read never tells
        # by itself that it has changed.
        if self._connection is not None and self._identity != file_identity(
            path, content=self._read_only
        ):
            self.close()
        if self._connection is None:
            opened = (open_untouched if self.only_reads else open_database)(self._home)
            self._connection = opened.connection
            self._read_only = opened.read_only
            self._identity = file_identity(path, content=opened.read_only)
            self.opened_count += 1
            self.notice = opened.notice
        return self._connection

    def _failure(self, what: str, error: Exception) -> StoreError:
        if self.only_reads:
            # The next use opens what is there by then.
            self.close()
        elif not isinstance(error, sqlite3.Error) or is_damage(error):
            mark_suspect(self._home)
            return StoreError(
                f"The runs in {self._home} cannot be {what}, since the database is damaged "
                f"({error}). {DAMAGE_ADVICE}"
            )
        return StoreError(f"The runs in {self._home} cannot be {what}: {error}.")


def open_database(home: Path) -> Opened:
    """Open the database in `home`, making both if they are missing.

    A damaged database is renamed, never deleted, and a new one with the runs that can still be read
    takes its place. One that cannot be written, or is in use by an earlier version, is opened for
    reading.

    Raises:
        StoreError: there is no way to use it.
    """
    path = home / FILE
    try:
        make_private(home)
    except OSError as error:
        raise StoreError(
            f"The folder {home} for the runs cannot be made: {error.strerror}. "
            "Choose another one with --home."
        ) from error
    if not may_write(home, path):
        return _open_to_read(path, f"{home} cannot be written, so new runs are not kept there.")
    try:
        # Two processes that start together must not both make or set aside the database.
        place = home / f".{FILE}.lock"
        with FileLock(place, timeout=_PATIENCE, mode=LOCK_MODE, fallback_to_soft=False):
            return _open_to_write(path)
    except _InUseError:
        return _open_to_read(
            path,
            f"{path} is open in an earlier version of mnist-tui, so it can only be read here and "
            "new runs are not kept. Close that one first.",
        )
    except Timeout as error:
        raise StoreError(
            f"{path} is being opened by another mnist-tui that does not finish. Close it."
        ) from error
    except (sqlite3.Error, OSError) as error:
        what = (isinstance(error, OSError) and error.strerror) or str(error)
        if path.exists() and not (isinstance(error, sqlite3.Error) and _code(error) in _BUSY):
            # As on a full disk: what is there can still be looked at.
            with contextlib.suppress(StoreError):
                return _open_to_read(
                    path, f"{path} can only be read now ({what}), so new runs are not kept there."
                )
        raise StoreError(f"{path} cannot be opened: {what}.") from error


def open_untouched(home: Path) -> Opened:
    """Open the database in `home` to read it, and change no file there.

    What is not there yet is empty. Another process may write meanwhile: a number that SQLite keeps
    of changes tells, or :func:`file_identity` where there is no log.

    Raises:
        StoreError: it cannot be read, maybe only at this moment.
    """
    return _open_to_read(home / FILE, "", _ways_to_read_untouched(home / FILE))


def may_write(home: Path, path: Path) -> bool:
    """Whether this user may write the database `path` in `home`."""
    return os.access(home, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the error says that the file is no longer a sound database."""
    return _code(error) in _DAMAGE


def mark_suspect(home: Path) -> None:
    """Have every page of the database in `home` checked by whoever opens it next."""
    with contextlib.suppress(OSError):
        (home / _SUSPECT).touch(0o600)


def file_identity(path: Path, *, content: bool = False) -> tuple[int, ...]:
    """What tells the database from another one under its name, `content` from what it held before.

    It is empty where there is no file. The last who closes the database removes its log, which is
    when a program of an earlier version is out of the way.
    """
    try:
        found = path.stat()
    except OSError:
        return ()
    if not content:
        return found.st_dev, found.st_ino
    beside = (_log_of(path).exists(), _shared_of(path).exists())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, *beside


def connect(path: Path) -> sqlite3.Connection:
    """Another connection to a database that `open_database` has opened to write.

    Raises:
        sqlite3.Error: it is missing, damaged, or cannot be written; nothing was changed.
    """
    return _connect(path, "mode=rw")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """What is done within is written as a whole or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself when the disk is full, for instance.
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def _code(error: sqlite3.Error) -> int:
    # The lower byte is the kind of error, the others say more of it. Errors of the module itself
    # have none.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _shared_of(path: Path) -> Path:
    """Where those who have the database open find what is in its log."""
    return path.with_name(path.name + "-shm")


def _uri(path: Path, how: str) -> str:
    return f"{path.absolute().as_uri()}?{how}"


def _connect(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(_uri(path, how), uri=True, timeout=_PATIENCE, isolation_level=None)
    try:
        connection.text_factory = _text
        if connection.execute("PRAGMA page_count").fetchone() == (0,):
            # In one that is there it would be a write.
            connection.execute(GIVES_ROOM_BACK)
        connection.execute("PRAGMA foreign_keys = ON")
        if is_on_network(path.parent):
            # Another machine sees no log; somebody who has it open keeps the mode as it is.
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("PRAGMA journal_mode = DELETE")
        else:
            # With the write-ahead log, whoever reads never waits for whoever writes.
            connection.execute("PRAGMA journal_mode = WAL")
        # A checkpoint is a file of its own. For it never to be ahead of its curves, also after a
        # power cut, a commit must be on the disk; at two a second that costs little.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {_LONGEST_LOG}")
    except BaseException:
        connection.close()
        raise
    return connection


def _text(value: bytes) -> str:
    # A text that was damaged must not hide the other rows.
    return value.decode(errors="replace")


def _open_to_write(path: Path) -> Opened:
    new = path.with_name(_NEW)
    if new.exists() and not path.exists():
        # A kill came between setting the damaged one aside and putting the new one in its place.
        new.replace(path)
    try:
        return Opened(_sound(path), read_only=False)
    except _DamagedError as error:
        why = str(error)
    except UNREADABLE as error:
        if isinstance(error, sqlite3.Error) and not is_damage(error):
            raise
        why = str(error) if isinstance(error, sqlite3.Error) else "its tables have no names"
    copied, found = _make_new(path, new)
    aside = set_aside(path)
    path.with_name(_SUSPECT).unlink(missing_ok=True)
    new.replace(path)
    sync_folder(path.parent)
    copies = f", with {copied} of its {found} runs" if found else ""
    return Opened(
        _sound(path),
        read_only=False,
        notice=f"{path} was damaged ({why}). It was renamed to {aside.name}, and a new one was "
        f"made{copies}.",
    )


def _make_new(path: Path, new: Path) -> tuple[int, int]:
    """Make the database `new` with the runs of `path` that can be read.

    Returns how many were copied, and how many were found.
    """
    new.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(new, isolation_level=None)) as target:
            target.execute(GIVES_ROOM_BACK)
            migrate(target)
            # An empty file can have nothing to copy, but SQLite would delete its log.
            if not path.exists() or not path.stat().st_size:
                return 0, 0
            with closing(
                sqlite3.connect(_uri(path, "mode=ro"), uri=True, isolation_level=None)
            ) as damaged:
                damaged.text_factory = _text
                return salvage(damaged, target)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _sound(path: Path) -> sqlite3.Connection:
    _check_emptiness(path)
    connection = _connect(path, "mode=rwc")
    try:
        check_version(connection, str(path))
        if version_of(connection) < 0:
            raise _DamagedError("its version is below 0")
        if 0 < version_of(connection) < VERSION:
            connection.close()
            _migrate_alone(path)
            connection = _connect(path, "mode=rw")
        migrate(connection)
        # Reads every page that lists the runs, so that damage there shows now and not later.
        connection.execute("SELECT count(*), sum(length(hyperparameters)) FROM runs").fetchone()
        suspect = path.with_name(_SUSPECT)
        if suspect.exists():
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise _DamagedError(found.removeprefix("*** in database main ***\n"))
            suspect.unlink(missing_ok=True)
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate_alone(path: Path) -> None:
    """Bring the tables of an earlier version up to date while nobody else has them open.

    A program that has them open never asks again of which version they are. It would write what is
    read no more, and restart a run whose checkpoints it does not understand.

    Raises:
        _InUseError: somebody has them open.
        sqlite3.Error: they cannot be changed, and are as they were.
    """
    with closing(
        sqlite3.connect(_uri(path, "mode=rw"), uri=True, timeout=_MOMENT, isolation_level=None)
    ) as connection:
        # Before the first access, which then fails while there is another connection, even an idle
        # one. It stays exclusive until it is closed.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if _code(error) in _BUSY:
                raise _InUseError from error
            raise
        connection.execute("ROLLBACK")
        migrate(connection)


def _check_emptiness(path: Path) -> None:
    """Raises _DamagedError if an empty or missing file held runs once.

    SQLite takes it for a new database, and deletes the log that belonged to the old one.
    """
    if path.exists() and path.stat().st_size:
        return
    log = _log_of(path)
    checkpoints = path.parent / "checkpoints"
    kept_runs = path.exists() and checkpoints.is_dir() and any(checkpoints.iterdir())
    if kept_runs or (log.exists() and log.stat().st_size):
        raise _DamagedError("it is empty")


def _ways_to_read_untouched(path: Path) -> tuple[str, ...]:
    """Parts of a URI with which SQLite reads `path`, and makes and changes no file.

    In mode=ro alone it makes the files of the log where they are missing, and writes to the one
    that readers share, so that they find each other.
    """
    try:
        with path.open("rb") as file:
            has_log = file.read(_LOGGED + 1)[_LOGGED:] == b"\2"
    except OSError:
        has_log = True
    if not has_log:
        return ("mode=ro",)
    if _log_of(path).exists() and _shared_of(path).exists():
        # Somebody writes, or was killed: what is in the log is seen, also what is yet to come.
        return ("mode=ro&readonly_shm=1", "immutable=1")
    # Nobody has it open, or the log would be there; once it is, `file_identity` is another one.
    return ("immutable=1",)


def _open_to_read(
    path: Path, notice: str, ways: Sequence[str] = ("mode=ro", "immutable=1")
) -> Opened:
    if not path.exists():
        empty = sqlite3.connect(":memory:", isolation_level=None)
        migrate(empty)
        return Opened(empty, read_only=True, notice=notice)
    # In a folder that cannot be written SQLite cannot make the files that WAL needs; a database
    # declared immutable needs none, and passes over what is still in the log.
    log = _log_of(path)
    unseen = log.exists() and log.stat().st_size > 0
    problem = "it holds no runs"
    for how in ways:
        try:
            usable = _connect_to_read(path, how)
        except (sqlite3.Error, *UNREADABLE) as error:
            problem = str(error)
            continue
        if usable is not None:
            if how == "immutable=1" and unseen:
                notice += f" What was written last in {path} cannot be read."
            return Opened(usable, read_only=True, notice=notice.strip())
    raise StoreError(f"{path} cannot be read: {problem}.")


def _connect_to_read(path: Path, how: str) -> sqlite3.Connection | None:
    """A connection, or a copy in memory in the present version; None: there are no tables."""
    with contextlib.ExitStack() as unless_used:
        connection = sqlite3.connect(
            _uri(path, how), uri=True, timeout=_PATIENCE, isolation_level=None
        )
        unless_used.callback(connection.close)
        connection.text_factory = _text
        check_version(connection, str(path))
        version = version_of(connection)
        if version == 0:
            return None
        connection.execute("SELECT count(*) FROM runs").fetchone()
        if version == VERSION:
            unless_used.pop_all()
            return connection
        copy = sqlite3.connect(":memory:", isolation_level=None)
        copy.text_factory = _text
        connection.backup(copy)
        migrate(copy)
        return copy
