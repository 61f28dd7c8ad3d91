"""The one table of keys: bindings, footer, help, palette and the keys in sentences are its."""

from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum

from textual.binding import Binding, BindingType
from textual.keys import key_to_character


class Scope(StrEnum):
    """Where a key works."""

    EVERYWHERE = "everywhere"
    TRAIN = "while training"
    RUNS = "among runs"
    RECORDING = "in a recording"
    CHARTS = "on charts"
    ZOOM = "closer to charts"
    MISTAKES = "among samples"
    RACE = "among races"
    SWEEPS = "among sweeps"
    NETWORK = "among units"
    DRAW = "while drawing"


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
    urgent: bool = False
    """Works only now and then; a footer with little room shows it before others."""
    gives_way: bool = False
    """A user's file may give its keys to another command, which leaves it with none: it is newer
    than files that people have written."""

    @property
    def name(self) -> str:
        """What the configuration file calls it; the same in every scope that has the command."""
        function, _, parameters = self.action.partition("(")
        if not parameters:
            return function
        word = self.label.lower().replace(" ", "_")
        return word if word.startswith(function) else f"{function}_{word}"

    @property
    def shown_keys(self) -> str:
        """The keys, as help names them."""
        return ", ".join(shown_key(key) for key in self.keys)


_KEY_NAMES = {
    "full_stop": ".",
    "question_mark": "?",
    "f1": "F1",
    "escape": "esc",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "slash": "/",
    "plus": "+",
    "minus": "-",
}


def shown_key(key: str) -> str:
    """What people call the key that Textual calls `key`."""
    character = key_to_character(key)
    if key in _KEY_NAMES or character is None:
        return _KEY_NAMES.get(key, key)
    return character if character.isprintable() and not character.isspace() else key


