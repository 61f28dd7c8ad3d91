"""The database of runs: what is kept, listed, found, edited and removed, and in which version."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blobs import blobs
from stored import (
    assert_same_state,
    assert_stored,
    hyperparameters,
    leave,
    record,
    record_until,
    resume,
)

from mnist_core.dataset import Dataset
from mnist_core.divergence import DivergenceReason
from mnist_core.evaluation import evaluate
from mnist_core.events import (
    BatchCompleted,
    DivergenceDetected,
    EpochCompleted,
    Event,
    RunCompleted,
    RunDiverged,
    RunStarted,
    TrainingState,
)
from mnist_core.store import RunState, RunStore, StoreError, schema
from mnist_core.store import run_store as run_store_module
from mnist_core.store.database import FILE, check_integrity
from mnist_core.store.ownership import Ownership
from mnist_core.store.recorder import recorded
from mnist_core.training import train

pytestmark = pytest.mark.usefixtures("uncompiled")


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "home")


def change(home: Path, sql: str, *values: object) -> None:
    """Change the database as another program would."""
    with closing(sqlite3.connect(home / FILE)) as connection, connection:
        connection.execute(sql, values)


# -- what is kept --------------------------------------------------------------------------------


def test_a_run_is_kept_with_all_that_tells_it(tiny: Dataset, store: RunStore) -> None:
    chosen = hyperparameters(validation="20", optimizer="adam")
    events = list(train(chosen, tiny))
    run_id = record(store, tiny, events)
    assert_stored(store, run_id, events)
    (run,) = store.runs()
    started = events[0]
    assert isinstance(started, RunStarted)
    assert (run.id, run.name, run.note, run.tags) == (run_id, "run 1", "", ())
    assert run.hyperparameters == chosen
    assert (run.dataset, run.data, run.fingerprint) == ("tiny", "tiny", tiny.fingerprint)
    assert (run.train_examples, run.validation_examples, run.test_examples) == (50, 20, 30)
    assert (run.steps_per_epoch, run.epochs, run.epoch, run.step) == (4, 4, 4, 16)
    assert run.parameter_count == started.parameter_count
    assert (run.environment.device, run.environment.blas) == (started.device, started.blas)
    assert run.environment.threads == started.threads
    assert set(run.environment.versions) == {"mnist-tui", "mlx", "numpy", "python"}
    assert run.state is RunState.COMPLETED
    assert run.started <= run.updated == run.ended
    assert run.seconds > 0
    assert run.examples_per_second is not None


def test_a_run_with_a_validation_set_is_ranked_by_it(tiny: Dataset, store: RunStore) -> None:
    with_set = store.run(record(store, tiny, train(hyperparameters(validation="20"), tiny)))
    without = store.run(record(store, tiny, train(hyperparameters(), tiny)))
    assert with_set.best is not None
    assert with_set.last is not None
    assert with_set.best.measured_on == with_set.last.measured_on == "validation"
    validation = [epoch.validation_accuracy for epoch in store.epochs(with_set.id)]
    assert with_set.best.value == max(value for value in validation if value is not None)
    assert with_set.last.value == validation[-1]
    assert without.best is not None
    assert without.best.measured_on == "test"
    assert without.best.value == max(epoch.test_accuracy for epoch in store.epochs(without.id))


@pytest.mark.parametrize(("classes", "kind"), [(4, np.uint8), (256, np.uint8), (300, np.uint16)])
def test_answers_are_kept_in_the_smallest_type(
    store: RunStore, classes: int, kind: type[np.unsignedinteger[Any]]
) -> None:
    names = tuple(str(label) for label in range(classes))
    data = Dataset(
        "many",
        blobs(classes, classes, (6, 5), 1),
        blobs(classes + 1, classes, (6, 5), 2),
        names,
        tuple(range(classes)),
    )
    events = list(train(hyperparameters(epochs=2), data))
    run_id = record(store, data, events)
    for event in events:
        if isinstance(event, EpochCompleted):
            answers = store.answers(run_id, event.epoch)
            assert answers is not None
            assert answers.predictions.dtype == kind
            assert answers.losses.dtype == answers.confidences.dtype == np.float16
            np.testing.assert_array_equal(answers.predictions, event.test.answers.predictions)
    assert [answers.epoch for answers in store.all_answers(run_id)] == [0, 1, 2]
    assert all(answers.logits is None for answers in store.all_answers(run_id))
    assert store.answers(run_id, 7) is None


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_losses_that_are_not_finite_come_back_as_they_were(
    tiny: Dataset, store: RunStore, odd: float
) -> None:
    run_id = record(store, tiny, train(hyperparameters(epochs=1, validation="20"), tiny))
    changed: list[Event] = []
    for event in train(hyperparameters(epochs=1, validation="20"), tiny):
        if isinstance(event, BatchCompleted):
            event = replace(event, loss=odd)
        elif isinstance(event, EpochCompleted):
            event = replace(event, train_loss=event.train_loss and odd, validation_loss=odd,
                            test_loss=odd)  # fmt: skip
        changed.append(event)
    odd_id = record(store, tiny, changed)
    np.testing.assert_array_equal(store.batches(odd_id)["loss"], np.float32(odd))
    zero, one = store.epochs(odd_id)
    assert zero.train_loss is None
    for found in (one.train_loss, one.validation_loss, zero.test_loss, one.test_loss):
        np.testing.assert_equal(found, odd)
    assert len(store.runs()) == 2
    assert store.run(run_id).test_loss == store.epochs(run_id)[-1].test_loss


def test_runs_are_named_by_number_also_past_deleted_ones(tiny: Dataset, store: RunStore) -> None:
    events = list(train(hyperparameters(epochs=1), tiny))
    first, second = record(store, tiny, events), record(store, tiny, events)
    store.delete([second])
    store.purge([second])
    third = record(store, tiny, events)
    named = record(store, tiny, events, "mine")
    assert [store.run(run).name for run in (first, third, named)] == ["run 1", "run 3", "mine"]


# -- finding -------------------------------------------------------------------------------------


def rename_ids(home: Path, *ids: str) -> None:
    with closing(sqlite3.connect(home / FILE)) as connection, connection:
        for number, run_id in enumerate(ids, 1):
            connection.execute("UPDATE runs SET id = ? WHERE number = ?", (run_id, number))


def test_a_run_is_found_by_id_name_or_the_beginning_of_its_id(
    tiny: Dataset, store: RunStore
) -> None:
    events = list(train(hyperparameters(epochs=1), tiny))[:1]
    for name in ("a", "same", "same", "abcd"):
        leave(store.home, tiny, events)
        store.rename(store.runs()[0].id, name)
    rename_ids(store.home, "abcd0001", "abcd0002", "ffff0003", "eeee0004")
    assert store.run("abcd0001").id == "abcd0001"
    assert store.run("f").id == "ffff0003"
    assert store.run("a").id == "abcd0001"  # the name, though two ids begin so
    assert store.run("abcd").id == "eeee0004"
    for ambiguous in ("abcd0", "same"):
        with pytest.raises(StoreError, match="stands for several runs"):
            store.run(ambiguous)
    for missing in ("", "abcd3", "A", "%", "'"):
        with pytest.raises(StoreError, match="There is no run"):
            store.run(missing)


def test_the_latest_run_comes_first(tiny: Dataset, store: RunStore) -> None:
    assert store.latest() is None
    events = list(train(hyperparameters(epochs=1), tiny))
    ids = [record(store, tiny, events) for _ in range(3)]
    assert [run.id for run in store.runs()] == ids[::-1]
    latest = store.latest()
    assert latest is not None
    assert latest.id == ids[-1]


def test_a_row_of_another_version_hides_no_other(tiny: Dataset, store: RunStore) -> None:
    events = list(train(hyperparameters(epochs=1), tiny))
    ids = [record(store, tiny, events) for _ in range(4)]
    change(store.home, "UPDATE runs SET state = 'dreaming' WHERE id = ?", ids[0])
    change(store.home, """UPDATE runs SET hyperparameters = '{"new": 1}' WHERE id = ?""", ids[1])
    change(store.home, "UPDATE runs SET tags = '[', name = X'ff00' WHERE id = ?", ids[2])
    assert [run.id for run in store.runs()] == [ids[3]]
    assert store.unreadable.startswith(f"Run {ids[2]}")
    assert "2 more" in store.unreadable
    with pytest.raises(StoreError, match="kept by another version"):
        store.run(ids[0])
    store.delete(ids[:3])
    assert [run.id for run in store.runs()] == [ids[3]]
    assert store.unreadable == ""


# -- editing -------------------------------------------------------------------------------------


def test_name_note_and_tags_can_be_changed(tiny: Dataset, store: RunStore) -> None:
    run_id = leave(store.home, tiny, list(train(hyperparameters(epochs=1), tiny)))
    odd = "né [/] \udcff\n"
    store.rename(run_id, odd)
    store.set_note(run_id, "better")
    store.set_tags(run_id, ["a", "b c"])
    run = store.run(run_id)
    assert (run.name, run.note, run.tags) == ("né [/] \\udcff\n", "better", ("a", "b c"))


def test_a_deletion_can_be_undone_until_it_is_final(tiny: Dataset, store: RunStore) -> None:
    kept, gone = (record(store, tiny, train(hyperparameters(epochs=1), tiny)) for _ in range(2))
    store.delete([gone])
    assert [run.id for run in store.runs()] == [kept]
    with pytest.raises(StoreError, match="There is no run"):
        store.run(gone)
    store.restore([gone])
    assert [run.id for run in store.runs()] == [gone, kept]
    store.delete([gone])
    store.purge([kept, gone])
    store.restore([gone])
    assert [run.id for run in store.runs()] == [kept]
    left = {path.name for path in store.home.rglob("*") if gone in path.name}
    assert left == set()
    assert len(list((store.home / "checkpoints").iterdir())) == 1
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        for table in ("batches", "epochs", "answers"):
            runs = connection.execute(f"SELECT DISTINCT run FROM {table}").fetchall()
            assert runs == [(kept,)]


def test_a_forgotten_deletion_becomes_final_after_a_day(
    tiny: Dataset, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (leave(store.home, tiny, list(train(hyperparameters(epochs=1), tiny))) for _ in "ab")
    store.delete([old])
    monkeypatch.setattr(run_store_module, "_FORGOTTEN_AFTER", -1.0)
    store.purge()
    monkeypatch.undo()
    store.delete([new])
    store.purge()
    store.restore([old, new])
    assert [run.id for run in store.runs()] == [new]


def test_a_live_run_is_neither_deleted_nor_purged(tiny: Dataset, store: RunStore) -> None:
    events = list(train(hyperparameters(epochs=1), tiny))
    other = record(store, tiny, events)
    recorder = store.record(tiny, "tiny")
    recorder.start()
    events_recorded = recorded(train(hyperparameters(epochs=1), tiny), recorder)
    next(events_recorded)
    with pytest.raises(StoreError, match="is being trained"):
        store.delete([other, recorder.run_id])
    assert store.run(other).id == other
    list(events_recorded)
    change(store.home, "UPDATE runs SET deleted = 1 WHERE id = ?", recorder.run_id)
    owner = Ownership(store.home / "locks" / f"{recorder.run_id}.lock")
    owner.claim("it")
    store.purge()
    owner.release()
    store.restore([recorder.run_id])
    assert store.run(recorder.run_id).state is RunState.COMPLETED
    assert store.model(recorder.run_id).epoch == 1


def test_changes_are_seen_whoever_made_them(tiny: Dataset, store: RunStore) -> None:
    run_id = leave(store.home, tiny, list(train(hyperparameters(epochs=1), tiny)))
    seen = [store.changes()]
    assert store.changes() == seen[0]
    store.set_note(run_id, "mine")
    seen.append(store.changes())
    change(store.home, "UPDATE runs SET note = 'theirs'")
    seen.append(store.changes())
    assert store.changes() == seen[-1]
    assert len(set(seen)) == 3
    # A process that dies changes nothing in the database.
    change(store.home, "UPDATE runs SET state = 'running'")
    owner = Ownership(store.home / "locks" / f"{run_id}.lock")
    owner.claim("it")
    alive = store.changes()
    assert store.run(run_id).state is RunState.RUNNING
    owner.release()
    assert store.changes() != alive
    assert store.run(run_id).state is RunState.INTERRUPTED


# -- versions ------------------------------------------------------------------------------------


def test_a_new_database_has_the_present_version(store: RunStore) -> None:
    assert not store.exists
    assert store.runs() == []
    assert store.exists
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        assert schema.version_of(connection) == schema.VERSION == 3
    assert check_integrity(store.home) == "ok"


def test_an_empty_file_is_made_a_database(store: RunStore) -> None:
    # As a process leaves it that is killed right after it has made the file.
    store.home.mkdir()
    (store.home / FILE).touch()
    assert store.runs() == []
    assert store.notice == ""


def test_a_database_of_a_newer_version_is_left_alone(store: RunStore) -> None:
    store.runs()
    store.close()
    change(store.home, f"PRAGMA user_version = {schema.VERSION + 1}")
    before = (store.home / FILE).read_bytes()
    with pytest.raises(StoreError, match="newer version of mnist-tui"):
        store.runs()
    assert (store.home / FILE).read_bytes() == before
    assert list(store.home.glob("*damaged*")) == []


def next_version(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, script))
    version = len(schema.MIGRATIONS)
    monkeypatch.setattr(schema, "VERSION", version)
    monkeypatch.setattr("mnist_core.store.database.VERSION", version)


def test_an_older_database_is_brought_to_the_present_version(
    tiny: Dataset, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = list(train(hyperparameters(epochs=1), tiny))
    run_id = record(store, tiny, events)
    store.close()
    next_version(monkeypatch, "ALTER TABLE runs ADD COLUMN colour TEXT; CREATE TABLE more (x);")
    assert_stored(store, run_id, events)
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        assert schema.version_of(connection) == 4
        assert connection.execute("SELECT colour FROM runs").fetchall() == [(None,)]


def test_a_migration_that_fails_leaves_the_version_before_it(
    tiny: Dataset, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = list(train(hyperparameters(epochs=1), tiny))
    run_id = record(store, tiny, events)
    store.close()
    next_version(monkeypatch, "ALTER TABLE runs ADD COLUMN colour TEXT; CREATE TABLE runs (x);")
    with pytest.raises(StoreError, match="cannot be"):
        store.set_note(run_id, "x")
    store.close()
    monkeypatch.undo()
    assert_stored(store, run_id, events)
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        assert schema.version_of(connection) == 3
        columns = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
    assert "colour" not in columns


def without_labels(home: Path) -> None:
    """Make the database of the first version, which had none of the later tables."""
    for table in ("labels", "races", "changes", "gradient_norms"):
        change(home, f"DROP TABLE {table}")
    change(home, "PRAGMA user_version = 1")


def test_a_run_of_the_first_version_gets_its_labels_when_it_goes_on(
    tiny: Dataset, store: RunStore
) -> None:
    events = list(train(hyperparameters(), tiny))
    first = record_until(store, tiny, train(hyperparameters(), tiny), 7)
    store.close()
    without_labels(store.home)
    assert store.labels(tiny.fingerprint) is None
    assert store.tested_labels(store.run(first)) is None
    assert store.answers(first, 1) is not None
    resume(store, first, tiny)
    labels = store.labels(tiny.fingerprint)
    assert labels is not None
    np.testing.assert_array_equal(labels.test, tiny.test.labels)
    assert_stored(store, first, events)


# -- labels --------------------------------------------------------------------------------------


def test_the_labels_of_the_test_set_are_kept_once_for_all_runs(
    tiny: Dataset, store: RunStore
) -> None:
    first = record(store, tiny, train(hyperparameters(epochs=1), tiny))
    renamed = replace(tiny, class_names=("[red]", "\x1b", "\udcff", "é"), class_labels=(0, 7, 8, 9))
    second = record(store, renamed, train(hyperparameters(epochs=1), renamed))
    labels = store.labels(tiny.fingerprint)
    assert labels is not None
    assert labels.test.dtype == np.uint16
    np.testing.assert_array_equal(labels.test, tiny.test.labels)
    # The names are those of the latest run.
    assert labels.class_names == renamed.class_names
    assert labels.class_labels == renamed.class_labels
    assert (labels.name(3), labels.name(4)) == ("é", "4")
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        assert connection.execute("SELECT count(*) FROM labels").fetchone() == (1,)
    # They go with the last run that needs them.
    for run_id, kept in ((first, True), (second, False)):
        store.delete([run_id])
        store.purge([run_id])
        assert (store.labels(tiny.fingerprint) is not None) == kept


@pytest.mark.parametrize(("validation", "tested"), [("none", 30), ("20", 30), ("published", 10)])
def test_a_run_has_the_labels_of_what_it_was_tested_on(
    tiny: Dataset, store: RunStore, validation: str, tested: int
) -> None:
    run = store.run(
        record(store, tiny, train(hyperparameters(epochs=1, validation=validation), tiny))
    )
    labels = store.tested_labels(run)
    assert labels is not None
    np.testing.assert_array_equal(labels.test, tiny.test.labels[-tested:])
    answers = store.answers(run.id, 1)
    assert answers is not None
    assert (answers.predictions == labels.test).mean() == run.test_accuracy


def test_labels_that_were_damaged_are_told_of(tiny: Dataset, store: RunStore) -> None:
    record(store, tiny, train(hyperparameters(epochs=1), tiny))
    for column, value in (("test", b"odd"), ("class_names", "{"), ("class_labels", "7")):
        change(store.home, f"UPDATE labels SET {column} = ?", value)
        with pytest.raises(StoreError, match="damaged"):
            store.labels(tiny.fingerprint)
        record(store, tiny, train(hyperparameters(epochs=1), tiny))
        assert store.labels(tiny.fingerprint) is not None


# -- going on ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"optimizer": "adam", "dropout": 0.3, "schedule": "cosine"},
        {"momentum": 0.9, "warmup_steps": 7},
        {"validation": "20"},
    ],
    ids=["sgd", "adam", "momentum", "validation"],
)
def test_a_stopped_run_goes_on_to_the_bit(
    tiny: Dataset, store: RunStore, values: dict[str, Any], repeats: Callable[[int, int], int]
) -> None:
    chosen = hyperparameters(**values)
    unbroken = list(train(chosen, tiny))
    steps = sum(isinstance(event, BatchCompleted) for event in unbroken)
    random = np.random.default_rng([4, len(str(values))])
    for _ in range(repeats(2, 20)):
        run_id = record_until(store, tiny, train(chosen, tiny), int(random.integers(1, steps)))
        assert store.run(run_id).state is RunState.STOPPED
        assert resume(store, run_id, tiny).problem == ""
        assert store.run(run_id).state is RunState.COMPLETED
        assert_stored(store, run_id, unbroken)
        assert store.runs()[0].id == run_id


def test_metrics_past_the_checkpoint_are_cut(tiny: Dataset, store: RunStore) -> None:
    chosen = hyperparameters()
    unbroken = list(train(chosen, tiny))
    # Ends after 13 of its 20 batches; its last checkpoint is that of epoch 2, after 10.
    broken = unbroken[: unbroken.index(batch(unbroken, 13)) + 1]
    run_id = leave(store.home, tiny, broken)
    run = store.run(run_id)
    assert (run.state, run.step, run.epoch) == (RunState.INTERRUPTED, 13, 2)
    point = store.resume_point(run_id)
    assert (point.notice, point.state and point.state.step) == ("", 10)
    recorder = store.record_again(point, tiny, "tiny")
    # Nothing goes before the run has started again.
    assert len(store.batches(run_id)) == 13
    recorder.start()
    events = recorded(train(chosen, tiny, point.state), recorder)
    next(events)
    recorder.finish()
    assert len(store.batches(run_id)) == store.run(run_id).step == 10
    assert [epoch.epoch for epoch in store.epochs(run_id)] == [0, 1, 2]
    resume(store, run_id, tiny)
    assert_stored(store, run_id, unbroken)


def batch(events: list[Event], step: int) -> BatchCompleted:
    return next(e for e in events if isinstance(e, BatchCompleted) and e.step == step)


def test_a_run_without_a_checkpoint_starts_again_from_its_seed(
    tiny: Dataset, store: RunStore
) -> None:
    unbroken = list(train(hyperparameters(), tiny))
    without = [event for event in unbroken if not isinstance(event, EpochCompleted)][:8]
    run_id = leave(store.home, tiny, without)
    point = store.resume_point(run_id)
    assert point.state is None
    assert "no checkpoint" in point.notice
    assert "seed" in point.notice
    resume(store, run_id, tiny)
    assert_stored(store, run_id, unbroken)


def test_a_run_stopped_before_its_first_evaluation_begins_with_it(
    tiny: Dataset, store: RunStore
) -> None:
    unbroken = list(train(hyperparameters(), tiny))
    recorder = store.record(tiny, "tiny")
    recorder.start()
    from mnist_core.events import StopTraining

    events = recorded(train(hyperparameters(), tiny), recorder)
    next(events)
    events.throw(StopTraining())
    events.close()
    point = store.resume_point(recorder.run_id)
    assert (point.state, point.notice) == (None, "")
    resume(store, recorder.run_id, tiny)
    assert_stored(store, recorder.run_id, unbroken)


def test_a_run_held_before_its_first_update_keeps_epoch_zero(
    tiny: Dataset, store: RunStore
) -> None:
    unbroken = list(train(hyperparameters(), tiny))
    zero = unbroken[1]
    assert isinstance(zero, EpochCompleted)
    run_id = leave(store.home, tiny, unbroken[:2])
    point = replace(store.resume_point(run_id), state=zero.state)
    recorder = store.record_again(point, tiny, "tiny")
    recorder.start()
    list(recorded(train(hyperparameters(), tiny, zero.state), recorder))
    assert_stored(store, run_id, unbroken)


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    tiny: Dataset, store: RunStore
) -> None:
    chosen = hyperparameters(epochs=6, learning_rate=0.5)
    unbroken = list(train(chosen, tiny))
    run_id = record_until(store, tiny, train(chosen, tiny), 28)
    best = store.run(run_id).best_epoch
    files = sorted((store.home / "checkpoints" / run_id).iterdir())
    assert len(files) == 2
    files[-1].write_bytes(files[-1].read_bytes()[: files[-1].stat().st_size // 2])
    point = store.resume_point(run_id)
    assert point.state is not None
    assert point.state.epoch == best
    assert str(files[-1]) in point.notice
    assert "cannot be used" in point.notice
    with pytest.raises(StoreError, match="cannot be used"):
        store.model(run_id)
    resume(store, run_id, tiny)
    assert_stored(store, run_id, unbroken)
    files = sorted((store.home / "checkpoints" / run_id).iterdir())
    for path in files:
        path.write_bytes(b"garbage")
    point = store.resume_point(run_id)
    assert point.state is None
    assert "starts again from its seed" in point.notice
    assert sorted((store.home / "checkpoints" / run_id).iterdir()) == files
    resume(store, run_id, tiny)
    assert_stored(store, run_id, unbroken)


def test_more_epochs_can_be_added_to_a_finished_run(tiny: Dataset, store: RunStore) -> None:
    chosen = hyperparameters(epochs=3)
    unbroken = list(train(chosen, tiny, until_epoch=5))
    run_id = record(store, tiny, train(chosen, tiny))
    assert store.run(run_id).epochs == 3
    resume(store, run_id, tiny, until_epoch=5)
    run = store.run(run_id)
    assert (run.state, run.epochs, run.epoch) == (RunState.COMPLETED, 5, 5)
    assert run.hyperparameters.epochs == 3
    assert_stored(store, run_id, unbroken)


def test_a_worse_resumed_model_never_takes_the_place_of_the_best(
    tiny: Dataset, store: RunStore
) -> None:
    chosen = hyperparameters(epochs=3, learning_rate=0.5)
    run_id = record(store, tiny, train(chosen, tiny))
    before = store.run(run_id)
    best = store.model(run_id, before.best_epoch)
    point = store.resume_point(run_id)
    assert point.state is not None
    ruined = replace(
        point.state, parameters=tuple(np.zeros_like(a) for a in point.state.parameters)
    )
    recorder = store.record_again(point, tiny, "tiny")
    recorder.start()
    slow = hyperparameters(epochs=3, learning_rate=1e-6)
    list(recorded(train(slow, tiny, ruined, until_epoch=5), recorder))
    after = store.run(run_id)
    assert (after.epoch, after.best_epoch) == (5, before.best_epoch)
    assert after.best_test_accuracy == before.best_test_accuracy
    assert after.last is not None
    assert after.best is not None
    assert after.last.value < after.best.value
    assert_same_state(store.model(run_id, before.best_epoch), best)
    answers = store.answers(run_id, before.best_epoch)
    assert answers is not None
    assert answers.logits is not None


def test_other_data_are_refused(tiny: Dataset, store: RunStore) -> None:
    run_id = record_until(store, tiny, train(hyperparameters(), tiny), 3)
    other = replace(tiny, name="other", test=blobs(30, 4, (6, 5), 3))
    point = store.resume_point(run_id)
    with pytest.raises(StoreError, match="was trained on other data than other"):
        store.record_again(point, other, "other")
    moved = replace(tiny, name="moved")
    store.record_again(point, moved, "/elsewhere").finish()
    assert store.run(run_id).state is RunState.STOPPED


def test_a_point_that_is_out_of_date_is_refused(tiny: Dataset, store: RunStore) -> None:
    run_id = record_until(store, tiny, train(hyperparameters(), tiny), 3)
    point = store.resume_point(run_id)
    resume(store, run_id, tiny)
    with pytest.raises(StoreError, match="has been continued meanwhile"):
        store.record_again(point, tiny, "tiny")
    # It is given up again.
    point = store.resume_point(run_id)
    assert point.state is not None
    ahead = replace(point, state=replace(point.state, step=99))
    with pytest.raises(StoreError, match="could not be kept"):
        store.record_again(ahead, tiny, "tiny")
    assert resume(store, run_id, tiny, until_epoch=5).problem == ""


def test_a_checkpoint_ahead_of_the_metrics_is_passed_over(tiny: Dataset, store: RunStore) -> None:
    unbroken = list(train(hyperparameters(), tiny))
    run_id = record(store, tiny, unbroken)
    # As in a database that was put back from a copy.
    change(store.home, "DELETE FROM batches")
    change(store.home, "DELETE FROM epochs WHERE epoch > 0")
    change(store.home, "UPDATE runs SET step = 0, epoch = 0")
    assert store.resume_point(run_id).state is None
    resume(store, run_id, tiny)
    assert_stored(store, run_id, unbroken)


def test_a_diverged_run_goes_on_from_its_last_healthy_state(tiny: Dataset, store: RunStore) -> None:
    # The last update of epoch 2 spoilt the weights; the loss shows it a batch later.
    events = list(train(hyperparameters(), tiny))
    epochs = [event for event in events if isinstance(event, EpochCompleted)]
    spoilt = replace(
        epochs[2].state,
        parameters=tuple(a * np.float32("nan") for a in epochs[2].state.parameters),
        best_epoch=epochs[1].state.best_epoch,
    )
    story = events[: events.index(epochs[2])]
    story.append(replace(epochs[2], state=spoilt, test_loss=float("nan")))
    story.append(replace(batch(events, 11), loss=float("nan")))
    reason = DivergenceReason.LOSS_NOT_FINITE
    story.append(DivergenceDetected(11, 3, float("nan"), reason, 0, "Too fast."))
    story.append(
        RunDiverged("x", 2, 11, None, None, spoilt.best_epoch, None, 1.0, 1.0,
                    replace(spoilt, step=11, batch=1))
    )  # fmt: skip
    run_id = record(store, tiny, story)
    assert store.run(run_id).state is RunState.DIVERGED
    point = store.resume_point(run_id)
    healthy = spoilt.best_epoch
    if healthy:
        assert point.state is not None
        assert_same_state(point.state, epochs[healthy].state)
        assert "not finite" in point.notice
    else:
        assert point.state is None
    resume(store, run_id, tiny)
    assert_stored(store, run_id, events)


def test_answers_of_a_model_that_says_nothing_are_kept(tiny: Dataset, store: RunStore) -> None:
    nothing = np.full((30, 4), np.nan, np.float32)
    state = TrainingState((), None)
    started = next(iter(train(hyperparameters(), tiny)))
    test = evaluate(nothing, tiny.test.labels)
    epoch = EpochCompleted(0, 0, None, None, None, None, test.loss, test.accuracy, 0.0, test, state)
    end = RunCompleted("x", 0, 0, None, None, 0, None, 0.0, 0.0, state)
    run_id = record(store, tiny, [started, epoch, end])
    answers = store.answers(run_id, 0)
    assert answers is not None
    assert np.isnan(answers.losses).all()
    assert answers.logits is not None
    assert np.isnan(answers.logits).all()


# -- places --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a b", "ünï", "a?b", "a#b", "50%20", "a'b", "\udcff"])
def test_any_folder_can_be_the_home(tiny: Dataset, tmp_path: Path, name: str) -> None:
    store = RunStore(tmp_path / name)
    events = list(train(hyperparameters(epochs=1), tiny))
    run_id = record(store, tiny, events)
    assert_stored(store, run_id, events)
    store.close()
    assert check_integrity(tmp_path / name) == "ok"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_in_the_place_of_the_home_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("mine")
    with pytest.raises(StoreError, match="cannot be made"):
        RunStore(tmp_path / "home").runs()


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute("CREATE TABLE runs (theirs)")
        connection.execute("INSERT INTO runs VALUES (1)")
    with pytest.raises(StoreError, match="runs"):
        RunStore(tmp_path).runs()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("SELECT * FROM runs").fetchall() == [(1,)]
