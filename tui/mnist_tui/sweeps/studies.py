"""The list of earlier studies."""

import time
from collections.abc import Sequence

from textual.content import Content
from textual.widgets.option_list import Option

from mnist_tui.sweeps.sweep_session import KeptStudy
from mnist_tui.text.numbers import ago
from mnist_tui.ui.steady_options import SteadyOptions


class Studies(SteadyOptions):
    """A line for each earlier study; Enter or a click goes on with it."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name for it
        super().__init__(id=id, markup=False)
        self.border_title = "Earlier studies"
        self.border_subtitle = "enter goes on"

    def show(self, studies: Sequence[KeptStudy]) -> None:
        """List `studies`."""
        now = time.time()
        self.clear_options()
        if not studies:
            words = Content.styled("Studies are kept here.", "$foreground 60%")
            self.add_option(Option(words, disabled=True))
            return
        self.add_options(
            [
                Option(
                    Content.assemble(
                        f" {each.name} ", (f" {ago(each.changed, now)}", "$foreground 60%")
                    ),
                    id=each.name,
                )
                for each in studies
            ]
        )
        self.highlighted = 0

    @property
    def pointed(self) -> str:
        """The study under the cursor; empty: there is none."""
        option = self.highlighted_option
        return option.id or "" if option is not None else ""
