"""Stored runs for tests: a few that a recorder wrote, or a thousand put in by SQL."""

import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from helpers.scripted import digits
from mnist_core.events import (
    BatchCompleted,
    EpochCompleted,
    RunCompleted,
    RunStarted,
    TrainingState,
)
from mnist_core.network.distributions import Distributions
from mnist_core.network.evaluation import evaluate
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters, to_json
from mnist_core.store import RunStore
from mnist_core.store.database import FILE
from mnist_core.store.recorder import RunRecorder
from mnist_core.store.records import BATCH_DTYPE

STEPS = 4
"""Updates in an epoch of every stored run."""

_ENVIRONMENT = json.dumps(
    {"device": "cpu", "blas": "OpenBLAS", "threads": 2, "host": "here", "platform": "Linux",
     "versions": {"mlx": "0.32"}}
)  # fmt: skip


def put_run(
    home: Path,
    run_id: str,
    name: str,
    *,
    accuracies: Sequence[float] = (0.1, 0.9),
    validation: Sequence[float] = (),
    state: str = "completed",
    note: str = "",
    tags: Sequence[str] = (),
    dataset: str = "scripted",
    started: float | None = None,
    seconds: float = 10.0,
    rate: float | None = 40_000.0,
    steps: int = STEPS,
    **hyperparameters: object,
) -> None:
    """Store one run by SQL; `accuracies` are those of the test set from epoch 0 on."""
    with closing(_connection(home)) as connection, connection:
        _put(connection, run_id, name, accuracies, validation, state, note, tags, dataset,
             time.time() if started is None else started, seconds, rate, steps,
             make_hyperparameters(hyperparameters))  # fmt: skip


def put_many(home: Path, count: int, *, steps: int = STEPS, epochs: int = 3) -> None:
    """Store `count` ended runs by SQL, the last one the latest; each has another learning rate."""
    now = time.time()
    optimizers = ("sgd", "adam", "lion")
    with closing(_connection(home)) as connection, connection:
        for k in range(count):
            best = 0.5 + 0.45 * (k * 7919 % count) / count
            hyperparameters = make_hyperparameters(
                {"learning_rate": round(0.001 * (1 + k % 97), 6), "optimizer": optimizers[k % 3],
                 "seed": k, "epochs": epochs}
            )  # fmt: skip
            accuracies = [0.1, *np.linspace(0.5, best, epochs)]
            _put(connection, f"{k:08x}", f"run {k + 1}", accuracies, (), "completed", "", (),
                 "scripted", now - 60.0 * (count - k), 10.0 + k % 50, 1000.0 + k, steps,
                 hyperparameters)  # fmt: skip


def _connection(home: Path) -> sqlite3.Connection:
    store = RunStore(home)
    store.runs()
    store.close()
    return sqlite3.connect(home / "runs.db")


def _put(
    connection: sqlite3.Connection,
    run_id: str,
    name: str,
    accuracies: Sequence[float],
    validation: Sequence[float],
    state: str,
    note: str,
    tags: Sequence[str],
    dataset: str,
    started: float,
    seconds: float,
    rate: float | None,
    steps: int,
    hyperparameters: Hyperparameters,
) -> None:
    done = len(accuracies) - 1
    values = {
        "id": run_id, "owner": "test", "name": name, "note": note, "tags": json.dumps(list(tags)),
        "hyperparameters": json.dumps(to_json(hyperparameters)), "dataset": dataset,
        "data": dataset, "fingerprint": "f", "environment": _ENVIRONMENT, "state": state,
        "started": started, "updated": started + seconds,
        "ended": None if state in ("running", "paused") else started + seconds,
        "parameter_count": 26_506, "train_examples": 60_000,
        "validation_examples": 10_000 if validation else 0, "test_examples": 10_000,
        "steps_per_epoch": steps, "epochs": hyperparameters.epochs, "epoch": max(done, 0),
        "step": steps * max(done, 0), "test_loss": 0.5 if done >= 0 else None,
        "test_accuracy": accuracies[-1] if done >= 0 else None,
        "validation_loss": 0.6 if validation else None,
        "validation_accuracy": validation[-1] if validation else None,
        "best_test_accuracy": max(accuracies, default=None),
        "best_validation_accuracy": max(validation, default=None),
        "best_epoch": int(np.argmax(accuracies)) if done >= 0 else 0, "seconds": seconds,
        "examples_per_second": rate, "pid": 1, "host": "here",
    }  # fmt: skip
    connection.execute(
        f"INSERT INTO runs ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
        tuple(values.values()),
    )
    count = steps * max(done, 0)
    if count:
        batches = np.zeros(count, BATCH_DTYPE)
        step = np.arange(1, count + 1)
        batches["loss"] = 2.3 * np.exp(-3 * step / count) + 0.1
        batches["accuracy"] = 1 - batches["loss"] / 2.5
        batches["seconds"] = seconds * step / count
        connection.execute(
            "INSERT INTO batches VALUES (?, 0, ?, ?)", (run_id, count, batches.tobytes())
        )
    for epoch, accuracy in enumerate(accuracies):
        checked = validation[epoch] if validation else None
        connection.execute(
            "INSERT INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (run_id, epoch, steps * epoch, 1 - accuracy if epoch else None,
             accuracy if epoch else None, None if checked is None else 1 - checked, checked,
             1 - accuracy, accuracy, seconds / max(done, 1) if epoch else 0.0,
             seconds * epoch / max(done, 1)),
        )  # fmt: skip


