"""The confusion matrix, the order of mistakes, and what changed between epochs and models."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_core.network.mistakes import (
    ConfusedPair,
    Labels,
    answer_changes,
    confused_pairs,
    confusion_matrix,
    disagreements,
    mistakes,
    precision,
    recall,
)


def classes(*values: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint16]]:
    return np.array(values, np.uint16)


# -- the matrix ----------------------------------------------------------------------------------


def test_the_matrix_counts_true_classes_in_rows() -> None:
    found = confusion_matrix(classes(0, 0, 1, 2, 2, 2), classes(0, 1, 1, 0, 0, 2), 4)
    assert found.dtype == np.int64
    assert found.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [2, 0, 1, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("count", [1, 2, 63, 300])
def test_the_matrix_is_a_count_of_pairs(count: int) -> None:
    random = np.random.default_rng(count)
    labels = random.integers(0, count, 500).astype(np.uint16)
    predictions: Labels = random.integers(0, count, 500).astype(np.uint16)
    if count <= 256:
        predictions = predictions.astype(np.uint8)
    expected = np.zeros((count, count), np.int64)
    np.add.at(expected, (labels, predictions), 1)
    np.testing.assert_array_equal(confusion_matrix(labels, predictions, count), expected)


def test_a_matrix_of_no_examples_is_zero() -> None:
    assert confusion_matrix(classes(), classes(), 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(("label", "prediction"), [(2, 0), (0, 2)])
def test_a_class_too_many_is_not_counted_elsewhere(label: int, prediction: int) -> None:
    with pytest.raises(ValueError, match="Class 2 is not one of 2"):
        confusion_matrix(classes(0, label), classes(0, prediction), 2)


def test_precision_and_recall_are_shares_of_columns_and_rows() -> None:
    matrix = np.array([[8, 2, 0], [4, 4, 0], [0, 0, 0]])
    np.testing.assert_allclose(precision(matrix), [8 / 12, 4 / 6, np.nan])
    np.testing.assert_allclose(recall(matrix), [0.8, 0.5, np.nan])
    # There, but never predicted.
    matrix = np.array([[0, 3], [0, 5]])
    np.testing.assert_allclose(precision(matrix), [np.nan, 5 / 8])
    np.testing.assert_allclose(recall(matrix), [0, 1])


def test_the_most_confused_pairs_come_first_and_equals_in_their_order() -> None:
    matrix = np.array([[50, 1, 3], [3, 60, 0], [0, 7, 70]])
    before = matrix.copy()
    every = [ConfusedPair(2, 1, 7), ConfusedPair(0, 2, 3), ConfusedPair(1, 0, 3),
             ConfusedPair(0, 1, 1)]  # fmt: skip
    assert confused_pairs(matrix, 100) == every
    assert confused_pairs(matrix, 2) == every[:2]
    assert confused_pairs(matrix, 0) == []
    assert confused_pairs(np.diag([5, 6]), 3) == []
    np.testing.assert_array_equal(matrix, before)


# -- examples ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.float16, np.float32])
def test_mistakes_come_with_the_largest_loss_first(
    kind: type[np.float16] | type[np.float32],
) -> None:
    labels = classes(0, 0, 0, 0, 0, 0, 0, 0)
    predictions = classes(1, 0, 1, 1, 2, 1, 0, 3)
    values = [2, 99, np.nan, 2, np.inf, np.nan, np.nan, 7]
    losses: NDArray[np.float16] | NDArray[np.float32] = np.array(values, np.float32)
    if kind is np.float16:
        losses = losses.astype(np.float16)
    assert mistakes(labels, predictions, losses).tolist() == [2, 5, 4, 7, 0, 3]


def test_a_model_without_mistakes_has_none() -> None:
    found = mistakes(classes(1, 2), classes(1, 2), np.zeros(2, np.float32))
    assert found.tolist() == []
    assert found.dtype == np.intp


def test_changes_are_between_the_first_and_the_last_epoch() -> None:
    labels = classes(1, 1, 1, 1, 1, 1)
    predictions = np.array(
        [[0, 1, 0, 1, 0, 1],
         [0, 1, 1, 0, 2, 1],
         [1, 0, 0, 1, 3, 1]], np.uint8
    )  # fmt: skip
    found = answer_changes(labels, predictions)
    assert found.fixed.tolist() == [0]
    assert found.newly_broken.tolist() == [1]
    assert found.always_wrong.tolist() == [4]
    assert found.never_wrong.tolist() == [5]
    back = answer_changes(labels, predictions[::-1])
    assert (back.fixed.tolist(), back.newly_broken.tolist()) == ([1], [0])


def test_within_one_epoch_nothing_changes() -> None:
    found = answer_changes(classes(0, 1), np.array([[0, 0]], np.uint8))
    assert (found.fixed.tolist(), found.newly_broken.tolist()) == ([], [])
    assert (found.always_wrong.tolist(), found.never_wrong.tolist()) == ([1], [0])


def test_changes_of_no_epoch_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one epoch"):
        answer_changes(classes(0), np.empty((0, 1), np.uint8))


def test_each_sample_is_in_one_part_of_a_comparison() -> None:
    found = disagreements(classes(0, 0, 0, 0, 0), classes(0, 0, 1, 1, 1), classes(0, 1, 0, 1, 2))
    assert found.both_right.tolist() == [0]
    assert found.only_ours.tolist() == [1]
    assert found.only_theirs.tolist() == [2]
    assert found.both_wrong.tolist() == [3, 4]
