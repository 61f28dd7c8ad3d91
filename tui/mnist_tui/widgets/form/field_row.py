"""One row of the form: a label, its editor, and below them what is wrong."""

from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget
from textual.widgets import Input

from mnist_core.hyperparameters import HyperparameterField
from mnist_tui.plain_text import shorten
from mnist_tui.widgets.form.choice import Choice


class FieldRow(Widget):
    """A label and an editor on one line; the last column is left free for a mark.

    The row draws its label and message itself, which halves the widgets of the form and with
    them the time until its first frame.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    FieldRow {
        height: auto;
        padding: 0 1;
        color: $text-muted;

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
        self._label_columns = 0

    def compose(self) -> ComposeResult:
        yield self.editor

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 1 + len(self._message_lines(width))

    def render(self) -> Content:
        label = shorten(self.label, self._label_columns - 1)
        weight = "bold" if self.has_class("-current") else "not bold"
        style = f"{weight} $text-error" if self._problem else weight
        lines = self._message_lines(self.size.width)
        message = [Content.styled(line, "$text-error") for line in lines]
        return Content("\n").join([Content.styled(label, style), *message])

    def on_descendant_focus(self) -> None:
        self.add_class("-current")

    def on_descendant_blur(self) -> None:
        self.remove_class("-current")

    def on_click(self) -> None:
        self.editor.focus()

    def align_editor(self, columns: int) -> None:
        """Start the editor after `columns` cells, which leaves one less to the label."""
        if columns != self._label_columns:
            self._label_columns = columns
            self.editor.styles.margin = (0, 0, 0, columns)
            self.refresh()

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

    def show_unused(self, reason: str) -> None:
        """Disable the field for a reason, given as a sentence; enable it when that is empty."""
        self.set_class(bool(reason), "-unused")
        self.editor.disabled = bool(reason)
        self.tooltip = Content(reason or self.help_text)

    def _message_lines(self, width: int) -> list[str]:
        if not self._problem or width < 1:
            return []
        return [line.plain for line in Content(self._problem).wrap(width)]


def row_for(field: HyperparameterField, text: str) -> FieldRow:
    """The row that edits a declared hyperparameter."""
    options = ("yes", "no") if field.kind is bool else field.choices
    editor = Choice(options, text) if options else Input(text, compact=True)
    expects = "" if options else f" Takes {field.expects}."
    return FieldRow(field.name, field.label, editor, field.help + expects)
