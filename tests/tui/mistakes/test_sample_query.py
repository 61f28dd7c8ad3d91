"""Which samples the gallery shows, and in which order: the filter, the kinds, the orders."""

from dataclasses import replace

import numpy as np
import pytest

from mnist_core.data.dataset import Examples
from mnist_core.store import StoredAnswers
from mnist_core.store.answers import AnswerHistory
from mnist_tui.mistakes.sample_query import (
    FilterError,
    Kind,
    LabelledAnswers,
    Order,
    SampleFilter,
    SampleQuery,
    parse_sample_filter,
    rows,
)

NAMES = ("cat", "dog", "1")
LABELS = np.array([0, 0, 0, 1, 1, 1, 2, 2], np.uint16)


def answers(epoch: int, said: list[int], *, logits: bool = True) -> StoredAnswers:
    predictions = np.array(said, np.uint8)
    confidences = np.linspace(0.3, 0.95, 8).astype(np.float16)
    losses = np.where(predictions == LABELS, 0.1, np.arange(8)).astype(np.float16)
    strength = np.linspace(1, 8, 8, dtype=np.float32)[:, None]
    full = strength * np.eye(3, dtype=np.float32)[predictions] if logits else None
    return StoredAnswers(epoch, predictions, losses, confidences, full)


EPOCHS = [
    answers(0, [0, 1, 1, 1, 0, 0, 2, 0]),
    answers(1, [0, 0, 1, 0, 1, 0, 2, 0]),
    answers(2, [0, 0, 1, 0, 1, 2, 2, 0]),
]


@pytest.fixture
def labelled() -> LabelledAnswers:
    images = np.zeros((8, 2, 2), np.uint8)
    return LabelledAnswers(Examples(images, LABELS), NAMES, EPOCHS[-1])


@pytest.fixture
def history() -> AnswerHistory:
    made = AnswerHistory()
    for said in EPOCHS:
        made.add(said, 0)
    return made


def found(labelled: LabelledAnswers, text: str) -> list[int]:
    parsed = parse_sample_filter(text, NAMES)
    return np.flatnonzero(parsed.mask(labelled)).tolist()


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("", list(range(8))),
        ("true:dog", [3, 4, 5]),
        ("true:1", [6, 7]),  # a name goes before a number
        ("true:0 pred:dog", [2]),
        ("0>dog", [2]),
        ("1→CAT", [7]),
        ("class:CAT", [0, 1, 2, 3, 7]),
        ("index:5", [5]),
        ("index>=6", [6, 7]),
        ("wrong", [2, 3, 5, 7]),
        ("right class:cat", [0, 1]),
        ("conf>0.8", [2, 3, 4, 5, 6, 7]),
        ("loss>=5 wrong", [5, 7]),
        ("margin<0.6", [0]),
    ],
)
def test_filters(labelled: LabelledAnswers, text: str, indices: list[int]) -> None:
    assert found(labelled, text) == indices


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hello", "'hello' cannot be understood"),
        ("true>4", "'true>4': a class is named with a colon"),
        ("pred:mouse", "'pred:mouse' names no class; the classes are cat, dog, 1"),
        ("conf>high", "'conf>high' needs a number behind >"),
        ("cat>mouse", "'cat>mouse' names no class"),
        ("size>3", "There is nothing called 'size' here"),
    ],
)
def test_what_cannot_be_understood_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_sample_filter(text, NAMES)
    assert str(caught.value).startswith(sentence)


def test_before_any_answer_every_sample_is_shown() -> None:
    plain = LabelledAnswers(Examples(np.zeros((8, 2, 2), np.uint8), LABELS), NAMES)
    assert rows(SampleQuery(), plain).tolist() == list(range(8))
    shown = rows(SampleQuery(filter=parse_sample_filter("class:dog", NAMES)), plain)
    assert shown.tolist() == [3, 4, 5]
    assert rows(SampleQuery(filter=parse_sample_filter("conf>0", NAMES)), plain).tolist() == []


