"""The filter's language, over stored runs."""

import time

import pytest

from mnist_tui.runs.run_filter import parse_filter
from mnist_tui.runs.run_listing import RunListing


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
        ("age>3d", "abcd"),
        ("study:sweep", ""),
        ("study!=sweep-1", "abcd"),
        ("speed>50k", "b"),
        ("hidden:32", "abcd"),
        ("hidden:64,32", "d"),
        ("hidden:64-32", "d"),
        ("hidden!=64,32", "abc"),
        pytest.param("hidden:" + "9" * 400, "", id="more than a float holds"),
        ("hidden>60", "d"),
        ("id:c", "c"),
        ("optimizer:adam acc>0.9", "b"),
        ("optimizer:adam failed", ""),
    ],
)
def test_every_term_must_hold(listing: RunListing, text: str, found: str) -> None:
    wanted = parse_filter(text)
    assert wanted.problem == ""
    listing.filter_by(wanted)
    assert "".join(sorted(ids(listing))) == found


@pytest.mark.parametrize(
    ("text", "found"), [("age>2m", "ab"), ("age<=50s", "cd"), ("age>1h", ""), ("age<2w", "abcd")]
)
def test_an_age_is_counted_from_the_start_to_now(
    listing: RunListing, monkeypatch: pytest.MonkeyPatch, text: str, found: str
) -> None:
    monkeypatch.setattr(time, "time", lambda: 350.0)
    listing.filter_by(parse_filter(text))
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
    listing.filter_by(wanted)
    assert len(listing.rows) == 4
    listing.filter_by(parse_filter(f"{text} optimizer:adam"))
    assert ids(listing) == "b"
