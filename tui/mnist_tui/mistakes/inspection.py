"""What there is to inspect: a run's answers at an epoch, or samples before any run."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnist_core.answer_history import AnswerHistory
from mnist_core.dataset import Dataset, Examples
from mnist_tui.mistakes.judged import Judged
from mnist_tui.mistakes.showing import Labels
from mnist_tui.widgets.sample_view import HistoryPoint, SampleDetail


@dataclass(frozen=True)
class Other:
    """Another run to compare with, measured on the same samples."""

    name: str
    epoch: int
    predictions: Labels
    """(samples,)"""


@dataclass(frozen=True)
class Inspection:
    """Samples, with the answers of one epoch where a run has answered."""

    judged: Judged
    dark_on_light: bool
    samples_name: str
    """test or training."""
    history: AnswerHistory = field(default_factory=AnswerHistory)
    epoch: int | None = None
    """The epoch looked at; None: nothing was said of these samples."""
    other: Other | None = None

    @classmethod
    def of_run(
        cls,
        dataset: Dataset,
        test: Examples,
        history: AnswerHistory,
        epoch: int,
        other: Other | None,
    ) -> "Inspection":
        """What the model of `epoch` said of `test`."""
        judged = Judged(test, dataset.class_names, history.at(epoch))
        return cls(judged, dataset.dark_on_light, "test", history, epoch, other)

    @classmethod
    def of_data(cls, dataset: Dataset, *, train: bool) -> "Inspection":
        """The samples themselves."""
        examples = dataset.train if train else dataset.test
        judged = Judged(examples, dataset.class_names)
        return cls(judged, dataset.dark_on_light, "training" if train else "test")

    def detail(self, index: int) -> SampleDetail:
        """Everything that is known of one sample."""
        judged, answers = self.judged, self.judged.answers
        note = ""
        if answers is not None and self.other is not None:
            said = judged.class_names[int(self.other.predictions[index])]
            note = f"{self.other.name} says {said} in epoch {self.other.epoch}."
        return SampleDetail(
            image=judged.examples.images[index],
            dark_on_light=self.dark_on_light,
            index=index,
            true=int(judged.labels[index]),
            predicted=None if answers is None else int(answers.predictions[index]),
            class_names=judged.class_names,
            probabilities=_row(judged.probabilities, index),
            confidence=_value(judged.confidences, index),
            loss=_value(judged.losses, index),
            margin=_value(judged.margins, index),
            second=None if judged.second_guesses is None else int(judged.second_guesses[index]),
            history=[
                HistoryPoint(epoch, predicted, confidence)
                for epoch, predicted, confidence, _ in self.history.of_sample(index)
            ],
            epoch=self.epoch,
            note=note,
            samples_name=self.samples_name,
        )


def _value(values: NDArray[np.float32] | None, index: int) -> float | None:
    return None if values is None else float(values[index])


def _row(values: NDArray[np.float32] | None, index: int) -> NDArray[np.float32] | None:
    return None if values is None else values[index]
