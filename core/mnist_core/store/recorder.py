"""Recording a run: its events go to the database and its states to files, by a thread of its own.

The training thread only appends to a list. The recorder writes what has come twice a second, in one
transaction, and checkpoints after the rows that lead to them, so that no checkpoint is ahead of its
curves. What could not be written waits for the next time.
"""

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
    EpochCompleted,
    Event,
    RunCompleted,
    RunDiverged,
    RunEnded,
    RunFailed,
    RunStarted,
    RunStopped,
    SamplesPredicted,
)
from mnist_core.failures import failure_sentence
from mnist_core.hyperparameters import to_json
from mnist_core.store.checkpoints import Checkpoints
from mnist_core.store.cutting import cut_metrics
from mnist_core.store.database import FILE, connect
from mnist_core.store.errors import StoreError
from mnist_core.store.ownership import Ownership
from mnist_core.store.pending import Pending
from mnist_core.store.records import RunState

WRITE_INTERVAL = 0.5
"""Seconds between two writes."""
RETRY_INTERVAL = 3.0
"""Seconds to wait after a write that failed."""

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
    ) -> None:
        """Made by `RunStore.record`; `data` is what --data takes to find `dataset` again."""
        self.run_id = run_id
        self.is_paused: Callable[[], bool] = lambda: False
        """Tells whether the run waits; set before the run starts."""
        self._home = home
        self._name = name
        self._data = data
        self._dataset = dataset
        self._ownership = ownership
        self._is_new = is_new
        self._token = uuid4().hex
        self._checkpoints = Checkpoints(home / "checkpoints" / run_id)
        self._mailbox: list[Event] = []
        self._lock = threading.Lock()
        self._finish = threading.Event()
        self._pending = Pending()
        self._steps_per_second_from: tuple[int, float] = (0, 0.0)
        self._examples_per_step = 0.0
        self._written_state = ""
        self._problem = ""
        self._details = ""
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
        if isinstance(event, SamplesPredicted):
            return
        with self._lock:
            self._mailbox.append(event)

    def finish(self) -> None:
        """Write the rest and give the run up; blocks until that is done."""
        self._finish.set()
        if self._thread.ident is not None:
            self._thread.join()

    # -- the recorder's thread -------------------------------------------------------------------

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        wait = WRITE_INTERVAL
        try:
            while True:
                finishing = self._finish.wait(wait)
                self._take_mail()
                try:
                    connection = connection or connect(self._home / FILE)
                    self._write(connection)
                    self._problem = self._details = ""
                    wait = WRITE_INTERVAL
                except _RunLostError as error:
                    self._problem = str(error)
                    self._gone = True
                except Exception as error:  # noqa: BLE001 - the thread's edge: training goes on
                    self._fail(error)
                    wait = RETRY_INTERVAL
                if finishing or self._gone:
                    break
        finally:
            if connection is not None:
                connection.close()
            self._ownership.release()

    def _take_mail(self) -> None:
        with self._lock:
            events, self._mailbox = self._mailbox, []
        self._pending.add(events)

    def _fail(self, error: Exception) -> None:
        self._details = traceback.format_exc()
        what = (
            f"{error}."
            if isinstance(error, sqlite3.Error)
            else f"{error.strerror or error}."
            if isinstance(error, OSError)
            else failure_sentence(error)
        )
        self._problem = (
            f"The run could not be written to {self._home}: {what} "
            "It goes on, and writing is tried again; make room or mend the folder."
        )

    def _write(self, connection: sqlite3.Connection) -> None:
        if not self._ownership.held:
            raise _RunLostError(
                f"The lock of this run in {self._home} is gone, so it is no longer kept."
            )
        pending = self._pending
        state = self._state()
        progressed = pending.last_batch is not None or pending.epochs or pending.end is not None
        if progressed or pending.started is not None or state != self._written_state:
            connection.execute("BEGIN IMMEDIATE")
            try:
                self._write_rows(connection, state)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
            self._written_state = state
            pending.written()
        for saved in pending.states:
            self._checkpoints.save(saved)
            pending.saved(saved)

    def _state(self) -> RunState:
        end = self._pending.end
        if end is not None:
            return _END_STATES[type(end)]
        return RunState.PAUSED if self.is_paused() else RunState.RUNNING

    def _write_rows(self, connection: sqlite3.Connection, state: RunState) -> None:
        pending = self._pending
        if pending.started is not None:
            self._write_start(connection, pending.started)
        rows = pending.batch_rows()
        if rows is not None:
            first, array = rows
            connection.execute(
                "INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?)",
                (self.run_id, first, len(array), array.tobytes()),
            )
        for epoch in pending.epochs:
            self._write_epoch(connection, epoch)
        best_epoch = pending.epochs[-1].state.best_epoch if pending.epochs else None
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
        self._write_progress(connection, state)

    def _write_start(self, connection: sqlite3.Connection, started: RunStarted) -> None:
        self._examples_per_step = started.train_examples / started.steps_per_epoch
        self._steps_per_second_from = (started.step, 0.0)
        now = time.time()
        common = {
            "owner": self._token,
            "environment": _environment(started),
            "state": RunState.RUNNING,
            "updated": now,
            "epochs": started.epochs,
            "pid": getpid(),
            "host": socket.gethostname(),
        }
        if self._is_new:
            values = {
                "id": self.run_id,
                "name": self._name or _next_name(connection),
                "hyperparameters": json.dumps(to_json(started.hyperparameters)),
                "dataset": self._dataset.name,
                "data": self._data,
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
            connection.execute(
                f"INSERT INTO runs ({columns}) VALUES ({marks})",
                tuple(values.values()),
            )
            return
        cut_metrics(connection, self.run_id, started.step, started.epoch)
        changed = connection.execute(
            "UPDATE runs SET ended = NULL, failure = '', data = ?, "
            + ", ".join(f"{name} = ?" for name in common)
            + " WHERE id = ?",
            (self._data, *common.values(), self.run_id),
        )
        if changed.rowcount == 0:
            raise _RunLostError("This run has been deleted, so it is no longer kept.")

    def _write_epoch(self, connection: sqlite3.Connection, event: EpochCompleted) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (self.run_id, event.epoch, event.step, event.train_loss, event.train_accuracy,
             event.validation_loss, event.validation_accuracy, event.test_loss,
             event.test_accuracy, event.seconds, event.state.seconds),
        )  # fmt: skip

    def _write_progress(self, connection: sqlite3.Connection, state: RunState) -> None:
        pending = self._pending
        now = time.time()
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
                "best_test_accuracy": last.state.best_test_accuracy,
                "best_validation_accuracy": last.state.best_validation_accuracy,
                "best_epoch": last.state.best_epoch,
            }
        if pending.end is not None:
            values["ended"] = now
            if isinstance(pending.end, RunFailed):
                values["failure"] = pending.end.message
            elif pending.end.examples_per_second:
                values["examples_per_second"] = pending.end.examples_per_second
        changed = connection.execute(
            "UPDATE runs SET "
            + ", ".join(f"{name} = ?" for name in values)
            + " WHERE id = ? AND owner = ?",
            (*values.values(), self.run_id, self._token),
        )
        if changed.rowcount == 0:
            raise _RunLostError(
                "Another mnist-tui has taken this run over or deleted it, so it is no longer kept "
                "here."
            )


class _RunLostError(StoreError):
    """The run is not ours to write any more."""


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
