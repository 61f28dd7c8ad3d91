"""The form folded to one line, where charts need the room: what a run would be trained with."""

from rich.cells import cell_len
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from mnist_tui.settings.keys import key_hint
from mnist_tui.text.visible_text import shorten
from mnist_tui.train.hyperparameter_form import HyperparameterForm


class FoldedForm(Widget):
    """Says in a line what the fields of a form say; a click on it opens the form."""

    DEFAULT_CSS = """
    FoldedForm { display: none; height: 1; padding: 0 1; pointer: pointer; }
    FoldedForm:hover { background: $block-hover-background; }
    """

    class Clicked(Message):
        """The user wants to edit the values."""

    def __init__(
        self,
        form: HyperparameterForm,
        *,
        opens: bool,
        id: str | None = None,  # noqa: A002
    ) -> None:
        """Unless it `opens`, it only says what a run is trained with."""
        super().__init__(id=id)
        self._form = form
        self._opens = opens
        self._drawn = ""

    def draw(self) -> None:
        """Draw again where the form says something else than it did."""
        if self.display and self._form.summary != self._drawn:
            self._drawn = self._form.summary
            self.refresh()

    def render(self) -> Content:
        how = f"{key_hint('edit')} edits" if self._opens else ""
        room = self.size.width - cell_len(how) - 2
        # Another run may be on show above it.
        said = f"Form: {self._form.summary}" if self._opens else self._form.summary
        return Content.assemble(shorten(said, room).ljust(max(room, 0)), "  ", (how, "dim"))

    def on_click(self) -> None:
        if self._opens:
            self.post_message(self.Clicked())
