"""A line in which what is shown is filtered while one types."""

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from mnist_tui.ui.dialogs import TextLine


class FilterLine(Vertical):
    """Shown while it is edited or holds a filter."""

    class Changed(Message):
        """The user has typed another filter."""

    class Left(Message):
        """The user is done with typing, and goes to what was found."""

    def __init__(self, example: str) -> None:
        """`example` stands there while the line is empty."""
        super().__init__(id="filter-line")
        self._input = TextLine(id="filter", placeholder=example, compact=True)

    def compose(self) -> ComposeResult:
        yield self._input

    @property
    def text(self) -> str:
        """What is typed, also while a message about it is on its way."""
        return self._input.value

    def edit(self) -> None:
        """Show the line, and give it the focus."""
        self.display = True
        self.screen.set_focus(self._input)

    def rest(self) -> None:
        """Stay only as long as there is a filter; the focus is elsewhere."""
        self.display = bool(self.text.strip())

    def clear(self) -> None:
        """Take the filter away at once, without a message."""
        with self.prevent(Input.Changed):
            self._input.value = ""
        self.read()

    def read(self) -> None:
        """Take in the text, which is another one than before."""

    @on(Input.Changed)
    def _type(self, event: Input.Changed) -> None:
        event.stop()
        self.read()
        self.post_message(self.Changed())

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Left())

    def on_key(self, event: events.Key) -> None:
        """Down goes to what was found, as Enter does."""
        if event.key == "down":
            event.stop()
            self.post_message(self.Left())
