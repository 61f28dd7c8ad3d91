"""What a model says of examples, measured: predictions, losses, confidence. NumPy only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's answer to each of a set of examples, in their order."""

    predictions: NDArray[np.uint8] | NDArray[np.uint16]
    """(examples,), the class with the largest logit; uint16 for more than 256 classes."""
    losses: NDArray[np.float32]
    """(examples,), cross-entropy of each example in nats."""
    confidences: NDArray[np.float32]
    """(examples,), the softmax probability of the predicted class."""
    logits: NDArray[np.float32]
    """(examples, classes)."""
    loss: float
    """Mean of `losses`."""
    accuracy: float
    """Share of examples whose prediction is the label."""


def evaluate(logits: NDArray[np.float32], labels: NDArray[np.uint16]) -> Evaluation:
    """Measure `logits` (examples, classes) against `labels` (examples,).

    The loss of an example is -log softmax(logits)[label], by the log-sum-exp of Bishop, "Pattern
    Recognition and Machine Learning", 4.109. Logits that are NaN give NaN losses, not an error.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        top = logits.max(axis=1)
        shifted = logits - top[:, None]
        log_sum = np.log(np.exp(shifted).sum(axis=1))
        losses = log_sum - shifted[np.arange(len(labels)), labels]
        confidences = np.exp(-log_sum)
    kind = np.uint8 if logits.shape[1] <= 256 else np.uint16
    predictions = logits.argmax(axis=1).astype(kind)
    return Evaluation(
        predictions=predictions,
        losses=losses,
        confidences=confidences,
        logits=logits,
        loss=float(losses.mean(dtype=np.float64)),
        accuracy=float((predictions == labels).mean()),
    )
