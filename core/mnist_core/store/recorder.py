"""Recording a run: its events go to the database and its states to files, by a thread of its own.

The training thread only appends to a list. The recorder writes what has come twice a second, in one
transaction, and checkpoints after the rows that lead to them, so that no checkpoint is ahead of its
curves. What could not be written waits for the next time.
"""

import contextlib
import json
import platform
import socket
import sqlite3
import threading
import time
import traceback
from collections.abc import Callable, Generator
from importlib import metadata
from os import getpid
from pathlib import Path
from uuid import uuid4

from mnist_core.dataset import Dataset
from mnist_core.events import (
    Event,
    RunCompleted,
    RunDiverged,
    RunEnded,
    RunFailed,
    RunStarted,
    RunStopped,
    SamplesPredicted,
    TrainingState,
)
from mnist_core.failures import failure_sentence
from mnist_core.hyperparameters import to_json
from mnist_core.store.checkpoints import Checkpoints
from mnist_core.store.cutting import cut_metrics
from mnist_core.store.database import (
    FILE,
    connect,
    file_identity,
    is_damage,
    mark_suspect,
    transaction,
)
from mnist_core.store.errors import StoreError
from mnist_core.store.ownership import Ownership
from mnist_core.store.pending import EpochRow, Pending
from mnist_core.store.records import RunState, storable

WRITE_INTERVAL = 0.5
"""Seconds between two writes."""
RETRY_INTERVAL = 3.0
"""Seconds to wait after a write that failed."""
FINISH_PATIENCE = 5.0
"""Seconds in which the last write may be tried again."""
_FINISH_RETRY = 0.25

_END_STATES = {
    RunCompleted: RunState.COMPLETED,
    RunStopped: RunState.STOPPED,
    RunDiverged: RunState.DIVERGED,
    RunFailed: RunState.FAILED,
}


