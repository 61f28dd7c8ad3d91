"""How much of the disk runs take: packed answers, what is too large, and room given back."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.recorded_runs import (
    as_version_3,
    assert_stored,
    assert_stored_so_far,
    change,
    hyperparameters,
    leave,
    record,
    record_until,
    resume,
)
from mnist_core.data.dataset import Dataset
from mnist_core.network.evaluation import (
    evaluate,
    margins,
    probabilities,
    second_guesses,
)
from mnist_core.store import RunStore, StoredAnswers, database, deletion
from mnist_core.store import recorder as recorder_module
from mnist_core.store.answers import measured
from mnist_core.store.database import FILE
from mnist_core.store.free_room import PAGES_AT_START
from mnist_core.store.ownership import Ownership
from mnist_core.store.packing import pack_answers, unpack_answers
from mnist_core.store.recorder import recorded
from mnist_core.store.run_writer import _SHORT_COLUMNS
from mnist_core.training.train import train

pytestmark = pytest.mark.usefixtures("uncompiled")

PLENTY = 1_000_000_000


# -- answers -------------------------------------------------------------------------------------


def answers_of(
    samples: int, classes: int, scale: float = 4.0
) -> tuple[StoredAnswers, np.ndarray[Any, np.dtype[np.uint16]]]:
    """Answers as a trained network gives them, most of them right; and the labels."""
    generator = np.random.default_rng(samples + classes)
    labels = generator.integers(0, classes, samples).astype(np.uint16)
    logits = generator.normal(0, scale, (samples, classes)).astype(np.float32)
    logits[np.arange(samples), labels] += np.float32(3 * scale)
    return StoredAnswers.of(3, evaluate(logits, labels)), labels


def packed_and_back(answers: StoredAnswers, most: int = PLENTY) -> StoredAnswers:
    packed = pack_answers(answers, most)
    return unpack_answers(
        answers.epoch, packed.samples, packed.predictions, packed.losses, packed.confidences,
        packed.logits,
    )  # fmt: skip


@pytest.mark.parametrize(("samples", "classes"), [(2000, 10), (500, 2), (300, 300), (50, 1)])
def test_packed_answers_show_the_same_figures(samples: int, classes: int) -> None:
    answers, labels = answers_of(samples, classes)
    found = packed_and_back(answers)
    for name in ("predictions", "losses", "confidences"):
        left, right = getattr(found, name), getattr(answers, name)
        assert left.dtype == right.dtype
        assert left.tobytes() == right.tobytes()
    assert answers.logits is not None
    assert found.logits is not None
    (losses, sure), (exact_losses, exact_sure) = (
        measured(each, labels) for each in (found, answers)
    )
    assert list(map("{:.4f}".format, losses)) == list(map("{:.4f}".format, exact_losses))
    for text in ("{:.4f}", "{:.3f}", "{:.2f}"):
        assert list(map(text.format, sure)) == list(map(text.format, exact_sure))
    kept, exact = probabilities(found.logits), probabilities(answers.logits)
    for text in ("{:.3f}", "{:.2f}"):
        assert list(map(text.format, kept.ravel())) == list(map(text.format, exact.ravel()))
    kept, exact = margins(found.logits), margins(answers.logits)
    assert list(map("{:.4f}".format, kept)) == list(map("{:.4f}".format, exact))
    np.testing.assert_array_equal(second_guesses(found.logits), second_guesses(answers.logits))
    # Of mistakes every digit is there, for who reads them as JSON.
    wrong = answers.predictions != labels
    np.testing.assert_array_equal(found.logits[wrong], answers.logits[wrong])


def test_packed_answers_take_half_the_room() -> None:
    answers, _ = answers_of(10_000, 10, scale=2.0)
    assert answers.logits is not None
    packed = pack_answers(answers, PLENTY)
    assert packed.logits is not None
    assert len(packed.logits) < 0.5 * answers.logits.nbytes
    assert packed.size - len(packed.logits) < 0.6 * 50_000


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 3e38])
def test_answers_that_are_not_finite_come_back(odd: float) -> None:
    logits = np.full((40, 5), odd, np.float32)
    logits[1::2, ::2] = 0.5
    answers = StoredAnswers.of(1, evaluate(logits, np.zeros(40, np.uint16)))
    found = packed_and_back(answers)
    np.testing.assert_array_equal(found.losses, answers.losses)
    np.testing.assert_array_equal(found.confidences, answers.confidences)
    assert found.logits is not None
    np.testing.assert_array_equal(probabilities(found.logits), probabilities(logits))


def test_damaged_answers_are_an_error() -> None:
    answers, _ = answers_of(100, 10)
    packed = pack_answers(answers, PLENTY)
    for losses in (packed.losses[:-8], b"", packed.predictions):
        with pytest.raises(ValueError, match=r"."):
            unpack_answers(3, 100, packed.predictions, losses, packed.confidences, None)


def test_a_run_of_the_version_before_goes_on_with_its_answers(
    tiny: Dataset, store: RunStore
) -> None:
    events = list(train(hyperparameters(), tiny))
    run_id = record_until(store, tiny, train(hyperparameters(), tiny), 12)
    store.close()
    as_version_3(store.home)
    assert_stored_so_far(store, run_id, events)
    resume(store, run_id, tiny)
    assert_stored(store, run_id, events)
    assert [answers.epoch for answers in store.all_answers(run_id)] == [0, 1, 2, 3, 4]


def limited(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Let recorders write rows of `most` bytes at most."""
    connect = database.connect

    def connect_limited(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, most)
        return connection

    monkeypatch.setattr(recorder_module, "connect", connect_limited)


