"""Runs that change or go back while they are kept: what is stored, and that it leads on exactly."""

import json
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.recorded_runs import (
    as_version_3,
    assert_same_state,
    assert_stored,
    assert_stored_so_far,
    hyperparameters,
    record,
    resume,
    wait_until,
)
from helpers.spoilt_updates import overflow, spoil_updates
from mnist_core.data.dataset import Dataset
from mnist_core.events import (
    BatchCompleted,
    EpochCompleted,
    Event,
    RunRewound,
    RunStarted,
    event_to_json,
)
from mnist_core.export import export
from mnist_core.recipe.changes import Change, ChangeQueue
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import NORM_DTYPE, RunState, RunStore
from mnist_core.store import recorder as recorder_module
from mnist_core.store.database import FILE
from mnist_core.store.recorder import recorded
from mnist_core.store.repair import salvage
from mnist_core.store.schema import migrate
from mnist_core.training.train import train

CHANGES = (
    Change(3, "learning_rate", 0.3),
    Change(7, "batch_size", 30),
    Change(11, "momentum", 0.9),
    Change(12, "epochs", 5),
    Change(12, "dropout", 0.2),
)
"""Of a run with 5 updates an epoch, and 3 after the second one."""
MADE = (
    Change(3, "learning_rate", 0.3),
    Change(10, "batch_size", 30),
    Change(11, "momentum", 0.9),
    Change(12, "dropout", 0.2),
    Change(13, "epochs", 5),
)


@pytest.fixture
def store(tmp_path: Path, uncompiled: None) -> RunStore:
    return RunStore(tmp_path / "home")


def changing(
    dataset: Dataset,
    changes: Sequence[Change] = CHANGES,
    chosen: Hyperparameters | None = None,
    **options: Any,
) -> Generator[Event, None, None]:
    return train(chosen or hyperparameters(), dataset, changes=ChangeQueue(changes), **options)


def as_if_straight(events: Sequence[Event]) -> list[Event]:
    """The same without what a run went back behind."""
    kept: list[Event] = []
    for event in events:
        if isinstance(event, RunRewound):
            kept = [
                each
                for each in kept
                if not (isinstance(each, BatchCompleted) and each.step > event.step)
                and not (isinstance(each, EpochCompleted) and each.epoch > event.epoch)
            ]
        kept.append(event)
    return kept


def test_changes_are_kept_where_they_took_effect(tiny: Dataset, store: RunStore) -> None:
    events = list(changing(tiny))
    run_id = record(store, tiny, events)
    run = store.run(run_id)
    assert run.changes == MADE
    assert (run.epochs, run.hyperparameters.epochs) == (5, 4)
    assert (run.recipe.hyperparameters.batch_size, run.recipe.epoch_steps.end(5)) == (30, 19)
    assert store.runs()[0] == store.latest() == run
    assert_stored(store, run_id, events)


def test_changes_that_are_still_to_come_are_kept_too(tiny: Dataset, store: RunStore) -> None:
    changes = [Change(2, "dropout", 0.5), Change(1000, "learning_rate", 0.01)]
    run_id = record(store, tiny, changing(tiny, changes))
    assert store.run(run_id).changes == tuple(changes)


def test_a_value_is_kept_to_the_last_digit(tiny: Dataset, store: RunStore) -> None:
    rate = 0.1 + 0.2 + 1e-17
    run_id = record(store, tiny, changing(tiny, [Change(1, "learning_rate", rate)]))
    assert store.run(run_id).changes[0].value == rate


