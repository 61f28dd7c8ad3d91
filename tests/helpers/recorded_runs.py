"""Training that is recorded, and the comparison of what was stored with an unbroken run."""

import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted, EpochCompleted, Event, StopTraining, TrainingState
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_core.store import RunStore
from mnist_core.store.database import FILE
from mnist_core.store.packing import rounded_logits, unpack_answers
from mnist_core.store.recorder import RunRecorder, recorded
from mnist_core.store.records import StoredAnswers, batch_array
from mnist_core.training.train import train

SMALL: dict[str, Any] = {"hidden_sizes": "8", "batch_size": 16, "epochs": 4}
"""A run of 20 batches on the data set `tiny`."""


def hyperparameters(**values: Any) -> Hyperparameters:
    return make_hyperparameters({**SMALL, **values})


def record(store: RunStore, dataset: Dataset, events: Iterable[Event], name: str = "") -> str:
    """Store `events`, which end by themselves; returns the run's id."""
    recorder = store.record(dataset, dataset.name, name)
    recorder.start()
    list(recorded(_generator(events), recorder))
    assert recorder.problem == ""
    return recorder.run_id


def record_until(
    store: RunStore, dataset: Dataset, training: Generator[Event, None, None], step: int
) -> str:
    """Store a run that is stopped after update `step`; returns its id."""
    recorder = store.record(dataset, dataset.name)
    recorder.start()
    events = recorded(training, recorder)
    for event in events:
        if isinstance(event, BatchCompleted) and event.step == step:
            events.throw(StopTraining())
            events.close()
    assert recorder.problem == ""
    return recorder.run_id


def resume(
    store: RunStore, run_id: str, dataset: Dataset, until_epoch: int | None = None
) -> RunRecorder:
    """Go on with a run to its end."""
    point = store.resume_point(run_id)
    recorder = store.record_again(point, dataset, dataset.name)
    recorder.start()
    training = train(point.record.hyperparameters, dataset, point.state, until_epoch=until_epoch)
    list(recorded(training, recorder))
    return recorder


def leave(home: Path, dataset: Dataset, events: Sequence[Event]) -> str:
    """Store `events` of a run that is then abandoned, as by a process that died."""
    with_store = RunStore(home)
    recorder = with_store.record(dataset, dataset.name)
    recorder.start()
    for event in events:
        recorder.record(event)
    recorder.finish()
    with_store.close()
    return recorder.run_id


def assert_stored(store: RunStore, run_id: str, unbroken: Sequence[Event]) -> None:
    """The run has every figure of `unbroken`, to the bit; times and what is rounded apart."""
    assert_stored_so_far(store, run_id, unbroken)
    batches = [event for event in unbroken if isinstance(event, BatchCompleted)]
    epochs = [event for event in unbroken if isinstance(event, EpochCompleted)]
    assert len(store.batches(run_id)) == len(batches)
    assert len(store.epochs(run_id)) == len(epochs)
    record = store.run(run_id)
    last = epochs[-1].state
    assert (record.step, record.epoch) == (last.step, last.epoch)
    assert record.best_epoch == last.best_epoch
    assert record.best_test_accuracy == last.best_test_accuracy
    assert record.best_validation_accuracy == last.best_validation_accuracy
    with_logits = {last.epoch, last.best_epoch}
    for event in epochs:
        answers = store.answers(run_id, event.epoch)
        assert answers is not None
        if event.epoch in with_logits:
            assert answers.logits is not None
            halves = StoredAnswers.of(event.epoch, event.test).losses
            expected = rounded_logits(event.test.answers.logits, halves)
            np.testing.assert_array_equal(answers.logits, expected)
        else:
            assert answers.logits is None
    assert_same_state(store.model(run_id), last)
    best = next(event for event in epochs if event.epoch == last.best_epoch)
    if last.best_epoch:
        assert_same_state(store.model(run_id, last.best_epoch), best.state)


