"""A copy of a run, which goes its own way from there."""

import sqlite3
import time
from collections.abc import Mapping

from mnist_core.store.tables import next_name

_OF_A_RUN = (
    "batches", "epochs", "answers", "packed_answers", "changes", "gradient_norms", "distributions",
    "sample_marks",
)  # fmt: skip


def copy_run(
    connection: sqlite3.Connection, run_id: str, copy_id: str, note: str, deleter: str
) -> None:
    """Copy all that the tables have of an ended run, in the transaction that is open.

    The copy has a name and a note of its own, belongs to nobody, and is deleted by `deleter`.
    """
    now = time.time()
    own: dict[str, object] = {"id": copy_id, "name": next_name(connection), "note": note}
    own |= {"owner": "", "started": now, "updated": now, "ended": now}
    own |= {"study": "", "trial": None}
    own |= {"deleted": now, "deleted_by": deleter}
    _copy_rows(connection, "runs", "id", run_id, own)
    for table in _OF_A_RUN:
        _copy_rows(connection, table, "run", run_id, {"run": copy_id})


def _copy_rows(
    connection: sqlite3.Connection, table: str, key: str, run_id: str, own: Mapping[str, object]
) -> None:
    """Copy the rows of a run with the columns of `own` as given."""
    described = connection.execute(f"PRAGMA table_info({table})").fetchall()
    # The number of a run counts up by itself.
    columns = [column for _, column, *_ in described if column != "number"]
    values = [f":{column}" if column in own else column for column in columns]
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {table} "
        f"WHERE {key} = :copied",
        {**own, "copied": run_id},
    )
