"""Marked samples: kept with their run whatever becomes of it, and gone only with it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from helpers.live_run import Live
from helpers.recorded_runs import as_version_3, record, resume
from helpers.stored_runs import check_integrity, put_run
from mnist_core.data.dataset import Dataset
from mnist_core.events import Event
from mnist_core.store import RunStore, StoreError
from mnist_core.store.database import FILE
from mnist_core.store.repair import salvage
from mnist_core.store.sample_marks import SampleMark
from mnist_core.store.schema import migrate

pytestmark = pytest.mark.usefixtures("uncompiled")

FOUR = SampleMark("test", 7, "4", "9", "open at the top [/]")
ONE = SampleMark("train", 2, "1", "")
RUN = "aaaa0001"


@pytest.fixture
def marked(store: RunStore) -> RunStore:
    """With one run and two marks."""
    put_run(store.home, RUN, "run 1")
    store.sample_marks.put(RUN, ONE)
    store.sample_marks.put(RUN, FOUR)
    return store


def test_marks_are_kept_replaced_and_taken_away(marked: RunStore) -> None:
    marks = marked.sample_marks
    assert marks.of(RUN) == [FOUR, ONE]
    other = SampleMark("test", 7, "4", "7", "")
    marks.put(RUN, other)
    assert marks.of(RUN) == [other, ONE]
    marks.remove(RUN, "train", 7)
    assert marks.of(RUN) == [other, ONE]
    marks.remove(RUN, "train", 2)
    assert marks.of(RUN) == [other]
    assert marks.of("another") == []


def test_text_that_is_no_utf8_is_kept_as_it_can_be(marked: RunStore) -> None:
    marked.sample_marks.put(RUN, SampleMark("test", 1, "a\udcff", "b", "\udcff"))
    found = marked.sample_marks.of(RUN)[0]
    assert (found.label, found.note) == ("a\\udcff", "\\udcff")


def test_marks_go_with_their_run_and_come_back_with_it(marked: RunStore) -> None:
    marked.deleter.delete([RUN])
    with pytest.raises(StoreError, match="cannot be kept, since its run is not"):
        marked.sample_marks.put(RUN, SampleMark("test", 9, "3", "8"))
    marked.deleter.restore([RUN])
    assert marked.sample_marks.of(RUN) == [FOUR, ONE]
    marked.deleter.delete([RUN])
    marked.deleter.purge([RUN])
    with closing(sqlite3.connect(marked.home / FILE)) as connection:
        assert connection.execute("SELECT count(*) FROM sample_marks").fetchone() == (0,)
    assert check_integrity(marked.home) == "ok"


def test_a_run_that_is_nowhere_takes_no_mark(store: RunStore) -> None:
    with pytest.raises(StoreError, match="nothing of it has been written yet"):
        store.sample_marks.put("nowhere", FOUR)


def test_another_process_sees_them_and_may_change_them(marked: RunStore) -> None:
    with closing(RunStore(marked.home)) as other:
        before = marked.changes()
        other.sample_marks.put(RUN, SampleMark("test", 0, "0", "6"))
        assert marked.changes() != before
        assert [mark.index for mark in marked.sample_marks.of(RUN)] == [0, 7, 2]
        marked.sample_marks.remove(RUN, "test", 0)
        assert other.sample_marks.of(RUN) == [FOUR, ONE]


def test_where_only_is_read_they_are_seen_and_not_changed(marked: RunStore) -> None:
    marked.close()
    with closing(RunStore(marked.home, only_reads=True)) as reader:
        assert reader.sample_marks.of(RUN) == [FOUR, ONE]
        with pytest.raises(StoreError, match="opened to be read only"):
            reader.sample_marks.put(RUN, FOUR)
        with pytest.raises(StoreError, match="opened to be read only"):
            reader.sample_marks.remove(RUN, "test", 7)


def test_a_run_is_marked_while_it_trains_and_its_marks_stay_when_it_goes_back(
    store: RunStore, tiny: Dataset, events: list[Event], live: Live
) -> None:
    live.train_to(10)
    run_id = live.run_id
    store.sample_marks.put(run_id, FOUR)
    live.recorder.finish()
    store.close()
    # It is left in the middle, cut back to its last checkpoint, and trained to its end.
    assert store.sample_marks.of(run_id) == [FOUR]
    assert resume(store, run_id, tiny).problem == ""
    assert store.sample_marks.of(run_id) == [FOUR]


def test_a_copy_has_its_own(store: RunStore, tiny: Dataset, events: list[Event]) -> None:
    run_id = record(store, tiny, events)
    store.sample_marks.put(run_id, FOUR)
    copy_id = store.copy(run_id, "")
    store.sample_marks.remove(run_id, "test", 7)
    assert store.sample_marks.of(copy_id) == [FOUR]


def test_they_come_out_of_a_damaged_database(marked: RunStore, tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(marked.home / FILE)) as damaged,
        closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None)) as target,
    ):
        migrate(target)
        assert salvage(damaged, target) == (1, 1)
        assert target.execute("SELECT sample, note FROM sample_marks ORDER BY sample").fetchall() \
            == [(2, ""), (7, FOUR.note)]  # fmt: skip


def test_a_home_of_an_earlier_version_gets_its_place_for_them(marked: RunStore) -> None:
    marked.close()
    as_version_3(marked.home)
    with closing(RunStore(marked.home, only_reads=True)) as reader:
        assert reader.sample_marks.of(RUN) == []
    assert marked.sample_marks.of(RUN) == []
    marked.sample_marks.put(RUN, FOUR)
    assert marked.sample_marks.of(RUN) == [FOUR]
