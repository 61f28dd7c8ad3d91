"""The rows of one run: written as it goes on, and cut back to a checkpoint."""

import json
import platform
import socket
import sqlite3
import time
from dataclasses import asdict
from importlib import metadata
from os import getpid
from pathlib import Path
from uuid import uuid4

import numpy as np

from mnist_core.data.dataset import Dataset
from mnist_core.events import RunEnded, RunFailed, RunStarted, TrainingState
from mnist_core.recipe.hyperparameters import to_json
from mnist_core.store.pending import EpochRow, Pending
from mnist_core.store.records import BATCH_DTYPE, Environment, RunState, storable
from mnist_core.store.rows import EPOCH_COLUMNS
from mnist_core.store.schema import StoreError


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


_STARTED_COLUMNS = (
    "parameter_count", "train_examples", "validation_examples", "test_examples", "steps_per_epoch",
)  # fmt: skip
"""Of a run, as it was started."""
_PROGRESS_COLUMNS = (
    "epoch", "test_loss", "test_accuracy", "validation_loss", "validation_accuracy",
    "best_test_accuracy", "best_validation_accuracy", "best_epoch",
)  # fmt: skip
"""Of a run, as after its last epoch."""


class RunLostError(StoreError):
    """The run is not ours to write any more."""


class RunWriter:
    """Writes the rows of one run; `write` within a transaction."""

    def __init__(
        self,
        home: Path,
        run_id: str,
        name: str,
        data: str,
        dataset: Dataset,
        *,
        is_new: bool,
        resumed_from: TrainingState | None,
    ) -> None:
        """`data` is what --data takes to find `dataset` again.

        A run that is not new goes on from the state `resumed_from`, or from its seed if None.
        """
        self.home = home
        self.run_id = run_id
        self.is_new = is_new
        self.resumed_from = resumed_from
        self._name = name
        self._data = data
        self._dataset = dataset
        self._token = uuid4().hex
        self._steps_per_second_from: tuple[int, float] = (0, 0.0)
        self._train_examples = 0
        self._examples_per_step = 0.0
        self._latest_time = 0.0
        self.possible_steps: set[int] = set()
        """Where the run may stand in the database: a commit that failed may have succeeded."""

    def write(
        self,
        connection: sqlite3.Connection,
        pending: Pending,
        state: RunState,
        end: RunEnded | None,
    ) -> None:
        """Write what is pending, how the run stands, and its end if it has ended.

        Raises:
            RunLostError: it has been deleted, taken over or replaced.
            sqlite3.Error: it cannot be written.
        """
        if pending.started is not None:
            self._write_start(connection, pending.started)
        else:
            self._check_ours(connection)
        rewound = pending.rewound
        if rewound is not None:
            cut_metrics(connection, self.run_id, rewound.step, rewound.epoch)
        self._write_changes(connection, pending)
        rows = pending.batch_rows()
        if rows is not None:
            first, array = rows
            connection.execute(
                "INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?)",
                (self.run_id, first, len(array), array.tobytes()),
            )
        connection.executemany(
            "INSERT OR REPLACE INTO gradient_norms VALUES (?, ?, ?)",
            [(self.run_id, step, norm) for step, norm in pending.gradient_norms],
        )
        for epoch in pending.epochs:
            self._write_epoch(connection, epoch)
        for answers in pending.answers:
            arrays = (answers.predictions, answers.losses, answers.confidences, answers.logits)
            connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)",
                (self.run_id, answers.epoch,
                 *(None if array is None else array.tobytes() for array in arrays)),
            )  # fmt: skip
        if pending.epochs:
            # Probabilities of every epoch would fill the disk: the best and the last keep theirs.
            last = pending.epochs[-1]
            connection.execute(
                "UPDATE answers SET logits = NULL WHERE run = ? AND logits IS NOT NULL "
                "AND epoch NOT IN (?, ?)",
                (self.run_id, last.best_epoch, last.epoch),
            )
        self._write_progress(connection, pending, state, end)

    def _write_start(self, connection: sqlite3.Connection, started: RunStarted) -> None:
        self._train_examples = started.train_examples
        self._examples_per_step = started.train_examples / started.steps_per_epoch
        self._steps_per_second_from = (started.step, 0.0)
        now = self._now()
        common = {
            "owner": self._token,
            "environment": json.dumps(asdict(_environment(started))),
            "state": RunState.RUNNING,
            "updated": now,
            "epochs": started.epochs,
            "pid": getpid(),
            "host": socket.gethostname(),
        }
        self._write_labels(connection)
        if self.is_new:
            values = {
                "id": self.run_id,
                "name": storable(self._name) or _next_name(connection),
                "hyperparameters": json.dumps(to_json(started.hyperparameters)),
                "dataset": storable(self._dataset.name),
                "data": storable(self._data),
                "fingerprint": self._dataset.fingerprint,
                "started": now,
                **{name: getattr(started, name) for name in _STARTED_COLUMNS},
                **common,
            }
            columns = ", ".join(values)
            marks = ", ".join("?" * len(values))
            # It may be there already, from a commit that seemed to fail.
            connection.execute(
                f"INSERT OR IGNORE INTO runs ({columns}) VALUES ({marks})",
                tuple(values.values()),
            )
            return
        last_epoch = None if self.resumed_from is None else started.epoch
        cut_metrics(connection, self.run_id, started.step, last_epoch)
        changed = connection.execute(
            "UPDATE runs SET ended = NULL, failure = '', data = ?, "
            + ", ".join(f"{name} = ?" for name in common)
            + " WHERE id = ? AND deleted IS NULL",
            (storable(self._data), *common.values(), self.run_id),
        )
        if changed.rowcount == 0:
            raise RunLostError("This run has been deleted, so it is no longer kept.")

    def _write_labels(self, connection: sqlite3.Connection) -> None:
        dataset = self._dataset
        connection.execute(
            "INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?)",
            (dataset.fingerprint, dataset.test.labels.astype("<u2").tobytes(),
             json.dumps(dataset.class_names), json.dumps(dataset.class_labels)),
        )  # fmt: skip

    def _check_ours(self, connection: sqlite3.Connection) -> None:
        row = connection.execute(
            "SELECT owner, deleted, step FROM runs WHERE id = ?", (self.run_id,)
        ).fetchone()
        if row is None or row[1] is not None:
            raise RunLostError(
                f"This run is no longer in the database in {self.home}: it has been deleted, or "
                "the database was replaced. So it is no longer kept."
            )
        if row[0] != self._token:
            raise RunLostError(
                "Another mnist-tui has taken this run over, so it is no longer kept here."
            )
        if row[2] not in self.possible_steps:
            raise RunLostError(
                f"The database in {self.home} was replaced while this run went on, and a part of "
                "it is missing there. So it is no longer kept."
            )

    def _write_changes(self, connection: sqlite3.Connection, pending: Pending) -> None:
        if pending.all_changes is None:
            return
        connection.execute("DELETE FROM changes WHERE run = ?", (self.run_id,))
        connection.executemany(
            "INSERT OR REPLACE INTO changes VALUES (?, ?, ?, ?)",
            [
                (self.run_id, change.step, change.field, change.value_text)
                for change in pending.all_changes
            ],
        )

    def _write_epoch(self, connection: sqlite3.Connection, row: EpochRow) -> None:
        connection.execute(
            f"INSERT OR REPLACE INTO epochs (run, {', '.join(EPOCH_COLUMNS)}) "
            f"VALUES (?{', ?' * len(EPOCH_COLUMNS)})",
            (self.run_id, *(getattr(row, name) for name in EPOCH_COLUMNS)),
        )

    def _write_progress(
        self,
        connection: sqlite3.Connection,
        pending: Pending,
        state: RunState,
        end: RunEnded | None,
    ) -> None:
        now = self._now()
        values: dict[str, object] = {"state": state, "updated": now}
        if pending.step is not None:
            values["step"] = pending.step
        if pending.last_epoch is not None:
            values["epochs"] = pending.last_epoch
        if pending.rewound is not None:
            # What is measured from here on is a stretch of its own.
            self._steps_per_second_from = (0, 0.0)
        if pending.last_batch is not None:
            batch = pending.last_batch
            values["seconds"] = batch.seconds
            first_step, first_seconds = self._steps_per_second_from
            if first_seconds == 0.0 or pending.steps_per_epoch is not None:
                self._steps_per_second_from = (batch.step, batch.seconds)
            elif batch.seconds > first_seconds:
                rate = (batch.step - first_step) / (batch.seconds - first_seconds)
                values["examples_per_second"] = rate * self._examples_per_step
        if pending.steps_per_epoch is not None:
            self._examples_per_step = self._train_examples / pending.steps_per_epoch
        if pending.epochs:
            last = pending.epochs[-1]
            values |= {name: getattr(last, name) for name in _PROGRESS_COLUMNS}
        if end is not None:
            values["ended"] = now
            if isinstance(end, RunFailed):
                values["failure"] = storable(end.message)
            elif end.examples_per_second:
                values["examples_per_second"] = end.examples_per_second
        connection.execute(
            f"UPDATE runs SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ?",
            (*values.values(), self.run_id),
        )

    def _now(self) -> float:
        """Seconds since 1970, which never go back, though the clock may."""
        self._latest_time = max(self._latest_time, time.time())
        return self._latest_time


def _environment(started: RunStarted) -> Environment:
    versions = {name: metadata.version(name) for name in ("mnist-tui", "mlx", "numpy")}
    return Environment(
        started.device,
        started.blas,
        started.threads,
        socket.gethostname(),
        platform.platform(),
        {**versions, "python": platform.python_version()},
    )


def _next_name(connection: sqlite3.Connection) -> str:
    """A name that counts up, also past runs that were deleted."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'runs'").fetchone()
    return f"run {(row[0] if row else 0) + 1}"
