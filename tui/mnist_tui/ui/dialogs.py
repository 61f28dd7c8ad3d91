"""What lies over a screen: a question, a line to type, a command to copy, all commands."""

from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.command import CommandList, CommandPalette
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.css.query import NoMatches
from textual.geometry import Size
from textual.reactive import Reactive
from textual.screen import ModalScreen, ScreenResultType
from textual.widgets import Button, Input, Static

from mnist_tui.text.numbers import whole_number
from mnist_tui.text.visible_text import visible

_LINE_ACTIONS = {binding.key: binding.action for binding in Binding.make_bindings(Input.BINDINGS)}


class TextLine(Input):
    """Textual's input, which takes keys in their order, and is as wide as its place.

    Textual's lays the whole screen out with every letter, in case its width followed the text. Its
    editing keys and Enter go from widget to widget up to the app first, and come after letters
    that were typed behind them: so it is where keys arrive together, as over a slow connection.
    """

    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False)

    async def on_key(self, event: events.Key) -> None:
        action = _LINE_ACTIONS.get(event.key)
        if action is not None:
            event.stop()
            await self.run_action(action)


class Dialog(ModalScreen[ScreenResultType]):
    """Closes once: a second key that was typed before it did must not close the screen below."""

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        return super().dismiss(result) if self.is_active else AwaitComplete()


class Question(Dialog[bool]):
    """Asks yes or no. Opens on the answer that was asked for: Enter takes it, Esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "Go back"),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]
    AUTO_FOCUS = "#yes"

    def __init__(self, question: str, yes: str, no: str) -> None:
        super().__init__()
        self._question = question
        self._yes = yes
        self._no = no

    def compose(self) -> ComposeResult:
        with Vertical(id="question"):
            yield Static(self._question, markup=False)
            with Horizontal(id="answers"):
                yield Button(f"{self._yes}  ⏎", id="yes", variant="primary", compact=True)
                yield Button(f"{self._no}  esc", id="no", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")


class CommandScreen(Dialog[None]):
    """Shows `command`, which the app has handed to the terminal's clipboard."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,Y,q", "dismiss(None)", "Close")]

    def __init__(self, run: str, command: str) -> None:
        super().__init__()
        self._run = run
        self._command = command

    def compose(self) -> ComposeResult:
        with Vertical(id="question") as box:
            box.border_title = Content(f"The command that repeats {visible(self._run)}")
            box.border_subtitle = "esc closes"
            yield Static(visible(self._command), markup=False, id="command")
            yield Static(
                "It is on the clipboard, where the terminal allows that; else select it with the "
                "mouse.",
                classes="note",
            )


def count_problem(text: str, most: int) -> str:
    """Why `text` is no count from 1 to `most`, as a sentence; empty: it is one."""
    return "" if whole_number(text, most) else f"Takes a whole number from 1 to {most}."


class LineInput(Dialog[str | None]):
    """Opens with `value` selected in its field. Enter gives the text, which is None where it is the
    same, unless that counts too; Esc gives None.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Go back")]
    AUTO_FOCUS = "Input"

    def __init__(
        self,
        title: str,
        value: str = "",
        hint: str = "",
        problem_of: Callable[[str], str] = lambda text: "",
        *,
        same_counts: bool = False,
    ) -> None:
        """`title` and `hint` are plain text; `problem_of` says why a text cannot be taken.

        `same_counts`: Enter gives `value` too, where it was not edited.
        """
        super().__init__()
        self._title = title
        self._value = visible(value)
        self._hint = hint
        self._problem_of = problem_of
        self._same_counts = same_counts

    def compose(self) -> ComposeResult:
        with Vertical(id="line-input") as box:
            box.border_title = Content(visible(self._title) or " ")
            box.border_subtitle = "enter takes it, esc goes back"
            yield TextLine(self._value, placeholder=self._hint, compact=True)
            yield Static(id="line-problem", markup=False)

    @on(Input.Changed)
    def _forget_problem(self, event: Input.Changed) -> None:
        event.stop()
        self._say("")

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        text = event.value.strip()
        problem = self._problem_of(text)
        if problem:
            self._say(problem)
        else:
            same = text == self._value and not self._same_counts
            self.dismiss(None if same else text)

    def _say(self, problem: str) -> None:
        line = self.query_one("#line-problem", Static)
        line.update(problem)
        line.display = bool(problem)


_gather_commands = CommandPalette._gather_commands.__wrapped__  # type: ignore[attr-defined]


class Palette(CommandPalette):
    """Textual's, held back from its crashes.

    It ignores keys that arrive before its list is laid out, or after it was closed.
    """

    def _action_command_list(self, action: str) -> None:
        # Textual 8.2.8: page up and down look lines up that the first layout has yet to make.
        if self.query_one(CommandList)._index_to_line:
            super()._action_command_list(action)

    @on(Input.Submitted)
    @on(Button.Pressed)
    def _select_or_command(self, event: Input.Submitted | Button.Pressed | None = None) -> None:
        if event is not None:
            event.stop()
            # Textual calls the handler of the base class too, unless it is told not to.
            event.prevent_default()
        # Textual 8.2.8: a second Enter gives the command twice.
        if self.is_active:
            super()._select_or_command(event)

    def dismiss(self, result: None = None) -> AwaitComplete:
        # Textual 8.2.8: a click or an escape that comes behind the one that closed it takes the
        # screen below away, or the last one, which raises ScreenStackError.
        return super().dismiss(result) if self.is_active else AwaitComplete()

    @work(exclusive=True, group=CommandPalette._GATHER_COMMANDS_GROUP)
    async def _gather_commands(self, search_value: str) -> None:
        # Textual 8.2.8: closed before the search has begun, it looks for a list that is gone.
        with suppress(NoMatches):
            await _gather_commands(self, search_value)
