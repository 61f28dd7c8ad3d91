"""What is to be raced: the task, the preset, the rounds, and who takes part."""

from collections.abc import Sequence
from typing import ClassVar, cast

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from mnist_core.benchmark.race import CURVE_TASKS, TaskName
from mnist_core.recipe.presets import DEFAULT_PRESET, presets
from mnist_tui.race.entrants import Entrant, entrants_of, look_of
from mnist_tui.ui.form_fields import Choice, FieldRow


class EntrantPicker(Widget, can_focus=True):
    """A line for each entrant; space or a click ticks it. Those that cannot run say why."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("space", "tick", "Choose", show=False),
        Binding("enter", "submit", "Start", show=False),
    ]
    DEFAULT_CSS = """
    EntrantPicker {
        height: auto;
        padding: 0 1;
        pointer: pointer;
    }
    """

    class Submitted(Message):
        """The user pressed Enter."""

    def __init__(self, entrants: Sequence[Entrant], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._entrants = tuple(entrants)
        self._chosen = {entrant.name for entrant in entrants if entrant.is_usual}
        self._cursor = 0

    @property
    def chosen(self) -> tuple[str, ...]:
        """Those that take part, in the order of their turns."""
        return tuple(entrant.name for entrant in self._entrants if entrant.name in self._chosen)

    @property
    def pointed(self) -> Entrant:
        """The one that the cursor is on."""
        return self._entrants[self._cursor]

    def show(self, entrants: Sequence[Entrant]) -> None:
        """Offer other entrants; the usual ones of them are chosen."""
        self._entrants = tuple(entrants)
        self._chosen = {entrant.name for entrant in entrants if entrant.is_usual}
        self._cursor = 0
        self._explain()
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._entrants)

    def render(self) -> Content:
        return Content("\n").join([self._line(row) for row in range(len(self._entrants))])

    def _line(self, row: int) -> Content:
        entrant = self._entrants[row]
        here = self.has_focus and row == self._cursor
        pointer = Content.styled("▸" if here else " ", "bold $text-accent")
        if entrant.problem:
            words = f" -  {entrant.name} {entrant.problem}"
            line = pointer + Content.styled(words, "$foreground 45%")
        else:
            box = "[x]" if entrant.name in self._chosen else "[ ]"
            look = look_of(entrant.name)
            name = Content.styled(entrant.name, "bold" if here else "")
            line = pointer + Content(f"{box} ") + Content.styled(look.sign, look.color) + " " + name
        return line.truncate(self.size.width, ellipsis=True)

    def on_focus(self) -> None:
        self._explain()

    def _explain(self) -> None:
        self.tooltip = f"{self.pointed.name}: {self.pointed.words}"

    def action_move(self, by: int) -> None:
        self._move_to(max(0, min(self._cursor + by, len(self._entrants) - 1)))

    def action_tick(self) -> None:
        entrant = self.pointed
        if not entrant.problem:
            self._chosen ^= {entrant.name}
            self.refresh()

    def action_submit(self) -> None:
        self.post_message(self.Submitted())

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < len(self._entrants):
            self._move_to(offset.y)
            self.action_tick()

    def _move_to(self, row: int) -> None:
        self._cursor = row
        self._explain()
        self.refresh()


ROUNDS = ("1", "2", "3", "5", "7", "9")
DEFAULT_ROUNDS = "5"
"""Quartiles begin to mean something."""


class RaceForm(VerticalScroll, can_focus=False):
    """Holds the choices of the next race; it changes nothing else."""

    DEFAULT_CSS = """
    RaceForm > FieldRow > Choice { margin: 0 1 0 8; }
    """

    class Changed(Message):
        """Another task, preset or number of rounds is asked for."""

    class Submitted(Message):
        """The user pressed Enter in a field."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._task_choice = Choice(CURVE_TASKS, CURVE_TASKS[0])
        self._preset = Choice(tuple(presets()), DEFAULT_PRESET)
        self._rounds = Choice(ROUNDS, DEFAULT_ROUNDS)
        self._offered_for: TaskName = CURVE_TASKS[0]
        self._entrants = EntrantPicker(entrants_of(self._offered_for), id="entrants")

    @property
    def task_name(self) -> TaskName:
        return cast(TaskName, self._task_choice.value)

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
        about_task = (
            "mlp trains a network on the data; linear and logistic regression learn from examples "
            "that are drawn."
        )
        about_rounds = "How often each is measured; they take turns."
        yield FieldRow("task", "Task", self._task_choice, about_task)
        yield FieldRow("preset", "Preset", self._preset, "The network that mlp trains, and how.")
        yield FieldRow("rounds", "Rounds", self._rounds, about_rounds)
        yield self._entrants

    def focus_first(self) -> None:
        """Go to the task."""
        self.screen.set_focus(self._task_choice)

    @on(Choice.Changed)
    def _change(self, event: Choice.Changed) -> None:
        event.stop()
        self._follow_task()
        self.post_message(self.Changed())

    def _follow_task(self) -> None:
        """Offer who can do the task that is chosen now."""
        task = self.task_name
        if task != self._offered_for:
            self._offered_for = task
            self._entrants.show(entrants_of(task))
            self.query_one(".preset", FieldRow).set_class(task != "mlp", "-unused")
            self._preset.disabled = task != "mlp"

    @on(Choice.Submitted)
    @on(EntrantPicker.Submitted)
    def _submit(self, event: Choice.Submitted | EntrantPicker.Submitted) -> None:
        event.stop()
        self.post_message(self.Submitted())
