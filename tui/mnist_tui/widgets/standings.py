"""The table of a race with its notes, laid out for the room there is."""

from textual import events
from textual.content import Content
from textual.widgets import Static

from mnist_core.benchmark.contest import Scores
from mnist_tui.race.table import table
from mnist_tui.race.words import notes

_EMPTY = (
    "How fast each is, and how its speed compares, with the spread over the rounds. Each engine "
    "runs in a process of its own and has the machine to itself while it is measured."
)


class Standings(Static):
    """Shows what was measured; before a race, what will stand there."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id, markup=False)
        self._scores: Scores | None = None
        self._width = 0

    def show(self, scores: Scores | None) -> None:
        """Show `scores`, which may have grown since the last time."""
        self._scores = scores
        self._lay_out()

    def on_resize(self, event: events.Resize) -> None:
        if event.size.width != self._width:
            self._width = event.size.width
            self._lay_out()

    def _lay_out(self) -> None:
        if self._scores is None:
            self.update(Content.styled(_EMPTY, "$foreground 60%"))
        elif self._width:
            words = [Content.styled(line, "$foreground 60%") for line in notes(self._scores)]
            lines = [table(self._scores, self._width), Content(""), *words]
            self.update(Content("\n").join(lines))
