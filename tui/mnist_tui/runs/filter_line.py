"""The line in which the runs are filtered."""

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from mnist_tui.runs.run_filter import parse_filter
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.dialogs import TextLine


class FilterLine(Vertical):
    """Shown while it is edited or holds a filter; under it stands what is wrong with that."""

    class Changed(Message):
        """The user has typed another `run_filter`."""

    class Left(Message):
        """The user is done with typing, and goes to what was found."""

    def __init__(self) -> None:
        super().__init__(id="filter-line")
        self.run_filter = parse_filter("")

    def compose(self) -> ComposeResult:
        yield TextLine(
            id="filter", placeholder="words, optimizer:adam, lr>=0.01, acc>0.95", compact=True
        )
        yield Static(id="filter-problem", markup=False)

    @property
    def _input(self) -> TextLine:
        return self.query_one("#filter", TextLine)

    def edit(self) -> None:
        """Show the line, and give it the focus."""
        self.display = True
        self.screen.set_focus(self._input)

    def rest(self) -> None:
        """Stay only as long as there is a filter; the focus is elsewhere."""
        self.display = bool(self._input.value.strip())

    def clear(self) -> None:
        """Take the filter away at once, without a message."""
        with self.prevent(Input.Changed):
            self._input.value = ""
        self._read()

    @on(Input.Changed)
    def _type(self, event: Input.Changed) -> None:
        event.stop()
        self._read()
        self.post_message(self.Changed())

    def _read(self) -> None:
        # Of the field: a message that arrives late may tell of text that has been cleared since.
        self.run_filter = parse_filter(self._input.value)
        problem = self.query_one("#filter-problem", Static)
        problem.update(visible(self.run_filter.problem))
        problem.display = bool(self.run_filter.problem)

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Left())

    def on_key(self, event: events.Key) -> None:
        """Down goes to what was found, as Enter does."""
        if event.key == "down":
            event.stop()
            self.post_message(self.Left())
