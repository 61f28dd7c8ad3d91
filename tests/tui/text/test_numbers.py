import math

import pytest

from mnist_tui.text.numbers import metric


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.12345, "0.1235"), (math.nan, "nan"), (-math.inf, "-inf"), (1.5e9, "1.5e+09")],
)
def test_metrics(value: float | None, text: str) -> None:
    assert metric(value) == text