def assert_stored_so_far(store: RunStore, run_id: str, unbroken: Sequence[Event]) -> None:
    """What there is of the run is the beginning of `unbroken`, to the bit."""
    expected = batch_array([event for event in unbroken if isinstance(event, BatchCompleted)])
    batches = store.batches(run_id)
    record = store.run(run_id)
    assert len(batches) == record.step
    for column in ("loss", "accuracy", "learning_rate"):
        np.testing.assert_array_equal(batches[column], expected[column][: len(batches)])
    epochs = [event for event in unbroken if isinstance(event, EpochCompleted)]
    stored = store.epochs(run_id)
    assert record.epoch == (stored[-1].epoch if stored else 0)
    distributions = store.distributions(run_id)
    # An earlier version kept none.
    kept = len(stored) - len(distributions)
    assert list(distributions) == [row.epoch for row in stored[kept:]]
    for row, event in zip(stored, epochs, strict=False):
        if row.epoch not in distributions:
            continue
        assert event.distributions is not None
        assert distributions[row.epoch].names == event.distributions.names
        assert distributions[row.epoch].rows.tobytes() == event.distributions.rows.tobytes()
        for name in ("epoch", "step", "train_loss", "train_accuracy", "validation_loss",
                     "validation_accuracy", "test_loss", "test_accuracy"):  # fmt: skip
            assert getattr(row, name) == getattr(event, name)
        answers = store.answers(run_id, event.epoch)
        assert answers is not None
        expected_answers = StoredAnswers.of(event.epoch, event.test)
        assert answers.predictions.tobytes() == expected_answers.predictions.tobytes()
        assert answers.losses.tobytes() == expected_answers.losses.tobytes()
        assert answers.confidences.tobytes() == expected_answers.confidences.tobytes()


def assert_same_state(found: TrainingState, expected: TrainingState) -> None:
    """The same to the bit, times apart."""
    for name in ("step", "epoch", "batch", "loss_sum", "correct", "best_test_accuracy",
                 "best_validation_accuracy", "best_epoch"):  # fmt: skip
        assert getattr(found, name) == getattr(expected, name), name
    for left, right in zip(found.parameters, expected.parameters, strict=True):
        np.testing.assert_array_equal(left, right)
    assert (found.optimizer_state is None) == (expected.optimizer_state is None)
    for left, right in zip(
        found.optimizer_state or (), expected.optimizer_state or (), strict=True
    ):
        np.testing.assert_array_equal(left, right)


def change(home: Path, sql: str, *values: object) -> None:
    """Change the database as another program would."""
    with closing(sqlite3.connect(home / FILE)) as connection, connection:
        connection.execute(sql, values)


RECORDING_TABLES = (
    "points", "metric_sets", "recorded_images", "recorded_predictions", "recordings",
)  # fmt: skip


def as_version_3(home: Path) -> None:
    """Make the database that of version 3, with the same runs."""
    with closing(sqlite3.connect(home / FILE)) as connection, connection:
        for run, *row in connection.execute("SELECT * FROM packed_answers").fetchall():
            answers = unpack_answers(*row)
            logits = None if answers.logits is None else answers.logits.tobytes()
            connection.execute(
                "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)",
                (run, answers.epoch, answers.predictions.tobytes(), answers.losses.tobytes(),
                 answers.confidences.tobytes(), logits),
            )  # fmt: skip
        later = ("distributions", "packed_answers", "pixels", "sample_marks", *RECORDING_TABLES)
        for table in later:
            connection.execute(f"DROP TABLE {table}")
        for column in ("until_epoch", "on_divergence", "deleted_by", "study", "trial"):
            connection.execute(f"ALTER TABLE runs DROP COLUMN {column}")
        connection.execute("PRAGMA user_version = 3")


def wait_until(condition: Callable[[], bool]) -> None:
    """Block until another thread or process has made it true.

    Raises:
        AssertionError: it has not in five minutes.
    """
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "It did not happen."
        time.sleep(0.002)


def _generator(events: Iterable[Event]) -> Generator[Event, None, None]:
    yield from events
