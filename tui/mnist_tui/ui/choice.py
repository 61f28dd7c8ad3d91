"""A choice among a few words on one line."""

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from mnist_tui.text.visible_text import shorten

ARROWS = "◂▸"


class Choice(Widget, can_focus=True):
    """Shows the chosen word; left, right, space, its first letter or a click choose another.

    It keeps every printable key to itself, as a text field does, so that no letter becomes a
    command while a field is edited.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Previous", show=False),
        Binding("right", "step(1)", "Next", show=False),
        Binding("enter", "submit", "Submit", show=False),
    ]
    DEFAULT_CSS = """
    Choice {
        height: 1;
        background: $surface;
        color: $foreground;
        pointer: pointer;

        &:focus { background-tint: $foreground 8%; }
        &:disabled { color: $text-disabled; }
    }
    """

    class Changed(Message):
        """The user chose another word."""

        def __init__(self, choice: "Choice") -> None:
            super().__init__()
            self.choice = choice

        @property
        def control(self) -> "Choice":
            return self.choice

    class Submitted(Message):
        """The user pressed Enter."""

        def __init__(self, choice: "Choice") -> None:
            super().__init__()
            self.choice = choice

        @property
        def control(self) -> "Choice":
            return self.choice

    def __init__(self, options: Sequence[str], value: str) -> None:
        super().__init__()
        self.options = tuple(options)
        self._value = value
        self._note = ""

    @property
    def value(self) -> str:
        return self._value

    def show(self, value: str, note: str = "") -> None:
        """Show `value`, which need not be an option, with a remark after it. Posts nothing."""
        if (value, note) != (self._value, self._note):
            self._value, self._note = value, note
            self.refresh()

    def render(self) -> Content:
        value, note, arrows = choice_parts(self._value, self._note, self.size.width)
        gap = self.size.width - cell_len(value + note + arrows)
        return Content.assemble(
            value,
            (note, "dim"),
            " " * gap,
            (arrows, "bold $text-accent" if self.has_focus else "dim"),
        )

    def check_consume_key(self, key: str, character: str | None) -> bool:
        return character is not None and character.isprintable()

    def on_key(self, event: events.Key) -> None:
        if not event.is_printable or event.character is None:
            return
        event.stop()
        if event.character == " ":
            self.action_step(1)
        else:
            self._choose(next_starting_with(event.character, self.options, self._value))

    def on_click(self, event: events.Click) -> None:
        # Elsewhere a click only gives the focus, so that looking at a field never changes it.
        arrows = choice_parts(self._value, self._note, self.size.width)[-1]
        place = event.x - (self.size.width - len(arrows))
        if 0 <= place < len(arrows):
            self.action_step(-1 if arrows[place] == "◂" else 1)

    def action_step(self, by: int) -> None:
        """Choose the option `by` places further, around the ends."""
        if self._value in self.options:
            index = (self.options.index(self._value) + by) % len(self.options)
        else:
            index = 0 if by > 0 else -1
        self._choose(self.options[index])

    def action_submit(self) -> None:
        self.post_message(self.Submitted(self))

    def _choose(self, value: str) -> None:
        if value != self._value:
            self.show(value)
            self.post_message(self.Changed(self))


def choice_parts(value: str, note: str, width: int) -> tuple[str, str, str]:
    """(value, note, arrows) as they fit into `width` cells: first ◂ gives way, then the value."""
    remark = f" {note}" if note else ""
    arrows = ARROWS if cell_len(value + remark + ARROWS) <= width else ARROWS[-1:]
    return shorten(value, width - cell_len(remark + arrows)), remark, arrows


def next_starting_with(letter: str, options: Sequence[str], value: str) -> str:
    """The option after `value`, around the end, that starts with `letter`; else `value`."""
    start = options.index(value) + 1 if value in options else 0
    around = [*options[start:], *options[:start]]
    matches = (option for option in around if option.startswith(letter.lower()))
    return next(matches, value)
