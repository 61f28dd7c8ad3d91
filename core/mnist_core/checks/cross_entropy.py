"""Cross-entropy and its gradient against log-softmax and the negative log-likelihood."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.mlx import mx
from mnist_core.checks.check import (
    Check,
    CheckContext,
    Measurement,
    largest_absolute,
    largest_relative,
)
from mnist_core.checks.references import Doubles, losses
from mnist_core.network.models import CrossEntropy

EXAMPLES, CLASSES = 64, 10
SMOOTHING = 0.1
LARGE = 100.0
STEP = 1e-5
_ROUNDING = 1e-5


def check_loss(label_smoothing: float, _: CheckContext) -> Measurement:
    """The mean loss of random logits."""
    logits, labels = _random_logits()
    found, _gradient = _mlx_loss(logits, labels, label_smoothing)
    expected = losses(logits.astype(np.float64), labels, label_smoothing).mean()
    difference = largest_relative([found], [np.asarray(expected)], ["the mean loss"])
    return difference.within(_ROUNDING)


def check_gradient(label_smoothing: float, _: CheckContext) -> Measurement:
    """The gradient by every logit, against central differences."""
    logits, labels = _random_logits()
    _loss, found = _mlx_loss(logits, labels, label_smoothing)
    expected = _slopes(logits.astype(np.float64), labels, label_smoothing)
    names = [f"the gradient by the logit of class {label}" for label in range(CLASSES)]
    difference = largest_relative(list(found.T), list(expected.T), names)
    return difference.within(_ROUNDING)


def check_large_logits(_: CheckContext) -> Measurement:
    """Logits of -100 and 100, whose exponentials leave the range of float32."""
    random = np.random.default_rng(3)
    logits = random.choice(np.array([-LARGE, LARGE], np.float32), (EXAMPLES, CLASSES))
    labels = random.integers(0, CLASSES, EXAMPLES).astype(np.int32)
    loss, gradient = _mlx_loss(logits, labels, SMOOTHING)
    exact = logits.astype(np.float64)
    expected_loss = losses(exact, labels, SMOOTHING).mean()
    difference = largest_absolute(
        [loss / expected_loss, gradient * EXAMPLES],
        [np.asarray(1.0), _slopes(exact, labels, SMOOTHING) * EXAMPLES],
        ["the mean loss", "the gradient"],
    )
    return difference.within(_ROUNDING)


def _random_logits() -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    random = np.random.default_rng(2)
    logits = random.normal(0, 3, (EXAMPLES, CLASSES)).astype(np.float32)
    return logits, random.integers(0, CLASSES, EXAMPLES).astype(np.int32)


def _mlx_loss(
    logits: NDArray[np.float32], labels: NDArray[np.int32], label_smoothing: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Our mean loss () and its gradient (examples, classes)."""
    function = mx.value_and_grad(CrossEntropy(label_smoothing))
    weight = mx.array(1 / len(labels))
    loss, gradient = function(mx.array(logits), mx.array(labels[:, None]), weight)
    return np.array(loss), np.array(gradient)


def _slopes(logits: Doubles, labels: NDArray[np.int32], label_smoothing: float) -> Doubles:
    """(examples, classes) central differences of the mean loss."""
    slopes = np.empty_like(logits)
    for label in range(logits.shape[1]):
        # The loss of an example depends on its own logits alone: a column is moved at once.
        step = np.zeros(logits.shape[1])
        step[label] = STEP
        above = losses(logits + step, labels, label_smoothing)
        below = losses(logits - step, labels, label_smoothing)
        slopes[:, label] = (above - below) / (2 * STEP * len(labels))
    return slopes


_SMOOTHINGS = ((0.0, ""), (SMOOTHING, f", label smoothing {SMOOTHING}"))

CHECKS = (
    *(
        Check(
            f"Cross-entropy{words}",
            "The mean loss equals log-softmax and then the negative log-likelihood, in float64 "
            "NumPy. The figure is the relative difference.",
            partial(check_loss, smoothing),
        )
        for smoothing, words in _SMOOTHINGS
    ),
    *(
        Check(
            f"Gradient of it{words}",
            "The gradient of the loss by each logit equals a central difference in float64 NumPy. "
            "The figure is the difference relative to the largest of a class.",
            partial(check_gradient, smoothing),
        )
        for smoothing, words in _SMOOTHINGS
    ),
    Check(
        f"Cross-entropy, logits of -{LARGE:g} and {LARGE:g}",
        "Loss and gradient stay finite and equal those in float64 NumPy. The figure is the "
        "largest difference, relative for the loss and absolute for an example's gradient.",
        check_large_logits,
    ),
)
