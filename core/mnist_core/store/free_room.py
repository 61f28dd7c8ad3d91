"""Giving the room of what was deleted back to the disk."""

import contextlib
import shutil
import sqlite3
from pathlib import Path

GIVES_ROOM_BACK = "PRAGMA auto_vacuum = INCREMENTAL"
"""Lets a database that is made next give pages back; one of an earlier version `rebuild` first."""
_INCREMENTAL = 2
PAGES_AT_START = 100
"""Pages of 4 KiB to give back where somebody waits for the app."""
_QUICKLY_REBUILT = 32 << 20
"""Bytes that are rebuilt within a second or so."""
_WORTHWHILE = 0.25
"""The free share of a larger database that is worth the time."""


def give_back(connection: sqlite3.Connection, pages: int | None = None) -> None:
    """Shorten the database by its free pages, or by `pages` of them; as far as that can be done.

    Nothing is lost where it cannot: the pages are used again. Call it outside a transaction.
    """
    with contextlib.suppress(sqlite3.Error):
        if _value(connection, "freelist_count"):
            # Of a statement alone, Python would take the first step: a single page.
            connection.executescript(f"PRAGMA incremental_vacuum({pages or 0})")


def rebuild(connection: sqlite3.Connection, path: Path) -> None:
    """Make a database of an earlier version one that gives pages back, where that is quick or
    worthwhile, and the disk has room for the copy that it takes.

    SQLite writes it whole or not at all, and waits for nobody who reads. If somebody else writes,
    it stays for another time. Call it outside a transaction, when nobody waits.
    """
    with contextlib.suppress(sqlite3.Error, OSError):
        if _value(connection, "auto_vacuum") == _INCREMENTAL:
            return
        pages, free = _value(connection, "page_count"), _value(connection, "freelist_count")
        size = pages * _value(connection, "page_size")
        if size > _QUICKLY_REBUILT and free < _WORTHWHILE * pages:
            return
        # The copy, and the log that it goes through.
        if shutil.disk_usage(path.parent).free > 3 * size:
            connection.execute(GIVES_ROOM_BACK)
            connection.execute("VACUUM")


def _value(connection: sqlite3.Connection, pragma: str) -> int:
    (value,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(value)
