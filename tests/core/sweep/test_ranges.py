"""What a sweep may choose, as people type it, and what it refuses."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_core.recipe.hyperparameters import Hyperparameters, hyperparameter_fields
from mnist_core.sweep.ranges import (
    Choices,
    Interval,
    RangeError,
    combinations,
    parse_range,
    parse_ranges,
    recipe_of,
    swept_fields,
)

BASE = Hyperparameters()


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("learning_rate=0.001:1:log", "learning_rate=0.001:1:log"),
        ("lr=1e-3:1", "learning_rate=0.001:1"),
        ("--batch-size = 32:512:log", "batch_size=32:512:log"),
        ("hidden_sizes=32|64,64| 256 , 256", "hidden_sizes=32|64,64|256,256"),
        ("hidden=|8", "hidden_sizes=|8"),
        ("shuffle=yes|no", "shuffle=yes|no"),
        ("optimizer=adam|sgd", "optimizer=adam|sgd"),
        ("lr=0.1|1", "learning_rate=0.1|1"),
    ],
)
def test_a_range_is_read(text: str, canonical: str) -> None:
    found = parse_range(text)
    assert str(found) == canonical
    assert parse_range(canonical) == found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("learning_rate", "is no range: write FIELD=LOW:HIGH"),
        ("speed=1:2", "There is no hyperparameter 'speed'. A sweep can choose model, "),
        ("seed=1:9", "seed cannot be swept. A lucky seed is no better recipe"),
        ("epochs=1|2", "epochs cannot be swept. All trials train the same number"),
        ("validation=1|2", "validation cannot be swept. All trials are ranked by the same"),
        ("lr=0.1", "has only one value here"),
        ("lr=0:1", "Learning rate: '0' is not usable; it takes a number above 0"),
        ("lr=1:0.1", "goes nowhere: 1 must be below 0.1"),
        ("dropout=0:0.5:log", "cannot be logarithmic, since 0 has no logarithm"),
        ("lr=0.1:1:lin", "is no range"),
        ("lr=1:2:3:4", "is no range"),
        ("lr=0.1|0.10", "learning_rate has 0.1 twice"),
        ("hidden=32:64", "takes values to choose from, not a range"),
        ("optimizer=adam|foo", "Optimizer: 'foo' is not usable; it takes one of sgd"),
        ("dropout=0.1:0.99999999", "float32"),
    ],
)
def test_what_cannot_be_chosen_from_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(RangeError) as error:
        parse_range(text)
    assert reason in str(error.value)


@given(st.text(max_size=30))
def test_any_text_is_a_range_or_a_sentence(text: str) -> None:
    for typed in (text, f"lr={text}", f"hidden={text}"):
        # Nothing else is raised.
        with contextlib.suppress(RangeError):
            found = parse_range(typed)
            assert parse_range(str(found)) == found


@given(st.floats(1e-6, 99), st.floats(1.001, 100))
def test_the_ends_of_a_range_are_usable(low: float, times: float) -> None:
    high = min(low * times, 100.0)
    found = parse_range(f"lr={low!r}:{high!r}")
    assert isinstance(found, Interval)
    for value in (found.low, found.high):
        assert recipe_of(BASE, {"learning_rate": value}).learning_rate == value


def test_each_field_is_swept_or_says_why_not() -> None:
    swept = {field.name for field in swept_fields()}
    for name, field in hyperparameter_fields().items():
        assert (name in swept) is (not field.not_swept)
        assert not field.not_swept or field.not_swept.endswith(".")
    assert {"learning_rate", "hidden_sizes", "optimizer"} <= swept


@pytest.mark.parametrize(
    ("texts", "given_fields", "reason"),
    [
        ([], [], "needs something to choose"),
        (["lr=0.1|1", "learning_rate=1:2"], [], "learning_rate is sampled twice"),
        (["lr=0.1|1"], ["learning_rate"], "is sampled and has a value of its own too"),
        (["optimizer=adam|rmsprop", "momentum=0:0.9"], [], "adam has no momentum setting"),
        (["hidden=|8", "lr=1|2", "optimizer=adam|adagrad", "wd=0:1"], [], "has no weight decay"),
    ],
)
def test_ranges_that_do_not_go_together_are_refused(
    texts: list[str], given_fields: list[str], reason: str
) -> None:
    with pytest.raises(RangeError) as error:
        parse_ranges(texts, BASE, given_fields)
    assert reason in str(error.value)


def test_a_field_that_some_choice_uses_may_be_swept() -> None:
    texts = ["optimizer=adam|sgd", "momentum=0:0.9", "hidden_sizes=|8", "dropout=0:0.1"]
    assert [str(each) for each in parse_ranges(texts, BASE)] == texts
    without_layers = BASE.model_copy(update={"hidden_sizes": ()})
    texts = ["model=mlp|lenet", "activation=relu|tanh"]
    assert [str(each) for each in parse_ranges(texts, without_layers)] == texts


def test_a_grid_has_every_combination() -> None:
    ranges = parse_ranges(["hidden=8|16,16", "lr=0.1|1"], BASE)
    assert combinations(ranges) == [
        {"hidden_sizes": "8", "learning_rate": 0.1},
        {"hidden_sizes": "8", "learning_rate": 1.0},
        {"hidden_sizes": "16, 16", "learning_rate": 0.1},
        {"hidden_sizes": "16, 16", "learning_rate": 1.0},
    ]
    recipe = recipe_of(BASE, combinations(ranges)[-1], 7)
    assert (recipe.hidden_sizes, recipe.learning_rate, recipe.seed) == ((16, 16), 1.0, 7)


def test_a_grid_of_a_range_or_of_too_much_is_refused() -> None:
    with pytest.raises(RangeError, match=r"such as learning_rate=0\.1\|1"):
        combinations(parse_ranges(["lr=0.1:1"], BASE))
    many = Choices(hyperparameter_fields()["warmup_steps"], tuple(range(1001)))
    with pytest.raises(RangeError, match="1001 combinations"):
        combinations([many])


@pytest.mark.parametrize("text", ["x" * 5000, "x" * 5000 + "=1", "lr=" + "1:" * 5000])
def test_long_texts_are_cut_in_sentences(text: str) -> None:
    with pytest.raises(RangeError) as refused:
        parse_range(text)
    assert len(str(refused.value)) < 500


def test_a_range_has_no_more_values_than_a_grid_takes() -> None:
    with pytest.raises(RangeError, match="has 1001 values here, and 1000 are the most"):
        parse_range("lr=" + "|".join(f"0.{k:04}" for k in range(1, 1002)))
