"""Recall and precision of each class over the epochs, as small curves."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual.binding import Binding, BindingType

from mnist_core.network.mistakes import confusion_matrix, precision, recall
from mnist_core.store import StoredAnswers
from mnist_core.store.answers import AnswerHistory
from mnist_tui.mistakes.epoch_dialog import EpochDialog
from mnist_tui.text.visible_text import class_name, padded, shorten

_NAME, _CURVE, _SHARE = 9, 14, 7
"""Cells of a class's name, of a curve, and of the figure beside it."""
_HEIGHTS = "▁▂▃▄▅▆▇█"


def small_share_curve(shares: NDArray[np.float64], lowest: float, cells: int) -> str:
    """`shares` (epochs,) as blocks of eight heights, from `lowest` to 1, blank where all are NaN.

    With more epochs than `cells`, each cell has the mean of its part.
    """
    text = ""
    for part in np.array_split(shares, min(cells, len(shares))):
        known = part[np.isfinite(part)]
        if not len(known):
            text += " "
            continue
        height = (known.mean() - lowest) / (1 - lowest) if lowest < 1 else 1.0
        text += _HEIGHTS[round(height * (len(_HEIGHTS) - 1))]
    return text


class ClassCurves:
    """What each class came to in each epoch."""

    def __init__(
        self,
        answers: dict[int, StoredAnswers],
        labels: NDArray[np.uint16],
        class_names: tuple[str, ...],
    ) -> None:
        """`labels` (samples,) are the true classes of what is answered."""
        matrices = [
            confusion_matrix(labels, said.predictions, len(class_names))
            for said in answers.values()
        ]
        self.epochs = list(answers)
        self.class_names = class_names
        self.recall = np.array([recall(matrix) for matrix in matrices])
        """(epochs, classes); NaN for a class without samples."""
        self.precision = np.array([precision(matrix) for matrix in matrices])
        """The same; NaN for a class that was never predicted."""

    def lines(self, epoch: int) -> list[str]:
        """A heading, a line for each class, a mark below `epoch`, and the scale of the curves."""
        # What the untrained network guesses would only press the rest together.
        first = 1 if len(self.epochs) > 1 and self.epochs[0] == 0 else 0
        shown = self.epochs[first:]
        curves = np.stack([self.recall[first:], self.precision[first:]])
        known = curves[np.isfinite(curves)]
        lowest = float(known.min()) if len(known) else 0.0
        place = self.epochs.index(epoch)
        cells = min(_CURVE, len(shown))
        heading = " " * _NAME + f"{'recall':<{_CURVE + _SHARE + 1}} precision"
        lines = [heading]
        for index in range(len(self.class_names)):
            line = padded(shorten(class_name(index, self.class_names), _NAME - 1), _NAME)
            for measure, over in zip(curves, (self.recall, self.precision), strict=True):
                curve = small_share_curve(measure[:, index], lowest, _CURVE)
                line += f"{curve:<{_CURVE}}{_share(over[place, index]):>{_SHARE}}  "
            lines.append(line.rstrip())
        if epoch in shown:
            parts = np.array_split(np.arange(len(shown)), cells)
            at = next(i for i, part in enumerate(parts) if shown.index(epoch) in part)
            mark = f"{' ' * at}▲"
            gap = " " * (_CURVE + _SHARE + 2 - len(mark))
            lines.append(f"{' ' * _NAME}{mark}{gap}{mark}")
        span = f"epochs {shown[0]} to {shown[-1]}" if len(shown) > 1 else f"epoch {shown[0]}"
        lines.append(f"Curves of {span}, from {_share(lowest)} to 100 %")
        return lines


def _share(share: float) -> str:
    return f"{100 * share:.1f} %" if np.isfinite(share) else "none"


class ClassCurvesDialog(EpochDialog):
    """Shows one epoch of a run, and leads to the others."""

    TITLE_WORD = "Classes"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("t", "dismiss(None)", "Close")]

    def __init__(
        self,
        history: AnswerHistory,
        labels: NDArray[np.uint16],
        class_names: tuple[str, ...],
        name: str,
        epoch: int,
    ) -> None:
        """See `EpochDialog`."""
        super().__init__(history, labels, name, epoch)
        self._curves = ClassCurves(self._answers, labels, class_names)

    def lines(self, epoch: int) -> Sequence[str]:
        return self._curves.lines(epoch)
