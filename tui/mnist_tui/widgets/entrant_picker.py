"""Who takes part in a race: a list of boxes to tick."""

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from mnist_tui.race.entrants import Entrant, look_of


class EntrantPicker(Widget, can_focus=True):
    """A line for each entrant; space or a click ticks it. Those that cannot run say why."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("space", "tick", "Choose", show=False),
        Binding("enter", "submit", "Start", show=False),
    ]
    DEFAULT_CSS = """
    EntrantPicker {
        height: auto;
        padding: 0 1;
        pointer: pointer;
    }
    """

    class Changed(Message):
        """The user ticked an entrant, or took it away."""

    class Pointed(Message):
        """The user is at another entrant."""

    class Submitted(Message):
        """The user pressed Enter."""

    def __init__(self, entrants: Sequence[Entrant], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._entrants = tuple(entrants)
        self._chosen = {entrant.name for entrant in entrants if entrant.is_usual}
        self._cursor = 0

    @property
    def chosen(self) -> tuple[str, ...]:
        """Those that take part, in the order of their turns."""
        return tuple(entrant.name for entrant in self._entrants if entrant.name in self._chosen)

    @property
    def pointed(self) -> Entrant:
        """The one that the cursor is on."""
        return self._entrants[self._cursor]

    def show(self, entrants: Sequence[Entrant]) -> None:
        """Offer other entrants; the usual ones of them are chosen."""
        self._entrants = tuple(entrants)
        self._chosen = {entrant.name for entrant in entrants if entrant.is_usual}
        self._cursor = 0
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._entrants)

    def render(self) -> Content:
        return Content("\n").join([self._line(row) for row in range(len(self._entrants))])

    def _line(self, row: int) -> Content:
        entrant = self._entrants[row]
        here = self.has_focus and row == self._cursor
        pointer = Content.styled("▸" if here else " ", "bold $text-accent")
        if entrant.problem:
            words = f" -  {entrant.name} {entrant.problem}"
            line = pointer + Content.styled(words, "$foreground 45%")
        else:
            box = "[x]" if entrant.name in self._chosen else "[ ]"
            look = look_of(entrant.name)
            name = Content.styled(entrant.name, "bold" if here else "")
            line = pointer + Content(f"{box} ") + Content.styled(look.sign, look.color) + " " + name
        return line.truncate(self.size.width, ellipsis=True)

    def on_focus(self) -> None:
        self.post_message(self.Pointed())

    def on_blur(self) -> None:
        self.post_message(self.Pointed())

    def action_move(self, by: int) -> None:
        self._move_to(max(0, min(self._cursor + by, len(self._entrants) - 1)))

    def action_tick(self) -> None:
        entrant = self.pointed
        if not entrant.problem:
            self._chosen ^= {entrant.name}
            self.refresh()
            self.post_message(self.Changed())

    def action_submit(self) -> None:
        self.post_message(self.Submitted())

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < len(self._entrants):
            self._move_to(offset.y)
            self.action_tick()

    def _move_to(self, row: int) -> None:
        self._cursor = row
        self.refresh()
        self.post_message(self.Pointed())
