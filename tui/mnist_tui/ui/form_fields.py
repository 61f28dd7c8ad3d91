"""The fields of forms: a choice among words, a row with its editor and its mark, and the help."""

import re
from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input
from textual.widgets.input import Selection

from mnist_core.recipe.hyperparameters import HyperparameterField
from mnist_tui.text.visible_text import shorten
from mnist_tui.ui.dialogs import TextLine

ARROWS = "◂▸"


class Choice(Widget, can_focus=True):
    """Shows the chosen word; left, right, space, its first letter or a click choose another.

    Letters that no word begins with are left to the screen.
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
        return character is not None and (
            character == " " or any(word.startswith(character) for word in self.options)
        )

    def on_key(self, event: events.Key) -> None:
        if event.character is None or not self.check_consume_key(event.key, event.character):
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
        self.post_message(self.Submitted())

    def _choose(self, value: str) -> None:
        if value != self._value:
            self.show(value)
            self.post_message(self.Changed(self))


_IN_NUMBERS = frozenset("0123456789eE+-.,_ ")


_BEFORE_EXPONENT = re.compile(r"[\d.]$")


class NumberLine(TextLine):
    """A line for one number: keys that can be part of none are left to the screen."""

    def __init__(self, value: str, *, compact: bool) -> None:
        super().__init__(value, compact=compact, select_on_focus=False)

    def on_focus(self, event: events.Focus) -> None:
        if not event.from_app_focus:
            self.select_number()

    def select_number(self) -> None:
        """Let what is typed next take its place; of a long one the head is seen, not the tail."""
        self.selection = Selection(len(self.value), 0)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        if character in ("e", "E"):
            return bool(_BEFORE_EXPONENT.search(self.value[: min(self.selection)]))
        return character in _IN_NUMBERS

    async def on_key(self, event: events.Key) -> None:
        if event.is_printable and not self.check_consume_key(event.key, event.character):
            # Textual calls what its line does with keys after this, and that takes it for text.
            event.prevent_default()


def choice_parts(value: str, note: str, width: int) -> tuple[str, str, str]:
    """(value, note, arrows) as they fit into `width` cells: first ◂ gives way, then the value."""
    remark = f" {note}" if note else ""
    arrows = ARROWS if cell_len(value + remark + ARROWS) <= width else ARROWS[-1:]
    return shorten(value, width - cell_len(remark + arrows)), remark, arrows


def next_starting_with(letter: str, options: Sequence[str], value: str) -> str:
    """The option after `value`, around the end, that starts with `letter`; else `value`."""
    start = options.index(value) + 1 if value in options else 0
    around = [*options[start:], *options[:start]]
    matches = (option for option in around if option.startswith(letter))
    return next(matches, value)


_SENTENCE_END = re.compile(r"(?<=[.;])\s+")


class FieldHelp(Widget):
    """A heading and as many whole sentences as there is room for."""

    DEFAULT_CSS = """
    FieldHelp { height: 1fr; padding: 1 1 0 1; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._heading = ""
        self._text = ""

    def show(self, heading: str, text: str) -> None:
        """Explain another field."""
        if (heading, text) != (self._heading, self._text):
            self._heading, self._text = heading, text
            self.refresh()

    def render(self) -> Content:
        text = sentences_that_fit(self._text, self.size.width, self.size.height - 1)
        return Content.assemble((self._heading, "bold"), "\n", text)


def sentences_that_fit(text: str, width: int, height: int) -> str:
    """The leading sentences of `text` that fill at most `height` lines of `width` cells."""
    fitting = ""
    if width > 0:
        for sentence in _SENTENCE_END.split(text):
            longer = f"{fitting} {sentence}".strip()
            if len(Content(longer).wrap(width)) > height:
                break
            fitting = longer
    return f"{fitting[:-1]}." if fitting.endswith(";") else fitting


QUIET = "$foreground 60%"
"""The colour of what needs no attention; in text that is drawn, $text-muted is not muted."""


class FieldRow(Widget):
    """A label, an editor and a mark on one line.

    The label takes what the editor's margin leaves to it. The row draws it and its message itself,
    which halves the widgets of the form and with them the time until its first frame.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    FieldRow {
        height: auto;
        padding: 0 0 0 1;
        color: $text-muted;

        & > Input, & > Choice { margin: 0 1 0 16; }
        & > Input { background: $surface; }
        & > Input:disabled { color: $text-disabled; }
        &.-current { color: $foreground; }
        &.-unused { color: $text-disabled; }
    }
    """

    def __init__(self, key: str, label: str, editor: Input | Choice, help_text: str) -> None:
        super().__init__(classes=key)
        self.key = key
        self.label = label
        self.editor = editor
        self.help_text = help_text
        self.tooltip = Content(help_text)
        self._problem = ""
        self._remark = ""
        self._mark = ""
        self._colour = QUIET
        self._is_edited = False

    def compose(self) -> ComposeResult:
        yield self.editor

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 1 + len(self._message_lines(width - 1))

    def render(self) -> Content:
        room = self.editor.styles.margin.left - 1
        label = shorten(self.label, room)
        if self._is_edited:
            label = label.ljust(room) + "*"
        weight = "bold" if self.has_class("-current") else "not bold"
        style = f"{weight} $text-error" if self._problem else weight
        width = self.size.width
        first = Content.styled(label, style)
        if self._mark:
            gap = " " * (width - first.cell_length - 1)
            first += Content(gap) + Content.styled(self._mark, f"not bold {self._colour}")
        colour = "$text-error" if self._problem else self._colour
        message = [
            Content.styled(line, f"not bold {colour}") for line in self._message_lines(width - 1)
        ]
        return Content("\n").join([first, *message])

    def on_descendant_focus(self) -> None:
        self.add_class("-current")

    def on_descendant_blur(self) -> None:
        self.remove_class("-current")

    def on_click(self) -> None:
        self.editor.focus()

    @property
    def text(self) -> str:
        """The text in the editor."""
        return self.editor.value

    def show_text(self, text: str) -> None:
        """Put `text` into the editor."""
        if isinstance(self.editor, Choice):
            self.editor.show(text)
        elif self.editor.value != text:
            self.editor.value = text

    def select_text(self) -> None:
        """Let what is typed next take the place of what is there."""
        if isinstance(self.editor, NumberLine):
            self.editor.select_number()
        elif isinstance(self.editor, Input):
            self.editor.select_all()

    def show_problem(self, sentence: str) -> None:
        """Show what is wrong under the field; nothing when the sentence is empty."""
        if sentence != self._problem:
            self._problem = sentence
            self.set_class(bool(sentence), "-invalid")
            self.refresh(layout=True)

    def show_mark(self, mark: str, remark: str = "", colour: str = QUIET) -> None:
        """Show a sign in the last column, and a few words under the field unless a problem is."""
        if (mark, remark, colour) != (self._mark, self._remark, self._colour):
            higher = bool(remark) != bool(self._remark)
            self._mark, self._remark, self._colour = mark, remark, colour
            self.refresh(layout=higher or bool(remark))

    def show_edited(self, is_edited: bool) -> None:
        """Mark the field as one that says something else than what it was filled with."""
        if is_edited != self._is_edited:
            self._is_edited = is_edited
            self.refresh()

    def show_unused(self, reason: str) -> None:
        """Disable the field for a reason, given as a sentence; enable it when that is empty."""
        self.set_class(bool(reason), "-unused")
        self.editor.disabled = bool(reason)
        self.tooltip = Content(reason or self.help_text)

    def _message_lines(self, width: int) -> list[str]:
        message = self._problem or self._remark
        if not message or width < 1:
            return []
        return [line.plain for line in Content(message).wrap(width)]


def row_for(field: HyperparameterField, text: str) -> FieldRow:
    """The row that edits a declared hyperparameter."""
    options = ("yes", "no") if field.kind is bool else field.choices
    line = NumberLine if field.kind in (int, float) else TextLine
    editor = Choice(options, text) if options else line(text, compact=True)
    expects = "" if options else f" Takes {field.expects}."
    if field.kind in (int, float, tuple):
        between = "|" if field.kind is tuple else "commas"
        expects += f" Several, with {between} between, make a run each."
    return FieldRow(field.name, field.label, editor, field.help + expects)
