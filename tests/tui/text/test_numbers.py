import math

import pytest

from mnist_tui.text.numbers import ago, metric, percent_of


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.12345, "0.1235"), (math.nan, "nan"), (-math.inf, "-inf"), (1.5e9, "1.5e+09")],
)
def test_metrics(value: float | None, text: str) -> None:
    assert metric(value) == text


@pytest.mark.parametrize(
    ("part", "whole", "cells", "text"),
    [(9999, 10_000, 4, "99.9"), (1, 1, 3, "100"), (999, 1000, 3, "99"), (0, 0, 5, "-")],
)
def test_only_the_whole_is_100_percent(part: int, whole: int, cells: int, text: str) -> None:
    assert percent_of(part, whole, cells) == text


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
