"""Confident learning against a recount of its formulas, one example at a time."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_core.network.evaluation import probabilities
from mnist_core.network.suspects import normalised_margins, self_confidences, suspect

Shares = NDArray[np.float32]


def drawn(seed: int, examples: int = 200, classes: int = 5) -> tuple[Shares, NDArray[np.uint16]]:
    """Probabilities that mostly favour the label."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, examples).astype(np.uint16)
    logits = random.normal(0, 1.5, (examples, classes)).astype(np.float32)
    logits[np.arange(examples), labels] += 1
    return probabilities(logits), labels


def recounted(shares: Shares, labels: NDArray[np.uint16]) -> list[bool]:
    """Equations 1 and 2 as they are written."""
    rows, classes = shares.tolist(), shares.shape[1]
    thresholds: dict[int, float] = {}
    for j in range(classes):
        own = [row[j] for row, label in zip(rows, labels, strict=True) if label == j]
        if own:
            thresholds[j] = sum(own) / len(own)
    found = []
    for row, label in zip(rows, labels, strict=True):
        believed = [j for j in thresholds if row[j] >= thresholds[j]]
        found.append(bool(believed) and max(believed, key=lambda j: row[j]) != label)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_suspects_are_off_the_diagonal_of_the_confident_joint(seed: int) -> None:
    shares, labels = drawn(seed)
    found = suspect(shares, labels)
    assert found.tolist() == recounted(shares, labels)
    # It is neither all that is misclassified nor nothing.
    assert 0 < found.sum() < (shares.argmax(axis=1) != labels).sum()


def test_scores_are_recounted() -> None:
    shares, labels = drawn(7)
    for row, label, believed, margin in zip(
        shares.tolist(), labels.tolist(), self_confidences(shares, labels),
        normalised_margins(shares, labels), strict=True,
    ):  # fmt: skip
        assert believed == pytest.approx(row[label])
        others = [share for j, share in enumerate(row) if j != label]
        assert margin == pytest.approx(row[label] - max(others), abs=1e-7)


def test_a_class_without_examples_and_a_broken_model_make_nothing_suspect() -> None:
    shares = np.array([[0.1, 0.2, 0.7], [0.2, 0.1, 0.7]], np.float32)
    labels = np.array([0, 1], np.uint16)
    # t_0 = t_1 = 0.1: each believes the other; of class 2 there are no examples.
    assert suspect(shares, labels).tolist() == [True, True]
    broken = np.full((2, 3), np.nan, np.float32)
    assert not suspect(broken, labels).any()
    assert np.isnan(normalised_margins(broken, labels)).all()


def test_one_class_is_its_own_margin() -> None:
    shares, labels = np.ones((3, 1), np.float32), np.zeros(3, np.uint16)
    assert normalised_margins(shares, labels).tolist() == [1.0] * 3
    assert not suspect(shares, labels).any()
    assert math.isclose(float(self_confidences(shares, labels)[0]), 1.0)
