"""What a run that is complete goes on as, and for how long."""

from collections.abc import Callable
from functools import partial

from textual.app import App

from mnist_tui.ui.dialogs import LineInput, count_problem
from mnist_tui.ui.menu import Menu

_MOST_EPOCHS = 100_000
"""That can be asked for at once."""


def ask_how_to_go_on(app: App[None], name: str, answered: Callable[[int, bool], None]) -> None:
    """Ask whether to add epochs to the run `name` or to a copy of it, and how many.

    `answered` is called with them, and with whether it is to be a new run; with nothing after Esc.
    """

    def chosen(how: str | None) -> None:
        if how is None:
            return

        def counted(text: str | None) -> None:
            if text is not None:
                answered(int(text), how == "new")

        dialog = LineInput(
            "How many more epochs?",
            "1",
            problem_of=partial(count_problem, most=_MOST_EPOCHS),
            same_counts=True,
        )
        app.push_screen(dialog, counted)

    ways = {"add": f"add epochs to {name}", "new": "new run that goes on from it"}
    app.push_screen(Menu(f"{name} is complete", ways, "add"), chosen)
