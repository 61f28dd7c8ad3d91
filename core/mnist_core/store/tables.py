"""The rows of the store's tables, read as what they stand for."""

import json
import math
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from mnist_core.network.distributions import Distributions, unpack
from mnist_core.recipe.changes import Change, read_change
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.recipe.plan import OnDivergence
from mnist_core.store.packing import unpack_answers
from mnist_core.store.plain_values import check_plain, check_times, object_in, texts_in
from mnist_core.store.records import (
    BATCH_DTYPE,
    NORM_DTYPE,
    Environment,
    EpochRecord,
    RunRecord,
    RunState,
    StoredAnswers,
    StoredLabels,
    StoredPixels,
    StoreError,
    storable_path,
    stored_path,
)

_RUN_COLUMNS = tuple(
    each.name for each in fields(RunRecord) if each.name not in ("changes", "transposed")
)
"""Of the table `runs`; its changes are in a table of their own."""
_TRANSPOSED = "transposed:"
"""In the column `data` before what --data takes; no name and no absolute path begins so."""
ANSWER_TABLES = ("answers", "packed_answers")
_MOST_JOINED = 8 << 20
"""Bytes of batches that are rewritten at the end of a run."""
_PACKED = "epoch, samples, predictions, losses, confidences"
EPOCH_COLUMNS = tuple(each.name for each in fields(EpochRecord))
"""Of the table `epochs`, which has the run besides."""

Row = Sequence[object]


def select_runs(connection: sqlite3.Connection, condition: str, *values: object) -> list[Row]:
    """The rows of the runs that meet a condition in SQL, for `read_run`."""
    return connection.execute(
        f"SELECT {', '.join(_RUN_COLUMNS)} FROM runs {condition}", values
    ).fetchall()


def select_changes(connection: sqlite3.Connection, run: str | None) -> dict[str, list[Row]]:
    """The changes (step, field, value) of one run, or of all, by the run's id."""
    found: dict[str, list[Row]] = {}
    for run_id, *row in connection.execute(
        "SELECT run, step, field, value FROM changes WHERE run = ?1 OR ?1 IS NULL "
        "ORDER BY run, step, rowid",
        (run,),
    ):
        found.setdefault(run_id, []).append(row)
    return found


