"""The filter's language, and what sets runs apart, over stored runs."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from helpers.stored_runs import put_run
from mnist_core.store import RunStore
from mnist_tui.lab.overlay import LOOKS, REFERENCE, Marks
from mnist_tui.runs.columns import COLUMNS, GAP, Sorting, fit_columns, sort_rows, sorting_by
from mnist_tui.runs.run_filter import parse_filter
from mnist_tui.runs.run_listing import RunListing
from mnist_tui.text.numbers import ago


@pytest.fixture
def listing(tmp_path: Path) -> RunListing:
    """a: the defaults; b: adam, lr 0.01; c: adamw with validation; d: wide, failed, no result."""
    put_run(tmp_path, "a", "plain", accuracies=(0.1, 0.95, 0.93), seconds=30, started=100.0,
            note="First Try")  # fmt: skip
    put_run(tmp_path, "b", "run 2", accuracies=(0.1, 0.97), started=200.0, optimizer="adam",
            learning_rate=0.01, tags=("baseline", "fast"), rate=90_000, seconds=90)  # fmt: skip
    put_run(tmp_path, "c", "run 10", accuracies=(0.1, 0.99), validation=(0.1, 0.91), started=300.0,
            optimizer="adamw", dataset="fashion", shuffle=False)  # fmt: skip
    put_run(tmp_path, "d", "run 3", accuracies=(), state="failed", started=400.0, rate=None,
            hidden_sizes="64,32", batch_size=32)  # fmt: skip
    made = RunListing()
    store = RunStore(tmp_path)
    made.show(store.runs(), None)
    store.close()
    return made


def ids(listing: RunListing) -> str:
    return "".join(row.record.id for row in listing.rows)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "abcd"),
        ("run", "bcd"),
        ("RUN 3", "d"),
        ('"first try"', "a"),
        ("note:first", "a"),
        ('note:"first try"', "a"),
        ("baseline", "b"),
        ("tag:base", "b"),
        ("fashion", "c"),
        ("failed", "d"),
        ("lr 0.01", "b"),
        ("optimizer:adam", "b"),
        ("opt:ada", "bc"),
        ("optimizer!=sgd", "bc"),
        ("state:completed", "abc"),
        ("data:mnist", ""),
        ("data:fash", "c"),
        ("shuffle:no", "c"),
        ("lr>=0.01", "abcd"),
        ("lr>0.01", "acd"),
        ("lr:0.01", "b"),
        ("lr=1e-2", "b"),
        ("lr!=0.01", "acd"),
        ("learning_rate<0.1", "b"),
        ("bs<100", "d"),
        ("acc>0.95", "b"),
        ("acc>=95%", "ab"),
        ("acc<95", "c"),
        ("test>0.98", "c"),
        ("val>0", "c"),
        ("last<0.94", "ac"),
        ("loss<0.55", "ab"),
        ("epochs>1", "a"),
        ("planned>=10", "abcd"),
        ("time>1m", "b"),
        ("time<=0:30", "acd"),
        ("speed>50k", "b"),
        ("hidden:32", "abcd"),
        ("hidden:64,32", "d"),
        ("hidden:64-32", "d"),
        ("hidden!=64,32", "abc"),
        ("hidden>60", "d"),
        ("id:c", "c"),
        ("optimizer:adam acc>0.9", "b"),
        ("optimizer:adam failed", ""),
    ],
)
def test_every_term_must_hold(listing: RunListing, text: str, found: str) -> None:
    wanted = parse_filter(text)
    assert wanted.problem == ""
    listing.run_filter = wanted
    assert "".join(sorted(ids(listing))) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("foo:1", "foo is no field"),
        ("lr>=", "lr takes a number"),
        ("lr>fast", "lr takes a number"),
        ("lr>nan", "lr takes a number"),
        ("acc>%", "acc takes a number"),
        ("time<1:x", "time takes a number"),
        ("optimizer>3", "optimizer is a word"),
        ("tag:", "tag: needs a word"),
        ("hidden:wide", "hidden takes sizes"),
        ("hidden>64,32", "hidden takes sizes"),
    ],
)
def test_a_term_that_is_not_understood_says_so_and_hides_nothing(
    listing: RunListing, text: str, words: str
) -> None:
    wanted = parse_filter(text)
    assert words in wanted.problem
    assert wanted.problem.endswith(".")
    listing.run_filter = wanted
    assert len(listing.rows) == 4
    listing.run_filter = parse_filter(f"{text} optimizer:adam")
    assert ids(listing) == "b"


@pytest.mark.parametrize(
    ("column", "order"),
    [
        ("started", "dcba"),
        ("name", "abdc"),
        ("best", "bacd"),
        ("last", "bacd"),
        ("speed", "bcad"),
        ("epochs", "acbd"),
        ("state", "dcba"),
        ("differs", "bcda"),
    ],
)
def test_each_column_sorts_by_its_value_with_none_at_the_end(
    listing: RunListing, column: str, order: str
) -> None:
    listing.sorting = sorting_by(column)
    assert ids(listing) == order
    unknown = [row for row in listing.every if COLUMNS[column].order(row) is None]
    back = sort_rows(listing.every, sorting_by(column).reversed)
    assert back[len(back) - len(unknown) :] == unknown


def test_sorting_goes_through_all_columns() -> None:
    sorting = Sorting()
    seen = []
    for _ in COLUMNS:
        sorting = sorting.following
        seen.append(sorting.column)
    assert sorted(seen) == sorted(COLUMNS)
    assert sorting == Sorting()


def test_what_differs_is_told_against_the_most_common_values_or_the_pinned_run(
    listing: RunListing,
) -> None:
    def told() -> dict[str, str]:
        return {row.record.id: row.differs for row in listing.every}

    assert told() == {
        "a": "",
        "b": "adam, lr 0.01",
        "c": "adamw, no shuffle, fashion",
        "d": "hidden 64-32, bs 32",
    }
    listing.show([row.record for row in listing.every], "b")
    assert told()["b"] == ""
    assert told()["a"] == "sgd, lr 0.1"
    assert told()["d"] == "hidden 64-32, sgd, lr 0.1, bs 32"


def test_the_run_before_is_the_next_older_one(listing: RunListing) -> None:
    before = [listing.before(run_id) for run_id in "dcba"]
    assert [row.record.id if row else None for row in before] == ["c", "b", "a", None]


@pytest.mark.parametrize("room", [10, 40, 74, 112, 192])
def test_columns_fit_and_the_important_ones_stay(room: int) -> None:
    widths = fit_columns(room, 12)
    assert "name" in widths
    assert room < 20 or sum(widths.values()) + GAP * (len(widths) - 1) <= room
    kept = [COLUMNS[key].importance for key in widths]
    left_out = [column.importance for key, column in COLUMNS.items() if key not in widths]
    assert min(kept) > max(left_out, default=0)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (5, "just now"),
        (-5, "just now"),
        (60, "1 min ago"),
        (59 * 60 + 59, "59 min ago"),
        (3600, "1 h ago"),
        (2 * 86_400, "2 d ago"),
    ],
)
def test_ages_are_told_in_few_words(seconds: float, words: str) -> None:
    assert ago(1_000_000_000.0, 1_000_000_000.0 + seconds) == words


def test_what_is_older_than_a_week_has_a_date() -> None:
    assert ago(1_000_000_000.0, 1_001_000_000.0).startswith("2001-09-")


def marked(marks: Marks) -> Sequence[str]:
    return [look.sign for run_id in marks.ids if (look := marks.look(run_id)) is not None]


def test_marks_keep_their_looks_and_say_when_they_are_used_up() -> None:
    marks = Marks()
    every = [f"run{k}" for k in range(len(LOOKS))]
    assert all(marks.toggle(run_id) for run_id in every)
    assert marks.is_full
    assert len(set(marked(marks))) == len(LOOKS)
    changes = marks.changes
    assert not marks.toggle("one too many")
    assert marks.changes == changes
    second = marks.look("run1")
    marks.toggle("run0")
    assert marks.look("run1") == second
    marks.toggle("another")
    assert marks.look("another") == LOOKS[0], "the free look is used again"
    assert marks.ids[-1] == "another"


def test_the_reference_is_one_run_and_runs_that_are_gone_are_forgotten() -> None:
    marks = Marks()
    marks.pin("a")
    assert marks.look("a") == REFERENCE
    marks.pin("b")
    assert (marks.pinned, marks.look("a")) == ("b", None)
    marks.toggle("c")
    changes = marks.changes
    marks.keep_only({"b", "c"})
    assert marks.changes == changes
    marks.keep_only({"x"})
    assert (marks.pinned, marks.ids) == (None, ())
    assert marks.changes > changes
    marks.pin("b")
    marks.pin("b")
    assert marks.pinned is None
