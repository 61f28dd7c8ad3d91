"""One row of a form: a label, its editor and its mark, and the help for the field in hand."""

import re

from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Input

from mnist_core.recipe.hyperparameters import HyperparameterField
from mnist_tui.text.visible_text import shorten
from mnist_tui.ui.choice import Choice
from mnist_tui.ui.dialogs import TextLine

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

    def compose(self) -> ComposeResult:
        yield self.editor

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 1 + len(self._message_lines(width - 1))

    def render(self) -> Content:
        label = shorten(self.label, self.editor.styles.margin.left - 1)
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
    editor = Choice(options, text) if options else TextLine(text, compact=True)
    expects = "" if options else f" Takes {field.expects}."
    return FieldRow(field.name, field.label, editor, field.help + expects)