KEYS: tuple[Key, ...] = (
    Key("run", ("r", "ctrl+r"), "Run", "Train with the values of the form. Asks if a run is "
        "under way.", insistent=("ctrl+r",)),
    Key("pause", ("p",), "Pause", "Hold the run after the batch under way.", urgent=True),
    Key("resume", ("p",), "Resume", "Go on with the paused run.", urgent=True),
    Key("stop", ("s",), "Stop", "End the run and keep what it learned.", urgent=True),
    Key("one_more_epoch", ("full_stop",), "Epoch", "Train one more epoch: of a paused run, or "
        "after the end of a run."),
    Key("edit", ("e",), "Edit", "Go to the hyperparameters."),
    Key("leave", ("escape",), "Charts", "Leave the form and go back to the charts; there, "
        "take their cursor away."),
    Key("find_samples", ("slash",), "Find", "Go to the mistakes and type what to look for: 49 for "
        "each 4 that was taken for a 9.", urgent=True, gives_way=True),
    Key("train_batches", ("n",), "N batches", "Train on so many batches, then pause: of the run "
        "under way, after the end of a run, or of a new one.", footer=False),
    Key("resume_stored", ("R",), "Resume", "Go on with a run that has ended from its last "
        "checkpoint. One that is complete gets more epochs, or goes on as a new run."),
    Key("show_command", ("Y",), "Command", "Show and copy the command line that reproduces this "
        "run."),
    Key("use_offered_data", ("u",), "Use data", "Switch to the data set that has been "
        "downloaded.", urgent=True),
    Key("retry_data", ("u",), "Retry data", "Try again to get the data set that could not be "
        "had.", urgent=True),
    Key("digit_style", ("v",), "Digits", "Draw digits as ASCII, half-blocks, braille or, "
        "in some terminals, pixels: on all screens, and from now on.",
        footer=False),
    Key("show_gradients", ("g",), "Gradients", "Show the norm of the gradient and the learning "
        "rate, or not.", footer=False),
    Key("show_machine", ("m",), "Machine", "Show what this process and others use of the cores and "
        "of the memory, or not: from now on.", footer=False, gives_way=True),
    Key("epoch_cursor(-1)", ("left_square_bracket",), "Back", "Move the charts' cursor back by an "
        "epoch. A click on a chart sets it.", footer=False),
    Key("epoch_cursor(1)", ("right_square_bracket",), "Forward", "Move the charts' cursor forward "
        "by an epoch.", footer=False),
    Key("show_screen('train')", ("1",), "Train", "Train, and watch.", Scope.EVERYWHERE),
    Key("show_screen('mistakes')", ("2",), "Mistakes", "See what the model gets wrong.",
        Scope.EVERYWHERE),
    Key("show_screen('runs')", ("3",), "Runs", "Compare all runs, and go on with one.",
        Scope.EVERYWHERE),
    Key("show_screen('race')", ("4",), "Race", "Watch engines do the same work in turns: who is "
        "how fast.", Scope.EVERYWHERE),
    Key("show_screen('sweeps')", ("5",), "Sweeps", "Train many runs with values that Optuna "
        "chooses, and see which are best.", Scope.EVERYWHERE, gives_way=True),
    Key("show_screen('network')", ("6",), "Network", "See what each unit of the network has "
        "learned.", Scope.EVERYWHERE, gives_way=True),
    Key("open_run", ("enter",), "Open", "Show the run under the cursor.", Scope.RUNS),
    Key("mark_run", ("space",), "Mark", "Lay the curves of the run over the others, or take them "
        "away again.", Scope.RUNS),
    Key("pin_run", ("P",), "Pin", "Make the run the reference that all others are compared with.",
        Scope.RUNS),
    Key("filter_runs", ("slash",), "Filter", "Show only some runs: words, optimizer:adam, "
        "lr>=0.01, acc>0.95, tag:wide, state:completed. All that is typed must hold.", Scope.RUNS),
    Key("clear_filter", ("escape",), "Clear", "Take the filter away, or else the cursor of the "
        "charts.", Scope.RUNS, urgent=True),
    Key("sort_runs", ("o",), "Sort", "Choose what the runs are sorted by; a click on a heading "
        "does it too.", Scope.RUNS),
    Key("best_first", ("b",), "Best", "The run with the best accuracy first, or the newest first "
        "again.", Scope.RUNS, gives_way=True),
    Key("reverse_sorting", ("O",), "Reverse", "Turn the order of the runs round.", Scope.RUNS,
        footer=False),
    Key("fork_run", ("f",), "Fork", "Take the hyperparameters of the run into the form, as they "
        "were at its end.", Scope.RUNS),
    Key("resume_run", ("R",), "Resume", "Go on with the run from its last checkpoint. One that is "
        "complete gets more epochs, or goes on as a new run.", Scope.RUNS),
    Key("rename_run", ("N",), "Rename", "Give the run another name.", Scope.RUNS,
        footer=False),
    Key("edit_note", ("m",), "Note", "Write down what the run is about.", Scope.RUNS,
        footer=False),
    Key("edit_tags", ("t",), "Tags", "Give the run tags, separated by commas.", Scope.RUNS,
        footer=False),
    Key("show_run_command", ("Y",), "Command", "Show the command line that reproduces the run.",
        Scope.RUNS, footer=False),
    Key("delete_run", ("D",), "Delete", "Delete the run; Undo brings it back until the app "
        "is closed.", Scope.RUNS),
    Key("undo_delete", ("u",), "Undo", "Bring back the run that was deleted last.", Scope.RUNS,
        urgent=True),
    Key("scroll_charts(1)", ("down", "j"), "Down", "Show the charts below.", Scope.RECORDING),
    Key("scroll_charts(-1)", ("up", "k"), "Up", "Show the charts above.", Scope.RECORDING,
        footer=False),
    Key("filter_metrics", ("slash",), "Filter", "Show only the metrics whose names have these "
        "words.", Scope.RECORDING),
    Key("show_said", ("m",), "Matrix", "What the model said, as it was recorded: accuracy, "
        "confusion matrix and pictures; or the charts again.", Scope.RECORDING),
    Key("leave_recording", ("escape",), "Back", "Bring back what made room, take the filter or the "
        "charts' cursor away, or else go back to the runs.", Scope.RECORDING, urgent=True),
    Key("log", ("y",), "Log", "Draw the loss, and the error rate in place of the accuracy, on "
        "logarithmic axes, or go back; with the gradients in focus, these.", Scope.CHARTS),
    Key("next_axis", ("x",), "X axis", "Draw curves over steps, epochs or seconds of training.",
        Scope.CHARTS, footer=False),
    Key("smooth(1)", ("greater_than_sign",), "Smoother", "Smooth the training curves more, up to "
        "0.99. What was measured stays behind them, dim.", Scope.CHARTS, footer=False),
    Key("smooth(-1)", ("less_than_sign",), "Rougher", "Smooth the training curves less, down to 0.",
        Scope.CHARTS, footer=False),
    Key("mean_of_seeds", ("M",), "Mean", "Draw runs that differ in the seed alone as their mean, "
        "between dashes one deviation away, or each by itself.", Scope.CHARTS, footer=False),
    Key("cut_start", ("i",), "Cut start", "Let the axes leave out how curves began, which is then "
        "marked with its value, or take it in.", Scope.CHARTS, footer=False),
    Key("next_chart", ("c",), "Chart", "Where one chart has all the room: show the next one; among "
        "runs also what sets two of them apart.", Scope.CHARTS, urgent=True, gives_way=True),
    Key("zoom(1)", ("plus", "equals_sign"), "Zoom in", "Look closer at the curves, about the "
        "cursor. The wheel does it about the pointer.", Scope.ZOOM, footer=False),
    Key("zoom(-1)", ("minus",), "Zoom out", "Look at more of the curves.", Scope.ZOOM,
        footer=False),
    Key("pan(-1)", ("left", "h"), "Pan left", "In a chart that is zoomed: go to what was before. "
        "Dragging does it too.", Scope.ZOOM, footer=False),
    Key("pan(1)", ("right", "l"), "Pan right", "In a chart that is zoomed: go to what came after.",
        Scope.ZOOM, footer=False),
    Key("whole_view", ("0",), "Whole", "Show all of the curves, from their start. A double click "
        "does it too.",
        Scope.ZOOM, footer=False),
    Key("maximise", ("z",), "Maximise", "Let the part of the screen that has the focus fill it, "
        "or bring the others back.", Scope.ZOOM, footer=False),
    Key("filter_samples", ("slash",), "Filter", "Show the samples that match, such as 49 for a "
        "4 taken for a 9, conf>0.9, loss>3, class:7 or index:947.", Scope.MISTAKES),
    Key("step_pair(1)", ("n",), "Pair", "Show the pair of classes that is confused most, then "
        "the next one.", Scope.MISTAKES),
    Key("step_pair(-1)", ("N",), "Previous pair", "Back to the pair that is confused more.",
        Scope.MISTAKES, footer=False),
    Key("show_matrix", ("m",), "Matrix", "Go to the confusion matrix. Enter shows what is in a "
        "cell.", Scope.MISTAKES),
    Key("subtract_matrix", ("c",), "Compare", "In the matrix, how many more or fewer there are "
        "than of the pinned run or the run before; or the counts again.", Scope.MISTAKES,
        gives_way=True),
    Key("show_calibration", ("C",), "Calibration", "See whether the model is right as often as it "
        "is sure: a reliability diagram and the calibration error of each epoch.", Scope.MISTAKES,
        footer=False),
    Key("show_class_curves", ("t",), "Classes", "See recall and precision of each class over the "
        "epochs, as small curves.", Scope.MISTAKES, footer=False, gives_way=True),
    Key("cycle_why", ("W",), "Why", "See why the model says so: what speaks for it by gradient, "
        "then by covering parts, the smallest change that makes it say another class, the nearest "
        "training samples, and the digit again.", Scope.MISTAKES, gives_way=True),
    Key("choose_kind", ("w",), "What", "Choose what to show: the mistakes, all samples, suspect "
        "labels, or those that were marked, fixed, newly broken, always or never wrong, or that "
        "another run sees differently.", Scope.MISTAKES),
    Key("choose_order", ("o",), "Sort", "Choose what the samples are sorted by: loss, confidence, "
        "margin, self-confidence, normalised margin or index.", Scope.MISTAKES),
    Key("mark_sample", ("space",), "Mark", "Mark the sample under the cursor, to come back to it; "
        "or take its mark away. Marks are kept with the run.", Scope.MISTAKES, gives_way=True),
    Key("reverse_order", ("O",), "Reverse", "Turn the order of the samples round.",
        Scope.MISTAKES, footer=False),
    Key("move_epoch(-1)", ("left_square_bracket",), "Back", "See what the model said an epoch "
        "before; the charts' cursor moves too.", Scope.MISTAKES),
    Key("move_epoch(1)", ("right_square_bracket",), "Forward", "See what the model said an epoch "
        "later.", Scope.MISTAKES),
    Key("set_since", ("b",), "Base", "Count fixed and newly broken samples from this epoch.",
        Scope.MISTAKES, footer=False),
    Key("switch_samples", ("T",), "Train/test", "Look at the training samples, or at the test "
        "samples again.", Scope.MISTAKES, footer=False),
    Key("note_sample", ("e",), "Note", "Mark the sample under the cursor, and write down why.",
        Scope.MISTAKES, footer=False, gives_way=True),
    Key("digit_style", ("v",), "Digits", "Draw digits as ASCII, half-blocks, braille or, "
        "in some terminals, pixels: on all screens, and from now on.",
        Scope.MISTAKES, footer=False),
    Key("clear_samples", ("escape",), "Clear", "Back to all mistakes.", Scope.MISTAKES,
        urgent=True),
    Key("start_race", ("r", "ctrl+r"), "Start", "Race those that are ticked. While a run trains "
        "there is no race: each would slow the other.", Scope.RACE, insistent=("ctrl+r",)),
    Key("stop_race", ("s",), "Stop", "End the race at once, and keep what it measured.",
        Scope.RACE),
    Key("edit_race", ("e",), "Edit", "Go to the task, the preset, the rounds and who takes part; "
        "space ticks, enter starts.", Scope.RACE),
    Key("show_kept_races", ("h",), "Earlier", "Go to the races before; enter opens one.",
        Scope.RACE),
    Key("delete_race", ("D",), "Delete", "Delete the race under the cursor of the earlier ones; "
        "Undo brings it back until the app is closed.", Scope.RACE),
    Key("undo_delete", ("u",), "Undo", "Bring back the race that was deleted last.", Scope.RACE,
        urgent=True),
    Key("race_axis", ("x",), "X axis", "Draw the time on a logarithmic axis, or a linear one.",
        Scope.RACE),
    Key("leave_race_field", ("escape",), "Chart", "Go back to the chart; there, take its cursor "
        "away.", Scope.RACE),
    Key("start_sweep", ("r", "ctrl+r"), "Start", "Begin the sweep of the form. While it goes on no "
        "run trains here: each would slow the other.", Scope.SWEEPS, insistent=("ctrl+r",)),
    Key("stop_sweep", ("s",), "Stop", "Begin no more trials, and let those under way end; the "
        "second time, end these at once too. All are kept.", Scope.SWEEPS, urgent=True),
    Key("resume_sweep", ("R",), "Resume", "Go on with the study on show, or with the one under "
        "the cursor of the earlier ones. One that is finished gets more trials.", Scope.SWEEPS),
    Key("open_trial", ("enter",), "Open", "Show the run of the trial under the cursor.",
        Scope.SWEEPS, urgent=True),
    Key("fork_trial", ("f",), "Fork", "Take the recipe of the trial under the cursor into the form "
        "of the train screen.", Scope.SWEEPS, urgent=True),
    Key("edit_sweep", ("e",), "Edit", "Go to what is sampled: ranges such as 0.001:1:log, or "
        "values such as 32|64,64. An empty field is as on the train screen.", Scope.SWEEPS),
    Key("next_chart", ("c",), "Chart", "Show the next chart: the best so far, the value against a "
        "field, parallel coordinates, and with little room what decides.", Scope.SWEEPS,
        gives_way=True),
    Key("next_parameter", ("x",), "X axis", "Draw the value of each trial against the next field "
        "that is sampled.", Scope.SWEEPS),
    Key("show_trial_command", ("Y",), "Command", "Show the command line that reproduces the run of "
        "the trial under the cursor, which is the best unless it was moved.", Scope.SWEEPS,
        footer=False),
    Key("show_studies", ("h",), "Earlier", "Go to the studies before; enter goes on with one, or "
        "shows it again.", Scope.SWEEPS),
    Key("leave_sweep_field", ("escape",), "Trials", "Go back to the trials.", Scope.SWEEPS,
        urgent=True),
    Key("choose_order", ("o",), "Sort", "Choose what the units are sorted by: the norm of their "
        "weights, their index, or how much a class uses them.", Scope.NETWORK),
    Key("reverse_order", ("O",), "Reverse", "Turn the order of the units round.", Scope.NETWORK,
        footer=False),
    Key("step_class(1)", ("c",), "Class", "Sort the units by how much a class uses them: the first "
        "class, then the next one.", Scope.NETWORK, gives_way=True),
    Key("step_class(-1)", ("C",), "Class before", "Sort the units by how much the class before "
        "uses them.", Scope.NETWORK, footer=False, gives_way=True),
    Key("next_layer", ("n",), "Layer", "Show the units of the next hidden layer.", Scope.NETWORK,
        gives_way=True),
    Key("show_distributions", ("D",), "Distributions", "See how weights, gradients and activations "
        "are distributed in each epoch, array by array, as a heat map.", Scope.NETWORK,
        gives_way=True),
    Key("move_epoch(-1)", ("left_square_bracket",), "Back", "See the weights of the epoch before "
        "that is kept; the charts' cursor moves too.", Scope.NETWORK),
    Key("move_epoch(1)", ("right_square_bracket",), "Forward", "See the weights of the next epoch "
        "that is kept.", Scope.NETWORK),
    Key("digit_style", ("v",), "Digits", "Draw digits as ASCII, half-blocks, braille or, "
        "in some terminals, pixels: on all screens, and from now on.",
        Scope.NETWORK, footer=False),
    Key("show_latest", ("escape",), "Latest", "Take the charts' cursor away, and see the model as "
        "it is now.", Scope.NETWORK, urgent=True),
    Key("show_screen('draw')", ("d",), "Draw", "Draw a digit, and see what the model makes of it.",
        Scope.EVERYWHERE),
    Key("toggle_pen", ("space",), "Pen", "Put the pen down where the cursor is, or lift it. The "
        "left mouse button draws too.", Scope.DRAW),
    Key("toggle_eraser", ("x", "backspace"), "Eraser", "Put the eraser down where the cursor is, "
        "or lift it. The right mouse button erases too, and the left one with shift.", Scope.DRAW),
    Key("undo_stroke", ("u",), "Undo", "Take the last stroke back.", Scope.DRAW),
    Key("clear_drawing", ("c",), "Clear", "Wipe the canvas; Undo brings the drawing back.",
        Scope.DRAW),
    Key("move_pen(-1, 0)", ("left", "h"), "Left", "Move the cursor to the left; with the pen down "
        "it draws, with the eraser down it erases.", Scope.DRAW, footer=False),
    Key("move_pen(0, 1)", ("down", "j"), "Down", "Move the cursor down.", Scope.DRAW,
        footer=False),
    Key("move_pen(0, -1)", ("up", "k"), "Up", "Move the cursor up.", Scope.DRAW, footer=False),
    Key("move_pen(1, 0)", ("right", "l"), "Right", "Move the cursor to the right.", Scope.DRAW,
        footer=False),
    Key("digit_style", ("v",), "Digits", "Draw digits as ASCII, half-blocks, braille or, "
        "in some terminals, pixels: on all screens, and from now on.",
        Scope.DRAW, footer=False),
    Key("leave_drawing", ("escape", "d"), "Back", "Back to where the drawing was opened.",
        Scope.DRAW, urgent=True),
    Key("page(1)", ("ctrl+d",), "Page down", "Go down by a page in a table, a list or a text.",
        Scope.EVERYWHERE, footer=False, gives_way=True),
    Key("page(-1)", ("ctrl+u",), "Page up", "Go up by a page.", Scope.EVERYWHERE, footer=False,
        gives_way=True),
    Key("help", ("question_mark", "f1"), "Help", "Show this help.", Scope.EVERYWHERE),
    Key("command_palette", ("ctrl+p",), "Palette", "Find a command by its name, or another theme.",
        Scope.EVERYWHERE, footer=False),
    Key("suspend_process", ("ctrl+z",), "Suspend", "Halt the program and its run, and go to the "
        "shell; fg brings both back.", Scope.EVERYWHERE, footer=False, insistent=("ctrl+z",),
        gives_way=True),
    Key("quit", ("q", "ctrl+q"), "Quit", "Leave. Asks first if a run is under way.",
        Scope.EVERYWHERE, insistent=("ctrl+q",)),
)  # fmt: skip


