"""A dialog about one epoch of a run, which leads to the others."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from mnist_core.store.answers import AnswerHistory
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.dialogs import Dialog


class EpochDialog(Dialog[None]):
    """Shows the lines that its kind has for an epoch."""

    TITLE_WORD: ClassVar[str]
    """What the kind is called."""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss(None)", "Close"),
        Binding("left_square_bracket,left", "move(-1)", "Epoch before"),
        Binding("right_square_bracket,right", "move(1)", "Epoch after"),
    ]
    DEFAULT_CSS = """
    EpochDialog {
        align: center middle;
        & > VerticalScroll {
            width: 58; height: auto; max-height: 100%; padding: 0 1;
            border: round $primary; background: $surface; scrollbar-size-vertical: 1;
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
        answers = {each: history.at(each) for each in history.epochs}
        self._answers = {each: said for each, said in answers.items() if said is not None}
        self._epoch = epoch

    def compose(self) -> ComposeResult:
        with VerticalScroll() as box:
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

    def lines(self, epoch: int) -> Sequence[str]:
        """What is shown of `epoch`."""
        raise NotImplementedError

    def _draw(self) -> None:
        title = " · ".join(filter(None, (self.TITLE_WORD, self._name, f"epoch {self._epoch}")))
        self.query_one(VerticalScroll).border_title = Content(visible(title))
        self.query_one(Static).update("\n".join(self.lines(self._epoch)))