@pytest.mark.parametrize("killed_at", [1, 4, 7, 10, 11, 12, 13, 17])
def test_a_changed_run_goes_on_after_a_kill_as_if_unbroken(
    tiny: Dataset, store: RunStore, killed_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_core.training.train.CHECKPOINT_INTERVAL", 0.0)
    unbroken = list(changing(tiny))
    recorder = store.record(tiny, "tiny")
    recorder.start()
    for event in recorded(changing(tiny), recorder):
        if isinstance(event, BatchCompleted) and event.step == killed_at:
            break
    recorder.finish()
    assert_stored_so_far(store, recorder.run_id, unbroken)
    point = store.resume_point(recorder.run_id)
    again = store.record_again(point, tiny, "tiny")
    again.start()
    training = train(
        point.record.hyperparameters, tiny, point.state, changes=ChangeQueue(point.record.changes)
    )
    list(recorded(training, again))
    assert_stored(store, recorder.run_id, unbroken)
    assert store.run(recorder.run_id).changes == MADE


def test_gradient_norms_are_kept_and_cut(
    tiny: Dataset, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mnist_core.training.train._LEAST_STEPS_BETWEEN_NORMS", 3)
    events = list(train(hyperparameters(), tiny))
    run_id = record(store, tiny, events)
    norms = store.gradient_norms(run_id)
    assert norms.dtype == NORM_DTYPE
    assert norms["step"].tolist() == [1, 4, 7, 10, 13, 16, 19]
    told = {e.step: e.gradient_norm for e in events if isinstance(e, BatchCompleted)}
    assert [told[step] for step in norms["step"]] == norms["norm"].tolist()
    assert resume(store, run_id, tiny, until_epoch=5).problem == ""
    assert store.gradient_norms(run_id)["step"].tolist()[-2:] == [22, 25]
    # From the state of epoch 2 on it is cut, and comes to the same.
    store.close()
    with closing(sqlite3.connect(store.home / FILE)) as connection, connection:
        connection.execute("UPDATE runs SET step = 10, epoch = 2")
    for path in sorted((store.home / "checkpoints" / run_id).iterdir())[1:]:
        path.unlink()
    resume(store, run_id, tiny)
    np.testing.assert_array_equal(store.gradient_norms(run_id), norms)


# -- going back ----------------------------------------------------------------------------------


def wild(**values: Any) -> Hyperparameters:
    """One that diverges in the first epoch on `tiny`, more than once.

    Each update multiplies the weights of all five layers by 1 - 100 * 10: the third one overflows.
    """
    return hyperparameters(
        hidden_sizes="8, 8, 8, 8", learning_rate=100.0, weight_decay=10.0, activation="leaky_relu",
        **values,
    )  # fmt: skip


@pytest.fixture(params=["at once", "as it comes"])
def written(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether a run is written after its end or all the time."""
    if request.param == "as it comes":
        monkeypatch.setattr(recorder_module, "WRITE_INTERVAL", 0.0)
    else:
        monkeypatch.setattr(recorder_module, "WRITE_INTERVAL", 60.0)
    return str(request.param)


def record_slowly(store: RunStore, dataset: Dataset, events: Sequence[Event], written: str) -> str:
    """Store a run so that, if it is to be, every batch is written before the next one comes."""
    recorder = store.record(dataset, "tiny")
    recorder.start()

    def stands_at(step: int) -> bool:
        return any(run.step == step for run in store.runs())

    def story() -> Generator[Event, None, None]:
        for event in events:
            yield event
            if written == "as it comes" and isinstance(event, BatchCompleted):
                wait_until(partial(stands_at, event.step))

    list(recorded(story(), recorder))
    assert recorder.problem == ""
    return recorder.run_id


def test_a_run_that_went_back_is_kept_as_if_it_had_not_strayed(
    tiny: Dataset, store: RunStore, written: str
) -> None:
    events = list(changing(tiny, (), wild(), on_divergence="halve"))
    assert next(e.step for e in events if isinstance(e, RunRewound)) == 0
    run_id = record_slowly(store, tiny, events, written)
    straight = as_if_straight(events)
    assert_stored(store, run_id, straight)
    run = store.run(run_id)
    assert run.state is RunState.COMPLETED
    assert {change.field for change in run.changes} == {"learning_rate"}
    # The same to the bit by what was stored.
    again = list(changing(tiny, run.changes, wild()))
    assert_stored(store, run_id, again)


def overflowing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each update at more than the rate of `hyperparameters()` overflow."""
    spoil_updates(monkeypatch, lambda _step, rate: overflow if rate > 0.1 else None)


def test_a_run_goes_back_into_its_middle(
    tiny: Dataset, store: RunStore, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    overflowing(monkeypatch)
    # 50 batches end in the middle of an epoch of 6.
    chosen = hyperparameters(epochs=14, activation="leaky_relu", batch_size=12)
    changes = (Change(51, "learning_rate", 1e2), Change(52, "weight_decay", 0.1))
    events = list(changing(tiny, changes, chosen, on_divergence="halve"))
    (rewound, *_) = (e for e in events if isinstance(e, RunRewound))
    assert (rewound.step, rewound.epoch) == (50, 8)
    run_id = record_slowly(store, tiny, events, written)
    straight = as_if_straight(events)
    assert_stored(store, run_id, straight)
    assert [change.step for change in store.run(run_id).changes] == [50, 52]
    again = list(changing(tiny, store.run(run_id).changes, chosen))
    assert_stored(store, run_id, again)


def test_a_run_that_dies_right_after_it_went_back_goes_on_from_there(
    tiny: Dataset, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    overflowing(monkeypatch)
    chosen = hyperparameters(epochs=14, activation="leaky_relu", batch_size=12)
    changes = (Change(51, "learning_rate", 0.16), Change(52, "weight_decay", 0.1))
    events = list(changing(tiny, changes, chosen, on_divergence="halve"))
    at = next(k for k, event in enumerate(events) if isinstance(event, RunRewound))
    rewound = events[at]
    assert isinstance(rewound, RunRewound)
    recorder = store.record(tiny, "tiny")
    recorder.start()
    for event in events[: at + 2]:
        recorder.record(event)
    recorder.finish()
    run = store.run(recorder.run_id)
    assert (run.state, run.step, run.epoch) == (RunState.INTERRUPTED, 50, 8)
    assert len(store.batches(run.id)) == 50
    point = store.resume_point(run.id)
    assert point.state is not None
    assert_same_state(point.state, rewound.state)
    resume_with_changes(store, run.id, tiny)
    assert_stored(store, run.id, list(changing(tiny, run.changes, chosen)))


def resume_with_changes(store: RunStore, run_id: str, dataset: Dataset) -> None:
    point = store.resume_point(run_id)
    recorder = store.record_again(point, dataset, "tiny")
    recorder.start()
    chosen, known = point.record.hyperparameters, ChangeQueue(point.record.changes)
    list(recorded(train(chosen, dataset, point.state, changes=known), recorder))
    assert recorder.problem == ""


# -- told again ----------------------------------------------------------------------------------


def exported(store: RunStore, run_id: str, path: Path) -> list[dict[str, Any]]:
    export.export_run(store, store.run(run_id), "jsonl", path)
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("values", [{}, {"schedule": "cosine", "warmup_steps": 4}])
def test_an_export_tells_of_changes_as_training_did(
    tiny: Dataset, store: RunStore, tmp_path: Path, values: dict[str, Any]
) -> None:
    events = list(changing(tiny, chosen=hyperparameters(**values)))
    run_id = record(store, tiny, events)
    told = exported(store, run_id, tmp_path / "run.jsonl")
    started = events[0]
    assert isinstance(started, RunStarted)
    # It is the story of a run that ended with what it was changed to.
    wanted = [event_to_json(event) for event in events]
    wanted[0] |= {"run_id": run_id, "epochs": 5, "name": "run 1", "note": "", "tags": []}
    wanted[-1] |= {"run_id": run_id}
    assert told == wanted


def test_an_export_tells_of_a_divergence_that_was_let_be(
    tiny: Dataset, store: RunStore, tmp_path: Path
) -> None:
    events = list(changing(tiny, (), wild()))
    told = exported(store, record(store, tiny, events), tmp_path / "run.jsonl")
    wanted = [event_to_json(event) for event in events]
    assert [each for each in told if each["event"] == "divergence_detected"] == [
        each for each in wanted if each["event"] == "divergence_detected"
    ]
    assert [each["event"] for each in told] == [each["event"] for each in wanted]


# -- databases of other versions and damaged ones ------------------------------------------------


def salvaged(home: Path, to: Path) -> RunStore:
    """The runs of a database, copied as out of a damaged one."""
    to.mkdir()
    with (
        closing(sqlite3.connect(home / FILE)) as damaged,
        closing(sqlite3.connect(to / FILE, isolation_level=None)) as target,
    ):
        migrate(target)
        assert salvage(damaged, target) == (1, 1)
    return RunStore(to)


def test_changes_and_norms_are_copied_out_of_a_damaged_database(
    tiny: Dataset, store: RunStore, tmp_path: Path
) -> None:
    run_id = record(store, tiny, list(changing(tiny)))
    found = salvaged(store.home, tmp_path / "new")
    assert found.run(run_id).changes == MADE
    np.testing.assert_array_equal(found.gradient_norms(run_id), store.gradient_norms(run_id))
    epochs = [epoch.epoch for epoch in found.epochs(run_id)]
    assert list(found.distributions(run_id)) == epochs


def without_changes(home: Path) -> None:
    """Make the database of the version before, which knew no changes."""
    as_version_3(home)
    with closing(sqlite3.connect(home / FILE)) as connection, connection:
        for table in ("races", "changes", "gradient_norms"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("PRAGMA user_version = 2")


@pytest.mark.parametrize("damaged", [False, True])
def test_runs_of_a_database_before_changes_are_kept(
    tiny: Dataset, store: RunStore, tmp_path: Path, damaged: bool
) -> None:
    run_id = record(store, tiny, list(train(hyperparameters(), tiny)))
    before = store.run(run_id)
    store.close()
    without_changes(store.home)
    found = salvaged(store.home, tmp_path / "new") if damaged else RunStore(store.home)
    # A version before this one knew only where the run was to end.
    assert found.run(run_id) == replace(before, until_epoch=before.epochs)
    assert found.run(run_id).changes == ()
    assert len(found.gradient_norms(run_id)) == 0
