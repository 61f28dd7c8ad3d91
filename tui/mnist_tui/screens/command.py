"""The command line that reproduces a run, to read and to copy."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from mnist_tui.plain_text import visible


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
