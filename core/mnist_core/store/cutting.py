"""Cutting a run's metrics back to a checkpoint, so that its curves never run twice."""

import sqlite3

import numpy as np

from mnist_core.store.records import BATCH_DTYPE


def cut_metrics(connection: sqlite3.Connection, run: str, step: int, epoch: int | None) -> None:
    """Drop what `run` has past update `step` and completed epoch `epoch`.

    None drops epoch 0 too: a run from its seed evaluates it again. Call it within a transaction.
    """
    last_epoch = -1 if epoch is None else epoch
    connection.execute("DELETE FROM batches WHERE run = ? AND first >= ?", (run, step))
    row = connection.execute(
        "SELECT first, data FROM batches WHERE run = ? AND first + count > ?", (run, step)
    ).fetchone()
    if row is not None:
        first, data = row
        kept = np.frombuffer(data, BATCH_DTYPE)[: step - first]
        connection.execute(
            "UPDATE batches SET count = ?, data = ? WHERE run = ? AND first = ?",
            (len(kept), kept.tobytes(), run, first),
        )
    connection.execute("DELETE FROM gradient_norms WHERE run = ? AND step > ?", (run, step))
    for table in ("epochs", "answers"):
        connection.execute(f"DELETE FROM {table} WHERE run = ? AND epoch > ?", (run, last_epoch))
    connection.execute(
        "UPDATE runs SET step = ?, epoch = ?, "
        "(test_loss, test_accuracy, validation_loss, validation_accuracy) = "
        "(SELECT test_loss, test_accuracy, validation_loss, validation_accuracy "
        " FROM epochs WHERE run = runs.id ORDER BY epoch DESC LIMIT 1), "
        "seconds = coalesce((SELECT max(run_seconds) FROM epochs WHERE run = runs.id), 0), "
        "best_test_accuracy = (SELECT max(test_accuracy) FROM epochs WHERE run = runs.id), "
        "best_validation_accuracy = "
        "(SELECT max(validation_accuracy) FROM epochs WHERE run = runs.id), "
        "best_epoch = coalesce((SELECT epoch FROM epochs WHERE run = runs.id "
        " ORDER BY coalesce(validation_accuracy, test_accuracy) DESC, epoch LIMIT 1), 0) "
        "WHERE id = ?",
        (step, max(last_epoch, 0), run),
    )
