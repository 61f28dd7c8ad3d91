"""The rows of one run, written as it goes on."""

import json
import socket
import sqlite3
import time
from dataclasses import asdict, fields
from os import getpid
from pathlib import Path
from uuid import uuid4

from mnist_core.data.dataset import Dataset
from mnist_core.events import (
    RunEnded,
    RunFailed,
    RunStarted,
)
from mnist_core.network.distributions import pack
from mnist_core.recipe.hyperparameters import to_json
from mnist_core.store.packing import pack_answers
from mnist_core.store.pending import Pending
from mnist_core.store.records import (
    Environment,
    RunState,
    StoredAnswers,
    StoreError,
    TrialPlace,
    storable,
    storable_path,
)
from mnist_core.store.resume_point import ResumePoint
from mnist_core.store.tables import (
    ANSWER_TABLES,
    EPOCH_COLUMNS,
    cut_metrics,
    data_column,
    join_batches,
    next_name,
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
_SHORT_COLUMNS = 1000
"""More bytes than a row takes besides its large values."""


def _most(connection: sqlite3.Connection) -> int:
    """How many bytes the large values of a row may have together; its other columns are short."""
    return connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH) - _SHORT_COLUMNS


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
        point: ResumePoint | None,
        trial: TrialPlace | None = None,
    ) -> None:
        """`data` is what --data takes to find `dataset` again; a run without `point` is new."""
        self.home = home
        self.run_id = run_id
        self.point = point
        """Where it goes on; None: it is new."""
        self.name = "" if point is None else point.record.name
        """What it is called in the database; empty until it is there."""
        self._name = name
        self._data = data
        self._dataset = dataset
        self._trial = trial
        self.owner = uuid4().hex
        """What says in the database that the run is ours."""
        self._steps_per_second_from: tuple[int, float] = (0, 0.0)
        self._train_examples = 0
        self._examples_per_step = 0.0
        self._latest_time = 0.0
        self._left_out: set[str] = set()
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
        if pending.all_changes is not None:
            connection.execute("DELETE FROM changes WHERE run = ?", (self.run_id,))
            connection.executemany(
                "INSERT OR REPLACE INTO changes VALUES (?, ?, ?, ?)",
                [
                    (self.run_id, change.step, change.field, change.value_text)
                    for change in pending.all_changes
                ],
            )
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
        connection.executemany(
            f"INSERT OR REPLACE INTO epochs (run, {', '.join(EPOCH_COLUMNS)}) "
            f"VALUES (?{', ?' * len(EPOCH_COLUMNS)})",
            [
                (self.run_id, *(getattr(row, name) for name in EPOCH_COLUMNS))
                for row in pending.epochs
            ],
        )
        connection.executemany(
            "INSERT OR REPLACE INTO distributions VALUES (?, ?, ?)",
            [(self.run_id, epoch, pack(found)) for epoch, found in pending.distributions],
        )
        for answers in pending.answers:
            self._write_answers(connection, answers)
        if pending.epochs:
            # Not with the start, which training waits for: counting pixels takes 0.1 s.
            self._write_pixels(connection)
            # Probabilities of every epoch would fill the disk: the best and the last keep theirs.
            last = pending.epochs[-1]
            for table in ANSWER_TABLES:
                connection.execute(
                    f"UPDATE {table} SET logits = NULL WHERE run = ? AND logits IS NOT NULL "
                    "AND epoch NOT IN (?, ?)",
                    (self.run_id, last.best_epoch, last.epoch),
                )
        self._write_progress(connection, pending, state, end)

    def _write_pixels(self, connection: sqlite3.Connection) -> None:
        dataset = self._dataset
        connection.execute(
            "INSERT OR IGNORE INTO pixels VALUES (?, ?, ?, ?, ?)",
            (dataset.fingerprint, *dataset.image_shape, dataset.pixel_mean,
             dataset.pixel_deviation),
        )  # fmt: skip

    def _write_answers(self, connection: sqlite3.Connection, answers: StoredAnswers) -> None:
        """Write what was said in an epoch, or as much of it as a row can hold."""
        most = _most(connection)
        packed = pack_answers(answers, most)
        if answers.logits is not None and packed.logits is None:
            classes = answers.logits.shape[1]
            self._leave_out(
                f"the probabilities of {packed.samples} test samples in {classes} classes"
            )
        if packed.size > most:
            self._leave_out(f"what each epoch says of {packed.samples} test samples")
            return
        connection.execute(
            "INSERT OR REPLACE INTO packed_answers VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self.run_id, answers.epoch, *(getattr(packed, each.name) for each in fields(packed))),
        )

    @property
    def left_out(self) -> str:
        """What of the run is too large to be kept, as a sentence; empty: nothing."""
        if not self._left_out:
            return ""
        what = "; ".join(sorted(self._left_out))
        return f"Too large to be kept: {what}. The rest of the run is kept."

    def _leave_out(self, what: str) -> None:
        self._left_out.add(what)

    def _write_start(self, connection: sqlite3.Connection, started: RunStarted) -> None:
        self._train_examples = started.train_examples
        self._examples_per_step = started.train_examples / started.steps_per_epoch
        self._steps_per_second_from = (started.step, 0.0)
        now = self._now()
        common = {
            "owner": self.owner,
            "environment": json.dumps(asdict(Environment.of(started))),
            "state": RunState.RUNNING,
            "updated": now,
            "epochs": started.epochs,
            "until_epoch": started.until_epoch,
            # Where a person is asked this once, it stays what it was.
            **({"on_divergence": started.on_divergence} if started.on_divergence else {}),
            "pid": getpid(),
            "host": socket.gethostname(),
        }
        dataset = self._dataset
        labels = (dataset.test.labels.astype("<u2").tobytes(),
                  json.dumps(dataset.class_names), json.dumps(dataset.class_labels))  # fmt: skip
        if sum(map(len, labels)) > _most(connection):
            self._leave_out(f"the labels of {len(dataset.test.labels)} test samples")
        else:
            connection.execute(
                "INSERT OR REPLACE INTO labels VALUES (?, ?, ?, ?)",
                (dataset.fingerprint, *labels),
            )
        if self.point is None:
            values = {
                "id": self.run_id,
                "name": storable(self._name) or next_name(connection),
                "hyperparameters": json.dumps(to_json(started.hyperparameters)),
                "dataset": storable_path(dataset.name),
                "data": data_column(self._data, transposed=dataset.transposed),
                "fingerprint": dataset.fingerprint,
                "started": now,
                **(
                    {"study": self._trial.study, "trial": self._trial.number} if self._trial else {}
                ),
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
            (self.name,) = connection.execute(
                "SELECT name FROM runs WHERE id = ?", (self.run_id,)
            ).fetchone()
            return
        last_epoch = None if self.point.state is None else started.epoch
        cut_metrics(connection, self.run_id, started.step, last_epoch)
        changed = connection.execute(
            "UPDATE runs SET ended = NULL, failure = '', data = ?, "
            + ", ".join(f"{name} = ?" for name in common)
            + " WHERE id = ? AND deleted IS NULL",
            (
                data_column(self._data, transposed=dataset.transposed),
                *common.values(),
                self.run_id,
            ),
        )
        if changed.rowcount == 0:
            raise RunLostError("This run has been deleted, so it is no longer kept.")

    def _check_ours(self, connection: sqlite3.Connection) -> None:
        row = connection.execute(
            "SELECT owner, deleted, step FROM runs WHERE id = ?", (self.run_id,)
        ).fetchone()
        if row is None or row[1] is not None:
            raise RunLostError(
                f"This run is no longer in the database in {self.home}: it has been deleted, or "
                "the database was replaced. So it is no longer kept."
            )
        if row[0] != self.owner:
            raise RunLostError(
                "Another mnist-tui has taken this run over, so it is no longer kept here."
            )
        if row[2] not in self.possible_steps:
            raise RunLostError(
                f"The database in {self.home} was replaced while this run went on, and a part of "
                "it is missing there. So it is no longer kept."
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
        if pending.all_changes is not None:
            values["until_epoch"] = pending.until_epoch
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
            join_batches(connection, self.run_id)
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
