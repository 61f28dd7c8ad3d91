"""What is to be raced: the task, the preset, the rounds, and who takes part."""

from typing import cast

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message

from mnist_core.benchmark.contest import CONTEST_TASKS, ContestTask
from mnist_core.hyperparameters import DEFAULT_PRESET, presets
from mnist_tui.race.entrants import entrants_of
from mnist_tui.widgets.entrant_picker import EntrantPicker
from mnist_tui.widgets.form.choice import Choice
from mnist_tui.widgets.form.field_row import FieldRow

ROUNDS = ("1", "2", "3", "5", "7", "9")
DEFAULT_ROUNDS = "5"
"""Quartiles begin to mean something."""


class RaceForm(VerticalScroll, can_focus=False):
    """Holds the choices of the next race; it changes nothing else."""

    DEFAULT_CSS = """
    RaceForm > FieldRow > Choice { margin: 0 1 0 8; }
    """

    class Changed(Message):
        """Another race is asked for than before."""

    class Submitted(Message):
        """The user pressed Enter in a field."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._task_choice = Choice(CONTEST_TASKS, CONTEST_TASKS[0])
        self._preset = Choice(tuple(presets()), DEFAULT_PRESET)
        self._rounds = Choice(ROUNDS, DEFAULT_ROUNDS)
        self._offered_for: ContestTask = CONTEST_TASKS[0]
        self._entrants = EntrantPicker(entrants_of(self._offered_for), id="entrants")

    @property
    def contest_task(self) -> ContestTask:
        return cast(ContestTask, self._task_choice.value)

    @property
    def preset(self) -> str:
        """What `mlp` trains."""
        return self._preset.value

    @property
    def rounds(self) -> int:
        return int(self._rounds.value)

    @property
    def entrants(self) -> tuple[str, ...]:
        """Those that are to take part, in the order of their turns."""
        # A key may come between another task and the message of it.
        self._follow_task()
        return self._entrants.chosen

    def compose(self) -> ComposeResult:
        for key, label, editor, words in (
            ("task", "Task", self._task_choice, "mlp trains a network on the data; linear and "
             "logistic regression learn from examples that are drawn."),
            ("preset", "Preset", self._preset, "The network that mlp trains, and how."),
            ("rounds", "Rounds", self._rounds, "How often each is measured; they take turns."),
        ):  # fmt: skip
            yield FieldRow(key, label, editor, words)
        yield self._entrants

    def focus_first(self) -> None:
        """Go to the task."""
        self._task_choice.focus()

    @on(Choice.Changed)
    def _change(self, event: Choice.Changed) -> None:
        event.stop()
        self._follow_task()
        self.post_message(self.Changed())

    def _follow_task(self) -> None:
        """Offer who can do the task that is chosen now."""
        task = self.contest_task
        if task != self._offered_for:
            self._offered_for = task
            self._entrants.show(entrants_of(task))
            self.query_one(".preset", FieldRow).set_class(task != "mlp", "-unused")
            self._preset.disabled = task != "mlp"

    @on(EntrantPicker.Changed)
    def _change_entrants(self, event: EntrantPicker.Changed) -> None:
        event.stop()
        self.post_message(self.Changed())

    @on(EntrantPicker.Pointed)
    def _explain(self, event: EntrantPicker.Pointed) -> None:
        event.stop()
        entrant = self._entrants.pointed
        self._entrants.tooltip = f"{entrant.name}: {entrant.words}"

    @on(Choice.Submitted)
    @on(EntrantPicker.Submitted)
    def _submit(self, event: Choice.Submitted | EntrantPicker.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())