def next_name(connection: sqlite3.Connection) -> str:
    """A name for a run that counts up, also past runs that were deleted."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'runs'").fetchone()
    return f"run {(row[0] if row else 0) + 1}"


def data_column(data: str, *, transposed: bool) -> str | bytes:
    """The column `data` of a run on what --data takes."""
    return storable_path(f"{_TRANSPOSED}{data}" if transposed else data)


def read_run(
    row: Row, changes: Sequence[Row], home: Path, lives: Callable[[str, object, object], bool]
) -> RunRecord:
    """A run; `lives` tells from id, process and host whether it is being trained.

    Raises:
        StoreError: another version wrote it in a way that this one cannot read.
    """
    values = dict(zip(_RUN_COLUMNS, row, strict=True))
    try:
        state = RunState(str(values["state"]))
        if state.is_live and not lives(str(values["id"]), values["pid"], values["host"]):
            state = RunState.INTERRUPTED
        data = stored_path(values["data"])
        read: dict[str, Any] = {
            **values,
            "dataset": stored_path(values["dataset"]),
            "data": data.removeprefix(_TRANSPOSED),
            "transposed": data.startswith(_TRANSPOSED),
            "tags": texts_in(values["tags"]),
            "hyperparameters": _hyperparameters(str(values["hyperparameters"])),
            "environment": _environment(str(values["environment"])),
            "state": state,
            "changes": tuple(_change(*change) for change in changes),
        }
        check_plain(RunRecord, read)
        check_times(read)
        if read["on_divergence"] not in get_args(OnDivergence):
            raise ValueError("on_divergence is none of its words")
        return RunRecord(**read)
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(
            f"Run {values['id']} in {home} cannot be shown: it was kept by another "
            "version of mnist-tui, or is damaged."
        ) from error


def select_batches(connection: sqlite3.Connection, run: str, after: int = 0) -> NDArray[np.void]:
    """See `RunStore.batches`."""
    parts: list[NDArray[np.void]] = []
    # The row that has the first of them, or would have it.
    (step,) = connection.execute(
        "SELECT coalesce(max(first), 0) FROM batches WHERE run = ? AND first <= ?", (run, after)
    ).fetchone()
    before = after - step
    for first, data in connection.execute(
        "SELECT first, data FROM batches WHERE run = ? AND first >= ? ORDER BY first", (run, step)
    ).fetchall():
        if first != step:
            break
        parts.append(np.frombuffer(data, BATCH_DTYPE))
        step += len(parts[-1])
    return np.concatenate(parts)[before:] if parts else np.empty(0, BATCH_DTYPE)


def join_batches(connection: sqlite3.Connection, run: str) -> None:
    """Make one row of those of a run that has ended: each takes whole pages. Longer ones stay."""
    rows = connection.execute(
        "SELECT count(*), coalesce(sum(length(data)), 0) FROM batches WHERE run = ?", (run,)
    ).fetchone()
    if rows[0] < 2 or rows[1] > _MOST_JOINED:
        return
    joined = select_batches(connection, run)
    # What comes after a gap is of no use, but only what was read is replaced.
    connection.execute("DELETE FROM batches WHERE run = ? AND first < ?", (run, len(joined)))
    connection.execute(
        "INSERT INTO batches VALUES (?, 0, ?, ?)", (run, len(joined), joined.tobytes())
    )


def select_gradient_norms(
    connection: sqlite3.Connection, run: str, after: int = 0
) -> NDArray[np.void]:
    """See `RunStore.gradient_norms`."""
    rows = connection.execute(
        "SELECT step, norm FROM gradient_norms WHERE run = ? AND step > ? ORDER BY step",
        (run, after),
    ).fetchall()
    # SQLite has no NaN: it keeps NULL in its place.
    return np.array([(step, np.nan if norm is None else norm) for step, norm in rows], NORM_DTYPE)


def select_epochs(connection: sqlite3.Connection, run: str, after: int = -1) -> list[EpochRecord]:
    """See `RunStore.epochs`."""
    rows = connection.execute(
        f"SELECT {', '.join(EPOCH_COLUMNS)} FROM epochs WHERE run = ? AND epoch > ? ORDER BY epoch",
        (run, after),
    ).fetchall()
    return [_epoch(row) for row in rows]


def select_answers(connection: sqlite3.Connection, run: str, epoch: int) -> StoredAnswers | None:
    """See `RunStore.answers`."""
    row = connection.execute(
        f"SELECT {_PACKED}, logits FROM packed_answers WHERE run = ? AND epoch = ?", (run, epoch)
    ).fetchone()
    if row is not None:
        return unpack_answers(*row)
    row = connection.execute(
        "SELECT predictions, losses, confidences, logits FROM answers WHERE run = ? AND epoch = ?",
        (run, epoch),
    ).fetchone()
    return None if row is None else _answers(epoch, row)


def select_all_answers(connection: sqlite3.Connection, run: str) -> list[StoredAnswers]:
    """See `RunStore.all_answers`."""
    rows = connection.execute(
        "SELECT epoch, predictions, losses, confidences FROM answers WHERE run = ?", (run,)
    ).fetchall()
    found = {row[0]: _answers(row[0], (*row[1:], None)) for row in rows}
    packed = connection.execute(
        f"SELECT {_PACKED}, NULL FROM packed_answers WHERE run = ?", (run,)
    ).fetchall()
    found |= {row[0]: unpack_answers(*row) for row in packed}
    return [found[epoch] for epoch in sorted(found)]


def select_distributions(
    connection: sqlite3.Connection, run: str, after: int = -1
) -> dict[int, Distributions]:
    """See `RunStore.distributions`."""
    rows = connection.execute(
        "SELECT epoch, data FROM distributions WHERE run = ? AND epoch > ? ORDER BY epoch",
        (run, after),
    ).fetchall()
    return {epoch: unpack(data) for epoch, data in rows}


def select_labels(connection: sqlite3.Connection, fingerprint: str) -> StoredLabels | None:
    """See `RunStore.labels`."""
    row = connection.execute(
        "SELECT test, class_names, class_labels FROM labels WHERE fingerprint = ?",
        (fingerprint,),
    ).fetchone()
    if row is None:
        return None
    test, names, labels = row
    classes = json.loads(labels)
    if not isinstance(classes, list) or not all(type(each) is int for each in classes):
        raise ValueError("the labels of the classes are no numbers")
    return StoredLabels(np.frombuffer(test, "<u2"), texts_in(names), tuple(classes))


def select_pixels(connection: sqlite3.Connection, fingerprint: str) -> StoredPixels | None:
    """See `RunStore.pixels`."""
    row = connection.execute(
        "SELECT height, width, mean, deviation FROM pixels WHERE fingerprint = ?", (fingerprint,)
    ).fetchone()
    if row is None:
        return None
    height, width, mean, deviation = row
    check_plain(StoredPixels, {"pixel_mean": mean, "pixel_deviation": deviation})
    if type(height) is not int or type(width) is not int:
        raise TypeError("the size of the images is no number")
    return StoredPixels((height, width), mean, deviation)


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
    for table in ("epochs", "distributions", *ANSWER_TABLES):
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


def _change(step: object, field: object, value: object) -> Change:
    return read_change(int(str(step)), str(field), str(value))


@lru_cache(maxsize=4096)
def _hyperparameters(text: str) -> Hyperparameters:
    return Hyperparameters.model_validate_json(text)


@lru_cache(maxsize=256)
def _environment(text: str) -> Environment:
    values = object_in(text)
    check_plain(Environment, values)
    return Environment(**values)


def _epoch(row: Row) -> EpochRecord:
    # SQLite has no NaN: it keeps NULL in its place. Only before training there is no loss.
    metrics: dict[str, Any] = dict(zip(EPOCH_COLUMNS, row, strict=True))
    for measured_on in ("train", "validation", "test"):
        loss, accuracy = f"{measured_on}_loss", f"{measured_on}_accuracy"
        if metrics[loss] is None and metrics[accuracy] is not None:
            metrics[loss] = math.nan
    check_plain(EpochRecord, metrics)
    return EpochRecord(**metrics)


def _answers(epoch: int, row: Sequence[bytes | None]) -> StoredAnswers:
    predictions, losses, confidences, logits = row
    if predictions is None or losses is None or confidences is None:
        raise ValueError("an answer is missing")
    half = np.frombuffer(losses, np.float16)
    wide = len(predictions) == 2 * len(half)
    labels: NDArray[np.uint8] | NDArray[np.uint16]
    labels = np.frombuffer(predictions, np.uint16) if wide else np.frombuffer(predictions, np.uint8)
    return StoredAnswers(
        epoch,
        labels,
        half,
        np.frombuffer(confidences, np.float16),
        None if logits is None else np.frombuffer(logits, np.float32).reshape(len(half), -1),
    )
