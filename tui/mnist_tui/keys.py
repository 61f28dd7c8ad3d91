"""The one table of keys: bindings, footer, help and command palette are made from it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding, BindingType


class Scope(StrEnum):
    """Where a key works."""

    EVERYWHERE = "everywhere"
    TRAIN = "while training"
    RUNS = "among runs"
    MISTAKES = "among samples"
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
    "slash": "/",
}

KEYS: tuple[Key, ...] = (
    Key("run", ("r", "ctrl+r"), "Run", "Train with the values of the form. Asks if a run is "
        "under way.", insistent=("ctrl+r",)),
    Key("pause", ("p",), "Pause", "Hold the run after the batch under way."),
    Key("resume", ("p",), "Resume", "Go on with the paused run."),
    Key("stop", ("s",), "Stop", "End the run and keep what it learned."),
    Key("one_more_epoch", ("full_stop",), "Epoch", "Train one more epoch: of a paused run, or "
        "after the end of a run."),
    Key("resume_stored", ("R",), "Resume", "Go on with a run that has ended from its last "
        "checkpoint; one that is complete gets one more epoch.", footer=False),
    Key("show_command", ("Y",), "Command", "Show and copy the command line that reproduces this "
        "run.", footer=False),
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
    Key("show_screen('train')", ("1",), "Train", "Train, and watch.", Scope.EVERYWHERE),
    Key("show_screen('mistakes')", ("2",), "Mistakes", "See what the model gets wrong.",
        Scope.EVERYWHERE),
    Key("show_screen('runs')", ("3",), "Runs", "Compare all runs, and go on with one.",
        Scope.EVERYWHERE),
    Key("open_run", ("enter",), "Open", "Show the run under the cursor.", Scope.RUNS),
    Key("mark_run", ("space",), "Mark", "Lay the curves of the run over the others, or take them "
        "away again.", Scope.RUNS),
    Key("pin_run", ("P",), "Pin", "Make the run the reference that all others are compared with.",
        Scope.RUNS),
    Key("filter_runs", ("slash",), "Filter", "Show only some runs: words, optimizer:adam, "
        "lr>=0.01, acc>0.95, tag:wide, state:completed. All that is typed must hold.", Scope.RUNS),
    Key("clear_filter", ("escape",), "Clear", "Take the filter away, or else the cursor of the "
        "charts.", Scope.RUNS),
    Key("sort_runs", ("o",), "Sort", "Sort the runs by the next column; a click on a heading does "
        "it too.", Scope.RUNS),
    Key("reverse_sorting", ("O",), "Reverse", "Turn the order of the runs round.", Scope.RUNS,
        footer=False),
    Key("fork_run", ("f",), "Fork", "Take the hyperparameters of the run into the form.",
        Scope.RUNS),
    Key("resume_run", ("R",), "Resume", "Go on with the run from its last checkpoint; one that is "
        "complete gets one more epoch.", Scope.RUNS),
    Key("rename_run", ("N",), "Rename", "Give the run another name.", Scope.RUNS,
        footer=False),
    Key("edit_note", ("m",), "Note", "Write down what the run is about.", Scope.RUNS,
        footer=False),
    Key("edit_tags", ("t",), "Tags", "Give the run tags, separated by commas.", Scope.RUNS,
        footer=False),
    Key("show_run_command", ("Y",), "Command", "Show the command line that reproduces the run.",
        Scope.RUNS, footer=False),
    Key("delete_run", ("ctrl+d",), "Delete", "Delete the run; u brings it back until the app is "
        "closed.", Scope.RUNS),
    Key("undo_delete", ("u",), "Undo", "Bring back the run that was deleted last.", Scope.RUNS),
    Key("runs_axis", ("x",), "X axis", "Draw the curves of the runs over epochs, steps or time.",
        Scope.RUNS, footer=False),
    Key("log_curves", ("y",), "Log", "Draw the losses of the runs on a logarithmic axis, or a "
        "linear one.", Scope.RUNS, footer=False),
    Key("filter_samples", ("slash",), "Filter", "Show the samples that match, such as true:4 "
        "pred:9, conf>0.9, loss>3, class:7 or index:947.", Scope.MISTAKES),
    Key("next_kind", ("w",), "What", "Show the mistakes, all samples, those that were fixed, newly "
        "broken, always or never wrong, or those that another run sees differently.",
        Scope.MISTAKES),
    Key("next_order", ("o",), "Sort", "Sort the samples by loss, confidence, margin or index.",
        Scope.MISTAKES),
    Key("reverse_order", ("O",), "Reverse", "Turn the order of the samples round.",
        Scope.MISTAKES, footer=False),
    Key("move_epoch(-1)", ("left_square_bracket",), "Back", "See what the model said an epoch "
        "before; the charts' cursor moves too.", Scope.MISTAKES),
    Key("move_epoch(1)", ("right_square_bracket",), "Forward", "See what the model said an epoch "
        "later.", Scope.MISTAKES),
    Key("set_since", ("b",), "Base", "Count fixed and newly broken samples from this epoch.",
        Scope.MISTAKES, footer=False),
    Key("show_matrix", ("m",), "Matrix", "Go to the confusion matrix. Enter shows what is in a "
        "cell.", Scope.MISTAKES),
    Key("switch_samples", ("T",), "Train/test", "Look at the training samples, or at the test "
        "samples again.", Scope.MISTAKES, footer=False),
    Key("digit_style", ("v",), "Digits", "Draw digits as ASCII, half-blocks or braille.",
        Scope.MISTAKES, footer=False),
    Key("clear_samples", ("escape",), "Clear", "Back to all mistakes.", Scope.MISTAKES),
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
