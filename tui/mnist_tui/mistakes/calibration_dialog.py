"""Whether the model is right as often as it is sure: a reliability diagram, epoch by epoch."""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual.binding import Binding, BindingType

from mnist_core.network.calibration import Calibration, calibration
from mnist_core.store.answers import AnswerHistory, measured
from mnist_tui.mistakes.epoch_dialog import EpochDialog
from mnist_tui.text.numbers import count
from mnist_tui.ui.bars import bar

_BAR = 20
_MEAN = "│"
_MOST_EPOCHS = 10
"""That could have room for their errors."""
_HEADING = f"confidence   {'right':<{_BAR}}           samples"


def reliability_lines(found: Calibration) -> list[str]:
    """A heading, and a line for each bin from the first to the last that has samples: how often
    they were right, the mean confidence as a mark in the bar, and how many they are.

    Where the bar ends at its mark the model is as sure as it should be.
    """
    filled = np.flatnonzero(found.counts)
    if not len(filled):
        return ["No confidence is a number."]
    bins = len(found.counts)
    lines = [_HEADING]
    for place in range(filled[0], filled[-1] + 1):
        label = f"{100 * place / bins:3.0f} - {100 * (place + 1) / bins:3.0f} %"
        samples = int(found.counts[place])
        if not samples:
            lines.append(f"{label:<12} {'':<{_BAR}} {'':>8} {0:>8}")
            continue
        right, sure = float(found.accuracies[place]), float(found.confidences[place])
        cells = list(bar(right, _BAR))
        cells[min(_BAR - 1, int(sure * _BAR))] = _MEAN
        share = f"{100 * right:.1f} %"
        lines.append(f"{label:<12} {''.join(cells)} {share:>8} {count(samples):>8}")
    return lines


def epochs_text(errors: Sequence[tuple[int, float]], width: int) -> str:
    """The last of the (epoch, error), as many as fit in `width` cells: "… 1: 0.0356  2: 0.0210"."""
    parts = [f"{epoch}: {_error_text(error)}" for epoch, error in errors]
    text = parts.pop() if parts else ""
    while parts and len(longer := f"{parts[-1]}  {text}") + 2 <= width:
        text = longer
        parts.pop()
    return f"… {text}" if parts else text


def _error_text(error: float) -> str:
    return f"{error:.4f}" if math.isfinite(error) else "nan"


class CalibrationDialog(EpochDialog):
    """Shows one epoch of a run, and leads to the others."""

    TITLE_WORD = "Calibration"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("C", "dismiss(None)", "Close")]

    def __init__(
        self, history: AnswerHistory, labels: NDArray[np.uint16], name: str, epoch: int
    ) -> None:
        """See `EpochDialog`."""
        super().__init__(history, labels, name, epoch)
        self._found: dict[int, Calibration] = {}

    def _at(self, epoch: int) -> Calibration:
        """What the model of `epoch` is like, looked at once."""
        if epoch not in self._found:
            answers = self._answers[epoch]
            _, confidences = measured(answers, self._labels)
            self._found[epoch] = calibration(confidences, answers.predictions == self._labels)
        return self._found[epoch]

    def lines(self, epoch: int) -> Sequence[str]:
        found = self._at(epoch)
        up_to = [each for each in self._answers if each <= epoch][-_MOST_EPOCHS:]
        errors = [(each, self._at(each).error) for each in up_to]
        return [
            *reliability_lines(found),
            f"Expected calibration error {_error_text(found.error)}; {_MEAN} mean confidence",
            f"By epoch  {epochs_text(errors, 44)}",
        ]
