"""Help: everything a person can do here, what belongs to the present screen first."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from mnist_tui.settings.help_text import Section, drawn, found
from mnist_tui.text.visible_text import visible
from mnist_tui.ui.dialogs import TextLine


class HelpScreen(ModalScreen[None]):
    """Sections on one scrolling page, which words typed after / narrow down."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close"),
        Binding("question_mark,f1,q", "close", "Close"),
        Binding("slash", "search", "Search"),
        Binding("j,down", "scroll('down')", show=False),
        Binding("k,up", "scroll('up')", show=False),
    ]
    AUTO_FOCUS = "#help"

    def __init__(self, sections: Sequence[Section]) -> None:
        super().__init__()
        self._sections = sections

    def compose(self) -> ComposeResult:
        page = VerticalScroll(id="help")
        page.border_title = "Help"
        page.border_subtitle = "/ searches, esc closes"
        with page:
            yield TextLine(id="help-search", placeholder="words to search for", compact=True)
            yield Static(drawn(self._sections), id="help-text", markup=False)

    def action_search(self) -> None:
        search = self.query_one("#help-search", Input)
        search.display = True
        search.focus()

    @on(Input.Changed, "#help-search")
    def _search(self, event: Input.Changed) -> None:
        event.stop()
        shown = found(self._sections, event.value)
        text = drawn(shown) if shown else f"Nothing here says {visible(event.value)}."
        self.query_one("#help-text", Static).update(text)
        self.query_one("#help", VerticalScroll).scroll_home(animate=False)

    @on(Input.Submitted, "#help-search")
    def _to_page(self, event: Input.Submitted) -> None:
        event.stop()
        self.query_one("#help", VerticalScroll).focus()

    def action_leave(self) -> None:
        """Esc: out of the search, and then out of help."""
        search = self.query_one("#help-search", Input)
        if not search.display:
            self.action_close()
            return
        search.value = ""
        search.display = False
        self.query_one("#help", VerticalScroll).focus()

    def action_close(self) -> None:
        if self.is_active:
            self.dismiss(None)

    def action_scroll(self, direction: str) -> None:
        page = self.query_one("#help", VerticalScroll)
        if direction == "down":
            page.scroll_down()
        else:
            page.scroll_up()
