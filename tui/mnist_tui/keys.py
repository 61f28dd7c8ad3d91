"""The one table of keys: bindings, footer, help and command palette are made from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding, BindingType


class Scope(StrEnum):
    """Where a key works."""

    EVERYWHERE = "everywhere"
    TRAIN = "while training"
    DIALOG = "in dialogs"


@dataclass(frozen=True, slots=True)
class Key:
    """A command, the keys that give it, and what people are told of it."""

    action: str
    keys: tuple[str, ...]
    label: str
    help: str
    scope: Scope = Scope.TRAIN
    footer: bool = True
    insistent: tuple[str, ...] = ()
    """Those of `keys` that also work while a field is edited."""

    @property
    def shown_keys(self) -> str:
        """The keys, as help names them."""
        return ", ".join(_KEY_NAMES.get(key, key) for key in self.keys)


_KEY_NAMES = {
    "full_stop": ".",
    "question_mark": "?",
    "f1": "F1",
    "escape": "esc",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}

KEYS: tuple[Key, ...] = (
    Key("run", ("r", "ctrl+r"), "Run", "Train with the values of the form. Asks if a run is "
        "under way.", insistent=("ctrl+r",)),
    Key("pause", ("p",), "Pause", "Hold the run after the batch under way."),
    Key("resume", ("p",), "Resume", "Go on with the paused run."),
    Key("stop", ("s",), "Stop", "End the run and keep what it learned."),
    Key("one_more_epoch", ("full_stop",), "Epoch", "Train one more epoch: of a paused run, or "
        "after the end of a run."),
    Key("edit", ("e",), "Edit", "Go to the hyperparameters."),
    Key("leave", ("escape",), "Charts", "Leave the form and go back to the charts; there, "
        "take their cursor away."),
    Key("use_offered_data", ("u",), "Use data", "Switch to the data set that has been "
        "downloaded."),
    Key("retry_data", ("u",), "Retry data", "Try again to get the data set that could not be "
        "had."),
    Key("digit_style", ("v",), "Digits", "Draw digits as ASCII, half-blocks or braille.",
        footer=False),
    Key("log_loss", ("y",), "Log", "Draw the loss on a logarithmic axis, or a linear one."),
    Key("epoch_cursor(-1)", ("left_square_bracket",), "Back", "Move the charts' cursor back by an "
        "epoch. A click on a chart sets it.", footer=False),
    Key("epoch_cursor(1)", ("right_square_bracket",), "Forward", "Move the charts' cursor forward "
        "by an epoch.", footer=False),
    Key("help", ("question_mark", "f1"), "Help", "Show this help.", Scope.EVERYWHERE),
    Key("command_palette", ("ctrl+p",), "Palette", "Find a command by its name.",
        Scope.EVERYWHERE, footer=False),
    Key("quit", ("q", "ctrl+q"), "Quit", "Leave. Asks first if a run is under way.",
        Scope.EVERYWHERE, insistent=("ctrl+q",)),
)  # fmt: skip


def bindings(scope: Scope) -> list[BindingType]:
    """Textual's bindings of the keys in `scope`."""
    return [binding for key in KEYS if key.scope is scope for binding in _bindings_of(key)]


def _bindings_of(key: Key) -> Iterator[Binding]:
    for position, name in enumerate(key.keys):
        yield Binding(
            name,
            key.action,
            key.label,
            # The second one takes the first one's place in the footer while a field is edited.
            show=key.footer and (position == 0 or name in key.insistent),
            tooltip=key.help,
            priority=name in key.insistent,
        )
