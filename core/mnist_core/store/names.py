"""What a name that a user gives stands for: a run or a recording."""

import sqlite3
from pathlib import Path

from mnist_core.shell_commands import own_command
from mnist_core.store.records import StoreError, storable
from mnist_core.user_folders import home_flag


def look_up(connection: sqlite3.Connection, home: Path, name: str) -> tuple[str, str]:
    """The kind, run or recording, and the id of what has this id, or else this name, or else this
    number, such as 3 for run 3, or else an id that begins so.

    Raises:
        StoreError: there is none, or there are several.
    """
    rows = connection.execute(
        " UNION ALL ".join(
            f"SELECT id, name, '{kind}' FROM {kind}s WHERE deleted IS NULL AND (id = ?1 "
            f"OR name = ?1 OR name = '{kind} ' || ?1 OR substr(id, 1, length(?1)) = ?1)"
            for kind in ("run", "recording")
        ),
        (storable(name),),
    ).fetchall()
    by_id = [row for row in rows if row[0] == name]
    by_name = [row for row in rows if row[1] == name]
    by_number = [row for row in rows if row[1] == f"run {name}"]
    found = by_id or by_name or by_number or rows
    if not found or not name:
        raise StoreError(
            f"There is no run {name!r} in {home}. "
            f"See {own_command('runs', 'list', *home_flag(home))}."
        )
    if len(found) > 1:
        candidates = ", ".join(str(row[0]) for row in found[:2])
        raise StoreError(f"{name!r} stands for several runs, such as {candidates}; name one.")
    ((found_id, _, kind),) = found
    return kind, found_id