def bindings(*scopes: Scope) -> list[BindingType]:
    """Textual's bindings of the keys in `scopes`, one scope after the other."""
    return [
        binding
        for scope in scopes
        for key in KEYS
        if key.scope is scope
        for binding in bindings_of(key)
    ]


def bindings_of(key: Key) -> Iterator[Binding]:
    """Textual's bindings of one command."""
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


def _first_keys(table: Iterable[Key]) -> Mapping[str, str]:
    """What people call the first key of each command, by the command's name."""
    keys: dict[str, str] = {}
    for key in table:
        if key.keys:
            keys.setdefault(key.name, shown_key(key.keys[0]))
    return keys


_USUAL = _first_keys(KEYS)
_ACTIVE: ContextVar[Mapping[str, str] | None] = ContextVar("keys", default=None)
"""Of the app that runs in this context: two apps in one process may have other keys each."""


def set_active_keys(table: Iterable[Key]) -> None:
    """Let `key_hint` answer with the keys of `table` from here on in this context."""
    _ACTIVE.set(_first_keys(table))


def key_hint(command: str) -> str:
    """What people call the key of a command, such as "r" for "run".

    Raises:
        KeyError: there is no such command in the table.
    """
    return (_ACTIVE.get() or _USUAL)[command]


def sentence_key(command: str) -> str:
    """`key_hint` where a sentence begins with it: a name has a capital there.

    A single letter stays as it is, since its capital is another key.
    """
    key = key_hint(command)
    return key if len(key) == 1 else key[0].upper() + key[1:]
