"""Calibration against a count by hand, and against the definition in a loop."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_core.network.calibration import BINS, calibration


def test_a_count_by_hand() -> None:
    found = calibration(np.array([0.3, 0.9, 0.95, 1.0]), np.array([True, True, False, True]), 2)
    assert found.counts.tolist() == [1, 3]
    assert found.confidences == pytest.approx([0.3, 2.85 / 3])
    assert found.accuracies == pytest.approx([1.0, 2 / 3])
    assert found.error == pytest.approx(0.25 * 0.7 + 0.75 * (2.85 - 2) / 3)


def test_a_confidence_on_the_edge_is_in_the_lower_bin() -> None:
    found = calibration(np.array([0.0, 0.25, 0.5, 1.0]), np.ones(4, np.bool_), 4)
    assert found.counts.tolist() == [2, 1, 0, 1]
    assert np.isnan(found.accuracies[2])


def test_sure_and_right_has_no_error_and_sure_and_wrong_all() -> None:
    assert calibration(np.ones(5), np.ones(5, np.bool_)).error == 0.0
    assert calibration(np.ones(5), np.zeros(5, np.bool_)).error == 1.0


def test_what_is_no_number_is_in_no_bin() -> None:
    confidences = np.array([np.nan, 1.0], np.float32)
    found = calibration(confidences, np.array([False, True]))
    assert (found.counts.sum(), found.error) == (1, 0.0)
    assert math.isnan(calibration(confidences[:1], np.array([False])).error)
    assert math.isnan(calibration(np.empty(0), np.empty(0, np.bool_)).error)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1, max_size=60))
def test_it_is_the_definition(examples: list[tuple[float, bool]]) -> None:
    expected = 0.0
    for m in range(1, BINS + 1):
        inside = [
            (sure, right)
            for sure, right in examples
            if (m - 1) < sure * BINS <= m or (m == 1 and sure == 0)
        ]
        if inside:
            accuracy = sum(right for _, right in inside) / len(inside)
            confidence = sum(sure for sure, _ in inside) / len(inside)
            expected += len(inside) / len(examples) * abs(accuracy - confidence)
    confidences, right = zip(*examples, strict=True)
    found = calibration(np.array(confidences, np.float32), np.array(right))
    assert found.error == pytest.approx(expected, abs=1e-9)