@pytest.mark.parametrize(
    ("order", "reverse", "indices"),
    [
        (Order.LOSS, False, [7, 5, 3, 2]),
        (Order.LOSS, True, [2, 3, 5, 7]),
        (Order.CONFIDENCE, False, [7, 5, 3, 2]),
        (Order.MARGIN, False, [7, 5, 3, 2]),
        (Order.INDEX, False, [2, 3, 5, 7]),
        (Order.INDEX, True, [7, 5, 3, 2]),
    ],
)
def test_orders(labelled: LabelledAnswers, order: Order, reverse: bool, indices: list[int]) -> None:
    assert rows(SampleQuery(order=order, reverse=reverse), labelled).tolist() == indices


def test_without_logits_there_is_no_margin_to_sort_by(labelled: LabelledAnswers) -> None:
    bare = replace(labelled, answers=answers(2, [0, 0, 1, 0, 1, 2, 2, 0], logits=False))
    assert rows(SampleQuery(order=Order.MARGIN), bare).tolist() == [2, 3, 5, 7]
    assert found(bare, "margin<2") == []


def test_a_model_that_broke_down_comes_first(labelled: LabelledAnswers) -> None:
    said = EPOCHS[-1]
    losses = said.losses.copy()
    losses[3] = np.nan
    broken = replace(labelled, answers=replace(said, losses=losses, logits=None))
    assert rows(SampleQuery(), broken).tolist() == [3, 7, 5, 2]
    assert rows(SampleQuery(reverse=True), broken).tolist()[0] == 3


def test_a_cell_shows_its_mistakes_and_the_diagonal_what_is_right(
    labelled: LabelledAnswers,
) -> None:
    assert rows(SampleQuery().with_cell(1, 0), labelled).tolist() == [3]
    assert rows(SampleQuery().with_cell(1, None), labelled).tolist() == [5, 3]
    assert rows(SampleQuery().with_cell(None, 0), labelled).tolist() == [7, 3]
    diagonal = SampleQuery(order=Order.CONFIDENCE).with_cell(0, 0)
    assert rows(diagonal, labelled).tolist() == [0, 1]  # the least sure first


@pytest.mark.parametrize(
    ("kind", "since", "indices"),
    [
        (Kind.FIXED, 0, [1, 4]),
        (Kind.NEWLY_BROKEN, 0, [3]),
        (Kind.ALWAYS_WRONG, 0, [2, 5, 7]),
        (Kind.NEVER_WRONG, 0, [0, 6]),
        (Kind.FIXED, 1, []),
        (Kind.ALWAYS_WRONG, 1, [2, 3, 5, 7]),
    ],
)
def test_what_changed_since_an_epoch(
    labelled: LabelledAnswers, history: AnswerHistory, kind: Kind, since: int, indices: list[int]
) -> None:
    query = SampleQuery(kind=kind, since=since, order=Order.INDEX)
    assert rows(query, labelled, history).tolist() == indices


def test_what_another_run_sees_differently(labelled: LabelledAnswers) -> None:
    theirs = np.array([0, 1, 1, 1, 1, 0, 2, 2], np.uint8)

    def shown(kind: Kind) -> list[int]:
        query = SampleQuery(kind=kind, order=Order.INDEX)
        found: list[int] = rows(query, labelled, None, theirs).tolist()
        return found

    assert shown(Kind.ONLY_OURS) == [1]
    assert shown(Kind.ONLY_THEIRS) == [3, 7]
    assert shown(Kind.BOTH_WRONG) == [2, 5]


def test_a_filter_for_an_index_finds_it_though_it_is_right(labelled: LabelledAnswers) -> None:
    wanted = parse_sample_filter("index:4", NAMES)
    assert rows(SampleQuery(filter=wanted), labelled).tolist() == [4]
    assert rows(SampleQuery(filter=SampleFilter("")), labelled).tolist() == [7, 5, 3, 2]
