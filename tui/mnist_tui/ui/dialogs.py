"""The small dialogs: a question, one line of text to type, and a command to copy."""

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.geometry import Size
from textual.reactive import Reactive
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from mnist_tui.text.visible_text import visible


class TextLine(Input):
    """Textual's input, as wide as its place whatever is in it.

    Textual's lays the whole screen out with every letter, in case its width followed the text.
    """

    virtual_size: Reactive[Size] = Reactive(Size(0, 0), layout=False)


class Question(ModalScreen[bool]):
    """Asks yes or no. Opens on the answer that was asked for: Enter takes it, Esc goes back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "go_back", "Go back"),
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
        self._answer(event.button.id == "yes")

    def action_go_back(self) -> None:
        self._answer(False)

    def _answer(self, answer: bool) -> None:
        # A second key that was typed before the dialog closed must not close the screen below.
        if self.is_active:
            self.dismiss(answer)


class CommandScreen(ModalScreen[None]):
    """Shows `command`, which the app has handed to the terminal's clipboard."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,enter,Y,q", "close", "Close")]

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

    def action_close(self) -> None:
        if self.is_active:
            self.dismiss(None)


class LineInput(ModalScreen[str | None]):
    """Opens with `value` selected in its field. Enter gives the text, which is None where it is the
    same, unless that counts too; Esc gives None.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "go_back", "Go back")]
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
        elif self.is_active:
            same = text == self._value and not self._same_counts
            self.dismiss(None if same else text)

    def action_go_back(self) -> None:
        if self.is_active:
            self.dismiss(None)

    def _say(self, problem: str) -> None:
        line = self.query_one("#line-problem", Static)
        line.update(problem)
        line.display = bool(problem)
