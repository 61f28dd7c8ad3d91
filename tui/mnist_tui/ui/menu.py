"""A few words to choose one from, each with a letter."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from mnist_tui.text.visible_text import visible
from mnist_tui.ui.dialogs import Dialog
from mnist_tui.ui.steady_options import SteadyOptions


class Menu(Dialog[str]):
    """Gives the key of the word that is chosen, by its letter, Enter or a click; Esc gives None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Go back")]
    AUTO_FOCUS = "SteadyOptions"
    DEFAULT_CSS = """
    Menu {
        align: center middle;
        background: $background 60%;
        & > Vertical {
            width: 52;
            max-width: 90%;
            height: auto;
            max-height: 90%;
            border: round $primary;
            border-title-color: $primary;
            border-subtitle-color: $text-muted;
            background: $surface;
        }
        & SteadyOptions {
            height: auto;
            max-height: 100%;
            background: $surface;
            background-tint: transparent;
            &, &:focus { border: none; }
        }
    }
    """

    def __init__(self, title: str, words: Mapping[str, str], chosen: str) -> None:
        """`words` are plain text from anywhere, by key; the menu opens on `chosen`."""
        super().__init__()
        self._title = title
        self._words = words
        self._chosen = chosen
        self._letters = dict(zip(letters(words.values()), words, strict=True))

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = Content(visible(self._title))
            box.border_subtitle = "letter or enter takes, esc goes back"
            yield SteadyOptions(
                *(
                    Option(
                        Content.assemble(
                            (f" {letter}  ", "bold $primary"), visible(self._words[key])
                        ),
                        id=key,
                    )
                    for letter, key in self._letters.items()
                )
            )

    def on_mount(self) -> None:
        self.query_one(SteadyOptions).highlighted = list(self._words).index(self._chosen)

    def on_key(self, event: events.Key) -> None:
        if event.character in self._letters:
            event.stop()
            self.dismiss(self._letters[event.character])

    @on(OptionList.OptionSelected)
    def _take(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)


_MEANT = "qjk"
"""What has another meaning in a list."""


def letters(words: Iterable[str]) -> list[str]:
    """For each word a letter of its own, the first of it that is free.

    Raises:
        StopIteration: there are more words than letters.
    """
    taken: list[str] = []
    for word in words:
        own = (c for c in word.lower() if c.isascii() and c.isalpha())
        other = iter("abcdefghijklmnopqrstuvwxyz")
        free = (c for part in (own, other) for c in part if c not in taken and c not in _MEANT)
        taken.append(next(free))
    return taken
