"""The line in which the samples are filtered."""

from textual.app import ComposeResult
from textual.widgets import Static

from mnist_tui.mistakes.sample_query import (
    EVERY_SAMPLE,
    EXAMPLES,
    FilterError,
    parse_sample_filter,
)
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.filter_line import FilterLine


class SampleFilterLine(FilterLine):
    """Under the line stands what is wrong with its filter; the one before it holds meanwhile."""

    def __init__(self) -> None:
        super().__init__(EXAMPLES)
        self.class_names: tuple[str, ...] = ()
        """Those that a filter may name."""
        self.sample_filter = EVERY_SAMPLE

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield Static(id="filter-problem", markup=False)

    def read(self) -> None:
        problem = ""
        try:
            self.sample_filter = parse_sample_filter(self.text, self.class_names)
        except FilterError as error:
            problem = str(error)
        said = self.query_one("#filter-problem", Static)
        said.update(visible(problem))
        said.display = bool(problem)
