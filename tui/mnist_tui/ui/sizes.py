"""The widths that screens are laid out for, and what is shown where the terminal is too small."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

from mnist_tui.lab.session import Session
from mnist_tui.ui.status_line import run_line

NARROW, NORMAL, WIDE = "-narrow", "-normal", "-wide"
WIDTHS = [(0, NARROW), (100, NORMAL), (160, WIDE)]
"""(columns from which on, class of the screen), for Textual's breakpoints."""


def width_class(columns: int) -> str:
    """The class of a screen so wide."""
    return next(name for least, name in reversed(WIDTHS) if columns >= least)


SMALLEST = Size(60, 20)
_REDRAW_INTERVAL = 0.5


def is_too_small(size: Size) -> bool:
    """Whether the screens have no room in a terminal of this size."""
    return size.width < SMALLEST.width or size.height < SMALLEST.height


def what_is_needed(size: Size) -> str:
    """The sentence for a terminal of this size."""
    return (
        f"mnist-tui needs at least {SMALLEST.width} columns and {SMALLEST.height} lines; "
        f"this terminal has {size.width} x {size.height}."
    )


class TooSmall(ModalScreen[None]):
    """Lies over everything until there is room again; a run goes on, and its state is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,ctrl+q", "app.quit", "Quit")]

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(id="needed", markup=False)
            yield Static(id="run-line")

    def on_mount(self) -> None:
        self.set_interval(_REDRAW_INTERVAL, self._draw)

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self.query_one("#needed", Static).update(what_is_needed(self.app.size))
        self.query_one("#run-line", Static).update(run_line(self._session, self.app.size.width))