LOGITS = "the probabilities of {} test samples in 4 classes"
ANSWERS = "what each epoch says of {} test samples"
LABELS = "the labels of {} test samples"


@pytest.mark.parametrize(
    ("most", "left_out"),
    [(lambda labels, logits: logits - 1, (LOGITS,)),
     (lambda labels, logits: labels, (LOGITS, ANSWERS)),
     (lambda labels, logits: labels - 1, (LABELS, LOGITS, ANSWERS))],
)  # fmt: skip
def test_what_is_too_large_is_not_kept_and_said_and_the_rest_is(
    tiny: Dataset,
    store: RunStore,
    monkeypatch: pytest.MonkeyPatch,
    most: Callable[[int, int], int],
    left_out: tuple[str, ...],
) -> None:
    samples = len(tiny.test.labels)
    labels = 2 * samples + len(json.dumps(tiny.class_names) + json.dumps(tiny.class_labels))
    limited(monkeypatch, _SHORT_COLUMNS + most(labels, samples * tiny.class_count * 4))
    recorder = store.record(tiny, "tiny")
    recorder.start()
    list(recorded(train(hyperparameters(), tiny), recorder))
    assert recorder.problem == ""
    what = "; ".join(each.format(samples) for each in left_out)
    assert recorder.left_out == f"Too large to be kept: {what}. The rest of the run is kept."
    run = store.run(recorder.run_id)
    assert (run.state, run.epoch) == ("completed", 4)
    assert len(store.batches(run.id)) == run.step == 20
    assert len(store.epochs(run.id)) == 5
    assert store.model(run.id).epoch == 4
    answers = store.answers(run.id, 4)
    assert (answers is None) == (ANSWERS in left_out)
    assert answers is None or answers.logits is None
    assert (store.labels(run.fingerprint) is None) == (LABELS in left_out)


# -- room that is given back ---------------------------------------------------------------------


def test_a_start_looks_at_a_few_locks_and_removes_those_that_nobody_holds(
    tiny: Dataset, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(store.home, tiny, list(train(hyperparameters(epochs=1), tiny)))
    locks = store.home / "locks"
    held = Ownership(locks / "a.lock")
    held.claim("it")
    for name in ("b", "c", "d"):
        (locks / f"{name}.lock").touch()
    monkeypatch.setattr(deletion, "_LOCKS_AT_ONCE", 3)
    store.tidy()
    assert sorted(path.name for path in locks.iterdir()) == ["a.lock", "d.lock"]
    store.tidy()
    assert [path.name for path in locks.iterdir()] == ["a.lock"]
    held.release()


def pages(home: Path, what: str = "page") -> int:
    with closing(sqlite3.connect(home / FILE)) as connection:
        return int(connection.execute(f"PRAGMA {what}_count").fetchone()[0])


@pytest.mark.parametrize("earlier", [False, True])
def test_the_disk_gets_the_room_of_runs_that_are_gone(
    tiny: Dataset, store: RunStore, earlier: bool
) -> None:
    events = list(train(hyperparameters(epochs=1), tiny))
    kept = leave(store.home, tiny, events)
    if earlier:
        with closing(sqlite3.connect(store.home / FILE)) as connection:
            connection.executescript("PRAGMA auto_vacuum = NONE; VACUUM")
    before = pages(store.home)
    gone = leave(store.home, tiny, events)
    blob = bytes(300 * 4096)
    change(store.home, "INSERT INTO batches VALUES (?, 9999, 1, ?)", gone, blob)
    assert pages(store.home) > before + 200
    store.deleter.delete([gone])
    store.deleter.purge([gone])
    store.close()
    # One page of each table may be used by what has been deleted, and one more tells of moves.
    assert pages(store.home) <= before + 10
    assert pages(store.home, "freelist") == 0
    assert_stored(store, kept, events)


def test_a_start_gives_a_bounded_number_of_pages_back(tiny: Dataset, store: RunStore) -> None:
    leave(store.home, tiny, list(train(hyperparameters(epochs=1), tiny)))
    blob = bytes(3 * PAGES_AT_START * 4096)
    change(store.home, "CREATE TABLE much AS SELECT ? AS blob", blob)
    change(store.home, "DROP TABLE much")
    free = pages(store.home, "freelist")
    assert free > 2 * PAGES_AT_START
    store.tidy()
    assert pages(store.home, "freelist") == free - PAGES_AT_START


def test_a_run_that_has_ended_leaves_no_free_pages(tiny: Dataset, store: RunStore) -> None:
    record(store, tiny, train(hyperparameters(epochs=3), tiny))
    store.close()
    assert pages(store.home, "freelist") == 0
    assert list((store.home / "locks").iterdir()) == []
    with closing(sqlite3.connect(store.home / FILE)) as connection:
        assert connection.execute("SELECT count(*) FROM batches").fetchone() == (1,)
