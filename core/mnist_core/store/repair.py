"""Setting a damaged database aside, and copying what can still be read of it into a new one."""

import contextlib
import sqlite3
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from mnist_core.store.files import sync_folder

_TABLES = {
    "runs": "id",
    "batches": "run",
    "epochs": "run",
    "answers": "run",
    "packed_answers": "run",
    "changes": "run",
    "gradient_norms": "run",
    "distributions": "run",
    "sample_marks": "run",
}
"""Each table with the column that names the run; first the one that lists them."""
_RECORDING_TABLES = {
    "recordings": "id",
    "metric_sets": "recording",
    "points": "recording",
    "recorded_images": "recording",
    "recorded_predictions": "recording",
}
"""The same of recordings."""
_LATER_TABLES = {
    "changes", "gradient_norms", "packed_answers", "distributions", "sample_marks",
}  # fmt: skip
"""Those that a database of an earlier version does not have."""
_LATER_COLUMNS = {
    "until_epoch": "epochs",
    "on_divergence": "'continue'",
    "deleted_by": "''",
    "study": "''",
    "trial": "NULL",
}
"""The same of the table `runs`, each with what stands for it there, as when it is migrated."""

UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What reading a damaged database raises; the second where SQLite's reason quotes the damage."""

_MOST_RUNS = 100_000
"""More runs than anybody has: a number above comes from garbage."""

_Row = tuple[object, ...]


def set_aside(path: Path) -> Path:
    """Rename the damaged database; gives its new place."""
    moment = datetime.now().strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.stem}.damaged-{moment}{path.suffix}")
    count = 1
    while any(path.parent.glob(f"{aside.name}*")):
        count += 1
        aside = path.with_name(f"{path.stem}.damaged-{moment}-{count}{path.suffix}")
    # Its log first: without it the new database would take the old one's log for its own.
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    sync_folder(path.parent)
    return aside


def salvage(damaged: sqlite3.Connection, target: sqlite3.Connection) -> tuple[int, int]:
    """Copy every run and recording that can be read as a whole into `target`, which has the tables.

    A run of which a part cannot be read stays behind, since curves with holes would mislead.

    Returns how many were copied, and how many were found.

    Raises:
        sqlite3.Error: `target` cannot be written.
    """
    copied = found = 0
    for kind in (_TABLES, _RECORDING_TABLES):
        columns = {table: _columns(target, table) for table in kind}
        listed = next(iter(kind))
        for number in range(1, _highest(damaged, listed) + 1):
            try:
                # One by one, since a scan would end at the first damage.
                row = damaged.execute(
                    f"SELECT id FROM {listed} WHERE number = ?", (number,)
                ).fetchone()
            except UNREADABLE:
                found += 1
                continue
            if row is not None:
                found += 1
                rows = _rows(damaged, kind, columns, row[0])
                copied += rows is not None and _stored(target, columns, rows)
    _copy_data_sets(damaged, target)
    _copy_races(damaged, target)
    return copied, found


def _copy_data_sets(damaged: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Copy what can be read of the data sets: a run without their labels is worth keeping too."""
    for (fingerprint,) in target.execute("SELECT DISTINCT fingerprint FROM runs").fetchall():
        for table in ("labels", "pixels"):
            _copy_row(damaged, target, table, "fingerprint", fingerprint)


def _copy_races(damaged: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Copy each race of the benchmark that can be read."""
    highest = 0
    with contextlib.suppress(*UNREADABLE):
        (found,) = damaged.execute("SELECT max(rowid) FROM races").fetchone()
        highest = min(found, _MOST_RUNS) if isinstance(found, int) else 0
    for rowid in range(1, highest + 1):
        _copy_row(damaged, target, "races", "rowid", rowid)


def _copy_row(
    damaged: sqlite3.Connection, target: sqlite3.Connection, table: str, key: str, value: object
) -> None:
    """Copy a row if it can be read; garbage in the place of a value is passed over."""
    names = ", ".join(_columns(target, table))
    try:
        row = damaged.execute(f"SELECT {names} FROM {table} WHERE {key} = ?", (value,)).fetchone()
    except UNREADABLE:
        return
    if row is not None:
        marks = ", ".join("?" * len(row))
        target.execute(f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})", row)


def _columns(target: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in target.execute(f"PRAGMA table_info({table})")]


def _highest(damaged: sqlite3.Connection, listed: str) -> int:
    """The highest number in the table `listed`, from whichever place can be read; 0: from none."""
    for query in (
        f"SELECT seq FROM sqlite_sequence WHERE name = '{listed}'",
        f"SELECT max(number) FROM {listed}",
    ):
        with contextlib.suppress(*UNREADABLE):
            row = damaged.execute(query).fetchone()
            if row is not None and isinstance(row[0], int):
                return min(row[0], _MOST_RUNS)
    return 0


def _rows(
    damaged: sqlite3.Connection,
    kind: Mapping[str, str],
    columns: dict[str, list[str]],
    run_id: object,
) -> dict[str, list[_Row]] | None:
    rows: dict[str, list[_Row]] = {}
    for table, key in kind.items():
        try:
            there = set(_columns(damaged, table))
            values = [
                _LATER_COLUMNS[name] if name in _LATER_COLUMNS and name not in there else name
                for name in columns[table]
            ]
            rows[table] = damaged.execute(
                f"SELECT {', '.join(values)} FROM {table} WHERE {key} = ?", (run_id,)
            ).fetchall()
        except UNREADABLE as error:
            if str(error) != f"no such table: {table}" or table not in _LATER_TABLES:
                return None
            rows[table] = []
    return rows if len(rows[next(iter(kind))]) == 1 else None


def _stored(
    target: sqlite3.Connection, columns: dict[str, list[str]], rows: dict[str, list[_Row]]
) -> bool:
    target.execute("BEGIN")
    try:
        for table, names in columns.items():
            marks = ", ".join("?" * len(names))
            target.executemany(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows[table]
            )
    except sqlite3.IntegrityError:
        # Garbage in the place of a value.
        target.execute("ROLLBACK")
        return False
    target.execute("COMMIT")
    return True
