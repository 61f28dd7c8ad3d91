"""The line in which the runs are filtered."""

from textual.app import ComposeResult
from textual.widgets import Static

from mnist_tui.runs.run_filter import parse_filter
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.filter_line import FilterLine


class RunFilterLine(FilterLine):
    """Under the line stands what is wrong with its filter."""

    def __init__(self) -> None:
        super().__init__("words, optimizer:adam, lr>=0.01, acc>0.95")
        self.run_filter = parse_filter("")

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield Static(id="filter-problem", markup=False)

    def read(self) -> None:
        # Of the field: a message that arrives late may tell of text that has been cleared since.
        self.run_filter = parse_filter(self.text)
        problem = self.query_one("#filter-problem", Static)
        problem.update(visible(self.run_filter.problem))
        problem.display = bool(self.run_filter.problem)
