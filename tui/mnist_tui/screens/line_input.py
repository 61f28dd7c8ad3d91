"""A dialog that asks for one line of text."""

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from mnist_tui.plain_text import visible
from mnist_tui.widgets.text_line import TextLine


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
