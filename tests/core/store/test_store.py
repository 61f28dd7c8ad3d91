"""The database of runs: what is kept, listed, found, edited and removed, and where."""

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.blobs import blobs
from helpers.recorded_runs import (
    assert_stored,
    change,
    hyperparameters,
    leave,
    record,
)
from helpers.stored_runs import check_integrity
from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted, EpochCompleted, Event, RunStarted
from mnist_core.store import RunState, RunStore, StoreError, deletion
from mnist_core.store.database import FILE
from mnist_core.store.ownership import Ownership
from mnist_core.store.recorder import recorded
from mnist_core.training.train import train

pytestmark = pytest.mark.usefixtures("uncompiled")


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
    store.deleter.delete([second])
    store.deleter.purge([second])
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
    for run in store.runs():
        if run.name.startswith("run "):
            assert store.run(run.name.removeprefix("run ")).id == run.id, "by its number"
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
    store.deleter.delete(ids[:3])
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
    store.deleter.delete([gone])
    assert [run.id for run in store.runs()] == [kept]
    with pytest.raises(StoreError, match="There is no run"):
        store.run(gone)
    store.deleter.restore([gone])
    assert [run.id for run in store.runs()] == [gone, kept]
    store.deleter.delete([gone])
    store.deleter.purge([kept, gone])
    store.deleter.restore([gone])
    assert [run.id for run in store.runs()] == [kept]
    left = {path.name for path in store.home.rglob("*") if gone in path.name}
    assert left == set()
    assert len(list((store.home / "checkpoints").iterdir())) == 1
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        for table in ("batches", "epochs", "packed_answers", "distributions"):
            runs = connection.execute(f"SELECT DISTINCT run FROM {table}").fetchall()
            assert runs == [(kept,)]


def test_a_forgotten_deletion_becomes_final_after_a_day(
    tiny: Dataset, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As an earlier version deletes, which does not say who it is.
    old, new = (leave(store.home, tiny, list(train(hyperparameters(epochs=1), tiny))) for _ in "ab")
    change(store.home, "UPDATE runs SET deleted = ? WHERE id = ?", time.time(), old)
    monkeypatch.setattr(deletion, "_FORGOTTEN_AFTER", -1.0)
    store.deleter.purge()
    monkeypatch.undo()
    change(store.home, "UPDATE runs SET deleted = ? WHERE id = ?", time.time(), new)
    store.deleter.purge()
    store.deleter.restore([old, new])
    assert [run.id for run in store.runs()] == [new]


def test_a_deletion_is_final_once_nobody_can_undo_it(
    tiny: Dataset, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed, open_for_days = (
        leave(store.home, tiny, list(train(hyperparameters(epochs=1), tiny))) for _ in "ab"
    )
    other, gone = RunStore(store.home), RunStore(store.home)
    other.deleter.delete([open_for_days])
    gone.deleter.delete([killed])
    store.tidy()
    assert {path.name for path in (store.home / "checkpoints").iterdir()} == {killed, open_for_days}
    # What a kill does: nothing but letting go of the lock.
    gone.deleter._lock.release()
    monkeypatch.setattr(deletion, "_FORGOTTEN_AFTER", -1.0)
    store.tidy()
    assert [path.name for path in (store.home / "checkpoints").iterdir()] == [open_for_days]
    other.deleter.restore([open_for_days])
    assert [run.id for run in store.runs()] == [open_for_days]
    other.close()
    assert list((store.home / "locks").iterdir()) == []


def test_a_live_run_is_neither_deleted_nor_purged(tiny: Dataset, store: RunStore) -> None:
    events = list(train(hyperparameters(epochs=1), tiny))
    other = record(store, tiny, events)
    recorder = store.record(tiny, "tiny")
    recorder.start()
    events_recorded = recorded(train(hyperparameters(epochs=1), tiny), recorder)
    next(events_recorded)
    with pytest.raises(StoreError, match="is being trained"):
        store.deleter.delete([other, recorder.run_id])
    assert store.run(other).id == other
    list(events_recorded)
    change(store.home, "UPDATE runs SET deleted = 1 WHERE id = ?", recorder.run_id)
    owner = Ownership(store.home / "locks" / f"{recorder.run_id}.lock")
    owner.claim("it")
    store.deleter.purge()
    owner.release()
    store.deleter.restore([recorder.run_id])
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


@pytest.mark.parametrize(
    "path", ["/a b", "/b\udcff", "/two\nlines", "/\\udcff", "/é\udce9\\udc80", "mnist", ""]
)
def test_the_place_of_the_data_is_kept_to_the_byte(
    tiny: Dataset, store: RunStore, path: str
) -> None:
    dataset = replace(tiny, name=path[1:], data=path)
    recorder, _ = store.begin_recording(dataset)
    assert recorder is not None
    list(recorded(train(hyperparameters(epochs=1), dataset, run_id=recorder.run_id), recorder))
    run = store.run(recorder.run_id)
    assert (run.data, run.dataset) == (path, path[1:])
    assert os.fsencode(run.data) == os.fsencode(path)


def test_a_place_that_an_earlier_version_kept_as_it_is_shown_is_found_again(
    tiny: Dataset, store: RunStore
) -> None:
    run_id = record(store, tiny, train(hyperparameters(epochs=1), tiny))
    change(store.home, "UPDATE runs SET data = ?, dataset = ?", "/b\\udcff", "b\\udcff")
    run = store.run(run_id)
    assert (run.data, run.dataset) == ("/b\udcff", "b\udcff")


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
        store.deleter.delete([run_id])
        store.deleter.purge([run_id])
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
