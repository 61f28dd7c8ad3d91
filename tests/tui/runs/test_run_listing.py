"""The order of stored runs, the columns that fit, and what sets runs apart."""

import pytest

from mnist_tui.runs.columns import COLUMNS, GAP, Sorting, fit_columns, sort_rows, sorting_by
from mnist_tui.runs.run_listing import RunListing


def ids(listing: RunListing) -> str:
    return "".join(row.record.id for row in listing.rows)


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
    listing.sort_by(sorting_by(column))
    assert ids(listing) == order
    order_of = COLUMNS[column].order
    assert order_of is not None
    unknown = [row for row in listing.every if order_of(row) is None]
    back = sort_rows(listing.every, sorting_by(column).reversed)
    assert back[len(back) - len(unknown) :] == unknown


def test_choosing_the_column_that_sorts_turns_the_order_round() -> None:
    best = Sorting().chosen("best")
    assert best == sorting_by("best")
    assert best.chosen("best") == best.reversed
    assert best.chosen("name") == sorting_by("name")


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
    assert listing.title.endswith(" · differences from what most share")
    listing.show([row.record for row in listing.every], "b")
    pinned = listing.record("b")
    assert pinned is not None
    assert listing.title.endswith(f" · differences from {pinned.name}")
    assert told()["b"] == ""
    assert told()["a"] == "sgd, lr 0.1"
    assert told()["d"] == "hidden 64-32, sgd, lr 0.1, bs 32"


def test_the_run_before_is_the_next_older_one(listing: RunListing) -> None:
    before = [listing.before(run_id) for run_id in "dcba"]
    assert [record.id if record else None for record in before] == ["c", "b", "a", None]


@pytest.mark.parametrize("room", [10, 40, 74, 112, 192])
def test_columns_fit_and_the_important_ones_stay(room: int) -> None:
    widths = fit_columns(room, 12)
    assert "name" in widths
    assert room < 20 or sum(widths.values()) + GAP * (len(widths) - 1) <= room
    kept = [COLUMNS[key].importance for key in widths]
    left_out = [column.importance for key, column in COLUMNS.items() if key not in widths]
    assert min(kept) > max(left_out, default=0)
