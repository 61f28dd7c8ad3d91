"""The line that a filter over runs is typed into."""

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from mnist_tui.runs.run_filter import RunFilter, parse_filter
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.dialogs import TextLine


class FilterLine(Vertical):
    """Shown while it is edited or holds a filter; under it stands what is wrong with that."""

    class Changed(Message):
        """The user asks for other runs."""

        def __init__(self, run_filter: RunFilter) -> None:
            super().__init__()
            self.run_filter = run_filter

    class Left(Message):
        """The user is done with typing, and goes to what was found."""

    def __init__(self) -> None:
        super().__init__(id="filter-line")

    def compose(self) -> ComposeResult:
        yield TextLine(
            id="filter", placeholder="words, optimizer:adam, lr>=0.01, acc>0.95", compact=True
        )
        yield Static(id="filter-problem", markup=False)

    def edit(self) -> None:
        """Show the line, and give it the focus."""
        self.display = True
        self.screen.set_focus(self._input)

    def rest(self) -> None:
        """Stay only as long as there is a filter; the focus is elsewhere."""
        self.display = bool(self._input.value.strip())

    def show(self, text: str) -> RunFilter:
        """Put `text` there, which the user did not type; gives the filter that it is."""
        with self.prevent(Input.Changed):
            self._input.value = text
        return self._parse(text)

    @property
    def _input(self) -> TextLine:
        return self.query_one("#filter", TextLine)

    def _parse(self, text: str) -> RunFilter:
        wanted = parse_filter(text)
        problem = self.query_one("#filter-problem", Static)
        problem.update(visible(wanted.problem))
        problem.display = bool(wanted.problem)
        return wanted

    @on(Input.Changed)
    def _type(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Changed(self._parse(event.value)))

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Left())

    def on_key(self, event: events.Key) -> None:
        """Down goes to what was found, as Enter does."""
        if event.key == "down":
            event.stop()
            self.post_message(self.Left())