class RunRecorder:
    """Writes one run, which it owns from the start to `finish`."""

    def __init__(
        self,
        home: Path,
        run_id: str,
        name: str,
        data: str,
        dataset: Dataset,
        ownership: Ownership,
        *,
        is_new: bool,
        resumed_from: TrainingState | None = None,
    ) -> None:
        """Made by `RunStore.record`; `data` is what --data takes to find `dataset` again.

        A run that is not new goes on from the state `resumed_from`, or from its seed if None.
        """
        self.run_id = run_id
        self.is_paused: Callable[[], bool] = lambda: False
        """Tells whether the run waits; set before the run starts."""
        self._home = home
        self._name = name
        self._data = data
        self._dataset = dataset
        self._ownership = ownership
        self._is_new = is_new
        self._resumed_from = resumed_from
        self._token = uuid4().hex
        self._checkpoints = Checkpoints(home / "checkpoints" / run_id)
        self._connection: sqlite3.Connection | None = None
        self._connected_to: tuple[int, ...] = ()
        self._mailbox: list[Event] = []
        self._lock = threading.Lock()
        self._begun = threading.Event()
        self._finish = threading.Event()
        self._pending = Pending()
        self._steps_per_second_from: tuple[int, float] = (0, 0.0)
        self._examples_per_step = 0.0
        self._possible_steps: set[int] = set()
        """Where the run may stand in the database: a commit that failed may have succeeded."""
        self._written_state = ""
        self._end_state: RunState | None = None
        self._latest_time = 0.0
        self._problem = ""
        self._details = ""
        self._cause = ""
        self._gone = False
        self._thread = threading.Thread(target=self._work, name="run recorder", daemon=True)

    @property
    def problem(self) -> str:
        """Why the run is not being kept, and what to do, as a sentence; empty: it is."""
        return self._problem

    @property
    def details(self) -> str:
        """The traceback behind `problem`, for the log file."""
        return self._details

    def start(self) -> None:
        self._thread.start()

    def record(self, event: Event) -> None:
        """Take an event; called by the training thread, at the cost of an append."""
        if self._gone or isinstance(event, SamplesPredicted):
            return
        with self._lock:
            self._mailbox.append(event)
        if isinstance(event, RunStarted):
            self._begun.set()

    def finish(self) -> None:
        """Write the rest and give the run up; blocks until that is done, for seconds at most."""
        self._finish.set()
        self._begun.set()
        if self._thread.ident is not None:
            self._thread.join()
        else:
            self._ownership.release()

    # -- the recorder's thread -------------------------------------------------------------------

    def _work(self) -> None:
        next_try = give_up = wait = 0.0
        try:
            # A run is in the list as soon as it begins.
            self._begun.wait()
            while not self._gone:
                finishing = self._finish.wait(wait)
                wait = WRITE_INTERVAL
                now = time.monotonic()
                if finishing:
                    give_up = give_up or now + FINISH_PATIENCE
                elif now < next_try:
                    # Only what has to be kept is held on to, however long the disk stays full.
                    self._take_mail()
                    continue
                written = self._try_to_write()
                if finishing and (written or time.monotonic() >= give_up):
                    break
                if finishing:
                    time.sleep(_FINISH_RETRY)
                next_try = 0.0 if written else time.monotonic() + RETRY_INTERVAL
            if self._problem and not self._gone:
                self._problem = (
                    f"The last part of the run could not be written to {self._home} and is lost: "
                    f"{self._cause}. What was kept before can be resumed."
                )
        finally:
            self._gone = True
            self._disconnect()
            self._ownership.release()

    def _try_to_write(self) -> bool:
        """Write what has come; False if it has to be tried again."""
        try:
            self._take_mail()
            self._write()
        except _RunLostError as error:
            self._problem = str(error)
            self._details = ""
            self._gone = True
            return False
        except Exception as error:  # noqa: BLE001 - the thread's edge: training goes on
            self._disconnect()
            self._details = traceback.format_exc()
            self._problem = self._sentence(error)
            return False
        self._problem = self._details = ""
        return True

    def _take_mail(self) -> None:
        with self._lock:
            events, self._mailbox = self._mailbox, []
        self._pending.add(events)

    def _sentence(self, error: Exception) -> str:
        if isinstance(error, sqlite3.Error):
            self._cause = str(error)
        elif isinstance(error, OSError):
            self._cause = error.strerror or str(error)
        else:
            self._cause = failure_sentence(error).rstrip(".")
        if isinstance(error, sqlite3.Error) and is_damage(error):
            mark_suspect(self._home)
            return (
                f"The run could not be written: the database in {self._home} is damaged ({error}). "
                "End every mnist-tui and start it again: it sets the damaged one aside and keeps "
                "the runs that can be read."
            )
        return (
            f"The run could not be written to {self._home}: {self._cause}. "
            "It goes on, and writing is tried again; make room or mend the folder."
        )

    def _connected(self) -> sqlite3.Connection:
        """A connection to the database that lies there now: it may have been set aside."""
        path = self._home / FILE
        identity = file_identity(path)
        if self._connection is not None and identity != self._connected_to:
            self._disconnect()
        if self._connection is None:
            self._connection = connect(path)
            self._connected_to = identity
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _write(self) -> None:
        if not self._ownership.held:
            raise _RunLostError(
                f"The lock of this run in {self._home} is gone, so it is no longer kept."
            )
        pending = self._pending
        if pending.started is None and not self._possible_steps:
            # It has not begun, or failed before it did: there is nothing to keep.
            return
        state = self._live_state()
        has_rows = pending.started is not None or pending.last_batch is not None or pending.epochs
        if has_rows or state != self._written_state:
            self._write_rows_of(state, None)
        for saved in pending.states:
            self._checkpoints.save(saved)
            pending.saved(saved)
        # Only a run whose weights are safe has ended: one that died before is to be resumed.
        if pending.end is not None:
            self._end_state = _END_STATES[type(pending.end)]
            self._write_rows_of(self._end_state, pending.end)
            pending.end = None

    def _write_rows_of(self, state: RunState, end: RunEnded | None) -> None:
        pending = self._pending
        step = self._step()
        connection = self._connected()
        is_start = pending.started is not None
        written = False
        try:
            with transaction(connection):
                self._write_rows(connection, state, end)
            written = True
        finally:
            if step is not None:
                self._possible_steps = {step} if written else self._possible_steps | {step}
        self._written_state = state
        pending.written()
        if is_start and not self._is_new:
            # Not before the metrics are cut too: what is past the state is of no use from now on.
            self._checkpoints.cut(self._resumed_from)

    def _step(self) -> int | None:
        """Where the run will stand after this write; None: where it stood before."""
        pending = self._pending
        steps = [row.step for row in pending.epochs]
        if pending.last_batch is not None:
            steps.append(pending.last_batch.step)
        if pending.started is not None:
            steps.append(pending.started.step)
        return max(steps, default=None)

    def _live_state(self) -> RunState:
        if self._end_state is not None:
            return self._end_state
        return RunState.PAUSED if self.is_paused() else RunState.RUNNING

    def _now(self) -> float:
        """Seconds since 1970, which never go back, though the clock may."""
        self._latest_time = max(self._latest_time, time.time())
        return self._latest_time

    def _write_rows(
        self, connection: sqlite3.Connection, state: RunState, end: RunEnded | None
    ) -> None:
        pending = self._pending
        if pending.started is not None:
            self._write_start(connection, pending.started)
        else:
            self._check_ours(connection)
        rows = pending.batch_rows()
        if rows is not None:
            first, array = rows
            connection.execute(
                "INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?)",
                (self.run_id, first, len(array), array.tobytes()),
            )
        for epoch in pending.epochs:
            self._write_epoch(connection, epoch)
        best_epoch = pending.epochs[-1].best_epoch if pending.epochs else None
        for answer in pending.answers:
            connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?, ?)",
                (self.run_id, answer.epoch, answer.predictions, answer.losses, answer.confidences,
                 answer.logits),
            )  # fmt: skip
        if pending.epochs:
            # Probabilities of every epoch would fill the disk: the best and the last keep theirs.
            connection.execute(
                "UPDATE answers SET logits = NULL WHERE run = ? AND logits IS NOT NULL "
                "AND epoch NOT IN (?, ?)",
                (self.run_id, best_epoch, pending.epochs[-1].epoch),
            )
        self._write_progress(connection, state, end)

    def _write_start(self, connection: sqlite3.Connection, started: RunStarted) -> None:
        self._examples_per_step = started.train_examples / started.steps_per_epoch
        self._steps_per_second_from = (started.step, 0.0)
        now = self._now()
        common = {
            "owner": self._token,
            "environment": _environment(started),
            "state": RunState.RUNNING,
            "updated": now,
            "epochs": started.epochs,
            "pid": getpid(),
            "host": socket.gethostname(),
        }
        self._write_labels(connection)
        if self._is_new:
            values = {
                "id": self.run_id,
                "name": storable(self._name) or _next_name(connection),
                "hyperparameters": json.dumps(to_json(started.hyperparameters)),
                "dataset": storable(self._dataset.name),
                "data": storable(self._data),
                "fingerprint": self._dataset.fingerprint,
                "started": now,
                "parameter_count": started.parameter_count,
                "train_examples": started.train_examples,
                "validation_examples": started.validation_examples,
                "test_examples": started.test_examples,
                "steps_per_epoch": started.steps_per_epoch,
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
        last_epoch = None if self._resumed_from is None else started.epoch
        cut_metrics(connection, self.run_id, started.step, last_epoch)
        changed = connection.execute(
            "UPDATE runs SET ended = NULL, failure = '', data = ?, "
            + ", ".join(f"{name} = ?" for name in common)
            + " WHERE id = ? AND deleted IS NULL",
            (storable(self._data), *common.values(), self.run_id),
        )
        if changed.rowcount == 0:
            raise _RunLostError("This run has been deleted, so it is no longer kept.")

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
            raise _RunLostError(
                f"This run is no longer in the database in {self._home}: it has been deleted, or "
                "the database was replaced. So it is no longer kept."
            )
        if row[0] != self._token:
            raise _RunLostError(
                "Another mnist-tui has taken this run over, so it is no longer kept here."
            )
        if row[2] not in self._possible_steps:
            raise _RunLostError(
                f"The database in {self._home} was replaced while this run went on, and a part of "
                "it is missing there. So it is no longer kept."
            )

    def _write_epoch(self, connection: sqlite3.Connection, row: EpochRow) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self.run_id, row.epoch, row.step, row.train_loss, row.train_accuracy,
             row.validation_loss, row.validation_accuracy, row.test_loss, row.test_accuracy,
             row.seconds, row.run_seconds),
        )  # fmt: skip

    def _write_progress(
        self, connection: sqlite3.Connection, state: RunState, end: RunEnded | None
    ) -> None:
        pending = self._pending
        now = self._now()
        values: dict[str, object] = {"state": state, "updated": now}
        if pending.last_batch is not None:
            batch = pending.last_batch
            values |= {"step": batch.step, "seconds": batch.seconds}
            first_step, first_seconds = self._steps_per_second_from
            if first_seconds == 0.0:
                self._steps_per_second_from = (batch.step, batch.seconds)
            elif batch.seconds > first_seconds:
                rate = (batch.step - first_step) / (batch.seconds - first_seconds)
                values["examples_per_second"] = rate * self._examples_per_step
        if pending.epochs:
            last = pending.epochs[-1]
            values |= {
                "epoch": last.epoch,
                "step": max(last.step, pending.last_batch.step if pending.last_batch else 0),
                "test_loss": last.test_loss,
                "test_accuracy": last.test_accuracy,
                "validation_loss": last.validation_loss,
                "validation_accuracy": last.validation_accuracy,
                "best_test_accuracy": last.best_test_accuracy,
                "best_validation_accuracy": last.best_validation_accuracy,
                "best_epoch": last.best_epoch,
            }
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