class LiveRun:
    """A run that a recorder writes as another process would; the test says what it does."""

    def __init__(self, home: Path, name: str = "", **hyperparameters: object) -> None:
        self._store = RunStore(home)
        self.dataset = digits()
        self.hyperparameters = make_hyperparameters(hyperparameters)
        self.recorder: RunRecorder = self._store.record(self.dataset, "scripted", name)
        self.recorder.start()
        self.step = self.epoch = 0
        self._begin()
        self._evaluate(0.1)

    def resume(self, recorder: RunRecorder) -> None:
        """Go on after `close` with a recorder for the same run."""
        self.recorder = recorder
        recorder.start()
        self._begin()

    def train_epoch(self, accuracy: float) -> None:
        """One more epoch, which ends with this test accuracy."""
        self.epoch += 1
        for batch in range(1, STEPS + 1):
            self.step += 1
            self.recorder.record(
                BatchCompleted(self.step, self.epoch, batch, 2 / self.step, accuracy, 0.1,
                               0.01 * self.step)
            )  # fmt: skip
        self._evaluate(accuracy)

    def end(self) -> None:
        """The run is complete; blocks until it is written."""
        state = TrainingState((), None, step=self.step, epoch=self.epoch)
        self.recorder.record(
            RunCompleted(self.recorder.run_id, self.epoch, self.step, 0.5, 0.5, self.epoch, 1.0,
                         0.01 * self.step, 1000.0, state)
        )  # fmt: skip
        self.close()

    def close(self) -> None:
        """Give the run up, ended or not; blocks until what it did is written."""
        self.recorder.finish()
        self._store.close()

    def _begin(self) -> None:
        self.recorder.record(
            RunStarted(self.recorder.run_id, "scripted", self.hyperparameters, 10, 40, 0, 30,
                       self.hyperparameters.epochs, STEPS, self.epoch, self.step, "cpu",
                       "OpenBLAS", 2)
        )  # fmt: skip

    def _evaluate(self, accuracy: float) -> None:
        labels = self.dataset.test.labels
        logits = np.eye(self.dataset.class_count, dtype=np.float32)[labels]
        state = TrainingState(
            (), None, step=self.step, epoch=self.epoch, seconds=0.01 * self.step,
            best_test_accuracy=accuracy, best_epoch=self.epoch,
        )  # fmt: skip
        first = self.epoch == 0
        self.recorder.record(
            EpochCompleted(self.epoch, self.step, None if first else 1 - accuracy,
                           None if first else accuracy, None, None, 1 - accuracy, accuracy, 0.04,
                           evaluate(logits, labels), state,
                           Distributions.of({"weights/layers.0.weight": logits}))
        )  # fmt: skip


def check_integrity(home: Path) -> str:
    """What SQLite says of the whole database in `home`: "ok" or what is wrong."""
    where = f"{(home / FILE).absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(where, uri=True)) as connection:
        return "\n".join(row[0] for row in connection.execute("PRAGMA integrity_check"))
