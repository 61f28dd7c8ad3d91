"""What a model gets wrong: its confusion matrix, its mistakes, and what changed. NumPy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.uint8] | NDArray[np.uint16]


# -- the matrix ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Examples of one class that were taken for another."""

    true: int
    predicted: int
    count: int


def confusion_matrix(labels: Labels, predictions: Labels, class_count: int) -> NDArray[np.int64]:
    """(classes, classes): in row t, column p how many examples of class t were predicted as p.

    Args:
        labels: (examples,) the true classes.
        predictions: (examples,) the predicted ones.
        class_count: how many classes there are; those nobody met have rows and columns of zeros.

    Raises:
        ValueError: a label or prediction is not below `class_count`.
    """
    for classes in (labels, predictions):
        if classes.max(initial=0) >= class_count:
            raise ValueError(f"Class {classes.max()} is not one of {class_count}.")
    cells = labels.astype(np.int64) * class_count + predictions
    counts = np.bincount(cells, minlength=class_count**2)
    return counts.reshape(class_count, class_count).astype(np.int64, copy=False)


def precision(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """(classes,) of what was predicted as class k, the share that is: matrix[k, k] / column sum.

    NaN for a class that was never predicted.
    """
    return _shares(matrix.diagonal(), matrix.sum(axis=0))


def recall(matrix: NDArray[np.int64]) -> NDArray[np.float64]:
    """(classes,) of the examples of class k, the share predicted so: matrix[k, k] / row sum.

    NaN for a class without examples.
    """
    return _shares(matrix.diagonal(), matrix.sum(axis=1))


def confused_pairs(matrix: NDArray[np.int64], most: int) -> list[ConfusedPair]:
    """Up to `most` cells off the diagonal, the largest first, equals by true, then predicted class.

    Cells of zero are never among them.
    """
    counts = matrix.copy()
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[: max(most, 0)]
    true, predicted = np.unravel_index(order, counts.shape)
    return [
        ConfusedPair(int(row), int(column), int(counts[row, column]))
        for row, column in zip(true, predicted, strict=True)
        if counts[row, column]
    ]


def _shares(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> NDArray[np.float64]:
    shares = np.full(len(wholes), np.nan)
    np.divide(parts, wholes, out=shares, where=wholes > 0)
    return shares


# -- examples ------------------------------------------------------------------------------------


def mistakes(
    labels: Labels, predictions: Labels, losses: NDArray[np.float32] | NDArray[np.float16]
) -> NDArray[np.intp]:
    """Indices of the examples whose prediction is not the label, the largest loss first.

    Losses that are NaN, of a model that has broken down, come before all; equals go by index.
    All three are (examples,).
    """
    wrong = np.flatnonzero(predictions != labels)
    found = losses[wrong]
    broken = np.isnan(found)
    return wrong[np.lexsort((np.where(broken, 0, -found), ~broken))]


@dataclass(frozen=True, slots=True)
class AnswerChanges:
    """Indices of examples, ascending, by what several epochs in turn said of them."""

    fixed: NDArray[np.intp]
    """Wrong in the first of the epochs, right in the last."""
    newly_broken: NDArray[np.intp]
    """Right in the first of the epochs, wrong in the last."""
    always_wrong: NDArray[np.intp]
    """Wrong in every one of them."""
    never_wrong: NDArray[np.intp]
    """Right in every one of them."""


def answer_changes(labels: Labels, predictions: Labels) -> AnswerChanges:
    """What changed between the first and the last row of `predictions` (epochs, examples).

    `labels` is (examples,). An example that wavered in between but ends as it began is in none of
    the four.

    Raises:
        ValueError: there is no row.
    """
    if not len(predictions):
        raise ValueError("Changes need the answers of at least one epoch.")
    right = predictions == labels
    first, last = right[0], right[-1]
    return AnswerChanges(
        fixed=np.flatnonzero(~first & last),
        newly_broken=np.flatnonzero(first & ~last),
        always_wrong=np.flatnonzero(~right.any(axis=0)),
        never_wrong=np.flatnonzero(right.all(axis=0)),
    )


@dataclass(frozen=True, slots=True)
class Disagreements:
    """Indices of examples, ascending, by which of two models is right; each is in one of them."""

    only_ours: NDArray[np.intp]
    """Ours right, theirs wrong."""
    only_theirs: NDArray[np.intp]
    """Ours wrong, theirs right."""
    both_wrong: NDArray[np.intp]
    """Whether or not they say the same."""
    both_right: NDArray[np.intp]


def disagreements(labels: Labels, ours: Labels, theirs: Labels) -> Disagreements:
    """Compare two models on the same examples; all three are (examples,)."""
    we, they = ours == labels, theirs == labels
    return Disagreements(
        only_ours=np.flatnonzero(we & ~they),
        only_theirs=np.flatnonzero(~we & they),
        both_wrong=np.flatnonzero(~we & ~they),
        both_right=np.flatnonzero(we & they),
    )
