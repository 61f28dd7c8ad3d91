"""A set of samples, and what the model of one epoch said of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Examples
from mnist_core.network.evaluation import margins, probabilities, second_guesses
from mnist_core.network.mistakes import confusion_matrix
from mnist_core.store import StoredAnswers
from mnist_core.store.answers import measured


@dataclass(frozen=True)
class LabelledAnswers:
    """Samples with the answers to them; without answers, samples to look at."""

    examples: Examples
    class_names: tuple[str, ...]
    answers: StoredAnswers | None = None

    @property
    def labels(self) -> NDArray[np.uint16]:
        """(samples,)"""
        return self.examples.labels

    @cached_property
    def wrong(self) -> NDArray[np.bool_]:
        """(samples,); none is wrong where nothing was said."""
        if self.answers is None:
            return np.zeros(len(self.labels), np.bool_)
        return np.asarray(self.answers.predictions != self.labels)

    @property
    def losses(self) -> NDArray[np.float32] | None:
        """(samples,) in nats."""
        return None if self._measured is None else self._measured[0]

    @property
    def confidences(self) -> NDArray[np.float32] | None:
        """(samples,), of the predicted class."""
        return None if self._measured is None else self._measured[1]

    @cached_property
    def _measured(self) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        return None if self.answers is None else measured(self.answers, self.labels)

    @cached_property
    def probabilities(self) -> NDArray[np.float32] | None:
        """(samples, classes); None where the epoch's logits were not kept."""
        if self.answers is None or self.answers.logits is None:
            return None
        return probabilities(self.answers.logits)

    @cached_property
    def margins(self) -> NDArray[np.float32] | None:
        """(samples,) `mnist_core.network.evaluation.margins`; None where no logits were kept."""
        if self.answers is None or self.answers.logits is None:
            return None
        return margins(self.answers.logits)

    @cached_property
    def second_guesses(self) -> NDArray[np.uint8] | NDArray[np.uint16] | None:
        """(samples,); None where the logits were not kept."""
        if self.answers is None or self.answers.logits is None:
            return None
        return second_guesses(self.answers.logits)

    @cached_property
    def matrix(self) -> NDArray[np.int64]:
        """(classes, classes), rows true and columns predicted; without answers all are right."""
        said = self.labels if self.answers is None else self.answers.predictions
        return confusion_matrix(self.labels, said, len(self.class_names))
