"""What a model says of examples, measured: predictions, losses, confidence. NumPy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model says of a set of examples, in their order."""

    logits: NDArray[np.float32]
    """(examples, classes)."""
    predictions: NDArray[np.uint8] | NDArray[np.uint16]
    """(examples,), the class with the largest logit; uint16 for more than 256 classes."""
    confidences: NDArray[np.float32]
    """(examples,), the softmax probability of the predicted class."""

    def of(self, rows: NDArray[np.intp]) -> "Answers":
        """Those of `rows` alone."""
        return Answers(self.logits[rows], self.predictions[rows], self.confidences[rows])


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's answers, measured against the labels."""

    answers: Answers
    losses: NDArray[np.float32]
    """(examples,), cross-entropy of each example in nats."""
    loss: float
    """Mean of `losses`."""
    accuracy: float
    """Share of examples whose prediction is the label."""


def answer(logits: NDArray[np.float32]) -> Answers:
    """Read `logits` (examples, classes). Logits that are NaN give NaN confidences, not an error."""
    with np.errstate(over="ignore", invalid="ignore"):
        shifted = logits - logits.max(axis=1, keepdims=True)
        confidences = 1 / np.exp(shifted).sum(axis=1)
    kind = np.uint8 if logits.shape[1] <= 256 else np.uint16
    return Answers(logits, logits.argmax(axis=1).astype(kind), confidences)


def evaluate(logits: NDArray[np.float32], labels: NDArray[np.uint16]) -> Evaluation:
    """Measure `logits` (examples, classes) against `labels` (examples,).

    The loss of an example is -log softmax(logits)[label], with the largest logit subtracted first
    so that nothing overflows (Goodfellow et al., "Deep Learning", 2016, section 4.1). Logits that
    are NaN give NaN losses, not an error.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        shifted = logits - logits.max(axis=1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    answers = answer(logits)
    return Evaluation(
        answers=answers,
        losses=losses,
        loss=float(losses.mean(dtype=np.float64)),
        accuracy=float((answers.predictions == labels).mean()),
    )
