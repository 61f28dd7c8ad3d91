"""The line in which names of metrics are filtered."""

from collections.abc import Iterable

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input

from mnist_tui.ui.dialogs import TextLine


def that_match(names: Iterable[str], text: str) -> list[str]:
    """The names that have every word of `text`, whatever its letters' case."""
    words = text.casefold().split()
    return [name for name in names if all(word in name.casefold() for word in words)]


class MetricFilter(Vertical):
    """Shown while it is edited or holds words."""

    class Changed(Message):
        """The user has typed other words."""

    class Left(Message):
        """The user is done with typing."""

    def __init__(self) -> None:
        super().__init__(id="metric-filter")

    def compose(self) -> ComposeResult:
        yield TextLine(
            id="metric-words", placeholder="words that names have, such as loss", compact=True
        )

    @property
    def _input(self) -> TextLine:
        return self.query_one("#metric-words", TextLine)

    @property
    def text(self) -> str:
        """What is typed, also while a message about it is on its way."""
        return self._input.value

    def edit(self) -> None:
        """Show the line, and give it the focus."""
        self.display = True
        self.screen.set_focus(self._input)

    def rest(self) -> None:
        """Stay only as long as there are words; the focus is elsewhere."""
        self.display = bool(self.text.strip())

    def clear(self) -> None:
        """Take the words away at once, without a message."""
        with self.prevent(Input.Changed):
            self._input.value = ""

    @on(Input.Changed)
    def _type(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed())

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Left())

    def on_key(self, event: events.Key) -> None:
        """Down goes to the charts, as Enter does."""
        if event.key == "down":
            event.stop()
            self.post_message(self.Left())
