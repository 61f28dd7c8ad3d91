"""Whether the model is right as often as it is sure: a reliability diagram, epoch by epoch."""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from mnist_core.network.calibration import Calibration, calibration
from mnist_core.store.answers import AnswerHistory, measured
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.bars import bar
from mnist_tui.ui.dialogs import Dialog

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


class CalibrationDialog(Dialog[None]):
    """Shows one epoch of a run, and leads to the others."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,C,q", "dismiss(None)", "Close"),
        Binding("left_square_bracket,left", "move(-1)", "Epoch before"),
        Binding("right_square_bracket,right", "move(1)", "Epoch after"),
    ]
    DEFAULT_CSS = """
    CalibrationDialog {
        align: center middle;
        & > Vertical {
            width: 58; height: auto; max-height: 100%; padding: 0 1;
            border: round $primary; background: $surface;
        }
    }
    """

    def __init__(
        self, history: AnswerHistory, labels: NDArray[np.uint16], name: str, epoch: int
    ) -> None:
        """`labels` (samples,) are the true classes of what `history` answers; `epoch` is one of
        its own. The run is called `name`.
        """
        super().__init__()
        self._name = name
        self._labels = labels
        # As they are now: while it is shown, a run may go on, or back.
        self._answers = {each: history.at(each) for each in history.epochs}
        self._found: dict[int, Calibration] = {}
        self._epoch = epoch

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_subtitle = Content("[ ] other epochs, esc closes")
            yield Static(markup=False)

    def on_mount(self) -> None:
        self._draw()

    def action_move(self, by: int) -> None:
        epochs = list(self._answers)
        place = epochs.index(self._epoch) + by
        if 0 <= place < len(epochs):
            self._epoch = epochs[place]
            self._draw()

    def _at(self, epoch: int) -> Calibration:
        """What the model of `epoch` is like, looked at once."""
        if epoch not in self._found:
            answers = self._answers[epoch]
            assert answers is not None
            _, confidences = measured(answers, self._labels)
            self._found[epoch] = calibration(confidences, answers.predictions == self._labels)
        return self._found[epoch]

    def _draw(self) -> None:
        found = self._at(self._epoch)
        title = " · ".join(filter(None, ("Calibration", self._name, f"epoch {self._epoch}")))
        self.query_one(Vertical).border_title = Content(visible(title))
        up_to = [epoch for epoch in self._answers if epoch <= self._epoch][-_MOST_EPOCHS:]
        errors = [(epoch, self._at(epoch).error) for epoch in up_to]
        lines = [
            *reliability_lines(found),
            f"Expected calibration error {_error_text(found.error)}; {_MEAN} mean confidence",
            f"By epoch  {epochs_text(errors, 44)}",
        ]
        self.query_one(Static).update("\n".join(lines))