class _RunLostError(StoreError):
    """The run is not ours to write any more."""


def recorded_by(
    recorder: RunRecorder | None, events: Generator[Event, None, None]
) -> Generator[Event, None, None]:
    """`events`, recorded where there is a recorder."""
    return events if recorder is None else recorded(events, recorder)


def recorded(
    events: Generator[Event, None, None], recorder: RunRecorder
) -> Generator[Event, None, None]:
    """The same events, each handed to `recorder`; the end is stored before anybody is told of it.

    What is thrown in reaches the training, and an error ends the recorded run as failed.
    """
    try:
        event = next(events)
        while True:
            recorder.record(event)
            if isinstance(event, RunEnded):
                recorder.finish()
            try:
                yield event
            except GeneratorExit:
                events.close()
                raise
            except BaseException as request:  # noqa: BLE001 - whatever it is, training answers it
                event = events.throw(request)
            else:
                event = next(events)
    except StopIteration:
        return
    except Exception as error:
        recorder.record(RunFailed(failure_sentence(error), ""))
        raise
    finally:
        recorder.finish()


def _environment(started: RunStarted) -> str:
    versions = {name: metadata.version(name) for name in ("mnist-tui", "mlx", "numpy")}
    return json.dumps(
        {
            "device": started.device,
            "blas": started.blas,
            "threads": started.threads,
            "host": socket.gethostname(),
            "platform": platform.platform(),
            "versions": {**versions, "python": platform.python_version()},
        }
    )


def _next_name(connection: sqlite3.Connection) -> str:
    """A name that counts up, also past runs that were deleted."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'runs'").fetchone()
    return f"run {(row[0] if row else 0) + 1}"
