"""The dialog of a run that no longer learns: what happened, and how it is to go on."""

from enum import Enum
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Button, Static

from mnist_core.events import DivergenceDetected, DivergenceReason
from mnist_core.recipe.hyperparameters import hyperparameter_fields
from mnist_tui.text.numbers import count
from mnist_tui.ui.dialogs import Dialog


class Way(Enum):
    """How a run that has diverged goes on; the value is the id of its button."""

    HALVE = "halve"
    """From the last healthy state with half the learning rate."""
    RESTART = "restart"
    """From the start, with the values of the form."""
    GIVE_UP = "give-up"
    """It ends, and what was healthy is kept."""


def what_happened(divergence: DivergenceDetected) -> str:
    """Where the run diverged, as one sentence."""
    where = f"batch {count(divergence.step)} (epoch {divergence.epoch})"
    if divergence.reason is DivergenceReason.ACCURACY_AT_CHANCE:
        return (
            f"The run has diverged: up to {where} the loss has been huge, and now the accuracy is "
            "that of guessing."
        )
    return f"The run has diverged: the loss of {where} is {divergence.loss}."


def way_back(divergence: DivergenceDetected, learning_rate: float) -> str:
    """What halving means where `learning_rate` is in force, as one sentence."""
    now, half = (
        hyperparameter_fields()["learning_rate"].format(rate)
        for rate in (learning_rate, learning_rate / 2)
    )
    if divergence.healthy_step:
        state = f"It was last healthy after batch {count(divergence.healthy_step)}"
    else:
        state = "It was last healthy at its start"
    return f"{state}; from there it can go on with a learning rate of {half} instead of {now}."


def halving_label(divergence: DivergenceDetected) -> str:
    """What the button says that goes back."""
    place = f"batch {count(divergence.healthy_step)}" if divergence.healthy_step else "the start"
    return f"Halve the learning rate and go on from {place}"


class DivergenceDialog(Dialog[Way | None]):
    """Asks for a `Way`, and opens on halving the learning rate; Esc gives None and decides nothing.

    It is as wide as its longest button needs in a terminal of 60 columns, and its text scrolls.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Decide later"),
        Binding("up,left", "app.focus_previous", show=False),
        Binding("down,right", "app.focus_next", show=False),
    ]
    AUTO_FOCUS = f"#{Way.HALVE.value}"

    def __init__(self, divergence: DivergenceDetected, learning_rate: float) -> None:
        """`learning_rate` is the one in force."""
        super().__init__()
        self._divergence = divergence
        self._learning_rate = learning_rate

    def compose(self) -> ComposeResult:
        told = self._divergence
        words = (what_happened(told), told.cause, way_back(told, self._learning_rate))
        with Vertical(id="divergence") as box:
            box.border_title = "How is the run to go on?"
            box.border_subtitle = "esc: decide later"
            with VerticalScroll(id="divergence-words", can_focus=False):
                yield Static("\n\n".join(words), markup=False)
            yield Button(halving_label(told), id=Way.HALVE.value, variant="primary", compact=True)
            yield Button("Restart with the values of the form", id=Way.RESTART.value, compact=True)
            yield Button("Give up; keep the run as diverged", id=Way.GIVE_UP.value, compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(Way(event.button.id))
