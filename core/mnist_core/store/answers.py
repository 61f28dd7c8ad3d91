"""What the models of a run's epochs said of the test samples."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core.network.evaluation import evaluate
from mnist_core.store import RunRecord, RunStore, StoredAnswers


class SampleAnswer(NamedTuple):
    """What the model of one epoch said of one sample."""

    epoch: int
    predicted: int
    confidence: float
    loss: float
    """In nats; like the confidence, as precise as a float16."""


class AnswerHistory:
    """The answers of a run, one for an epoch, in the order of the epochs.

    Logits, which are large, stay only with the latest epoch and the best one.
    """

    def __init__(self) -> None:
        self._answers: list[StoredAnswers] = []
        self._best_epoch: int | None = None

    @classmethod
    def stored(cls, store: RunStore, record: RunRecord, last: int | None = None) -> "AnswerHistory":
        """All that `store` has of a run, up to epoch `last` where that is given.

        Raises:
            StoreError: it cannot be read.
        """
        history = cls()
        last = record.epoch if last is None else last
        for answers in store.all_answers(record.id):
            if answers.epoch > last:
                break
            if answers.epoch in (record.best_epoch, last):
                # It may be gone by now, if another process goes on with the run.
                answers = store.answers(record.id, answers.epoch) or answers
            history.add(answers, record.best_epoch)
        return history

    def add(self, answers: StoredAnswers, best_epoch: int | None = None) -> None:
        """Take the answers of an epoch, in the place of what was there of it.

        What there is of later epochs goes: the run was cut back and has come here again.

        Args:
            answers: of the epoch.
            best_epoch: the best one so far, whose logits stay; None: the one named last.
        """
        if best_epoch is not None:
            self._best_epoch = best_epoch
        earlier = [kept for kept in self._answers if kept.epoch < answers.epoch]
        self._answers = [
            kept
            if kept.logits is None or kept.epoch == self._best_epoch
            else replace(kept, logits=None)
            for kept in earlier
        ]
        self._answers.append(answers)

    def cut(self, epoch: int) -> None:
        """Forget the answers of later epochs than `epoch`."""
        self._answers = [kept for kept in self._answers if kept.epoch <= epoch]

    @property
    def epochs(self) -> list[int]:
        """Those with answers, ascending; 0 is the model before training."""
        return [answers.epoch for answers in self._answers]

    @property
    def latest(self) -> StoredAnswers | None:
        return self._answers[-1] if self._answers else None

    def at(self, epoch: int) -> StoredAnswers | None:
        """The answers of `epoch`; None where there are none."""
        return next((answers for answers in self._answers if answers.epoch == epoch), None)

    def predictions(self, first: int, last: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
        """(epochs, samples), a row for each epoch from `first` to `last` that has answers."""
        rows: list[NDArray[Any]] = [
            answers.predictions for answers in self._answers if first <= answers.epoch <= last
        ]
        if rows:
            return np.stack(rows)
        samples = len(self._answers[0].predictions) if self._answers else 0
        return np.empty((0, samples), np.uint8)

    def of_sample(self, index: int) -> list[SampleAnswer]:
        """What each epoch said of the sample `index`."""
        return [
            SampleAnswer(
                answers.epoch,
                int(answers.predictions[index]),
                float(answers.confidences[index]),
                float(answers.losses[index]),
            )
            for answers in self._answers
        ]


def measured(
    answers: StoredAnswers, labels: NDArray[np.uint16]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Losses and confidences, each (samples,), as precisely as what was kept allows.

    They come from the logits where those are kept. Elsewhere they are the kept ones, which have the
    precision of float16: 1 part in 2048.

    Args:
        answers: of an epoch.
        labels: (samples,), the true classes of the same samples.
    """
    if answers.logits is None:
        return answers.losses.astype(np.float32), answers.confidences.astype(np.float32)
    found = evaluate(answers.logits, labels)
    return found.losses, found.answers.confidences
