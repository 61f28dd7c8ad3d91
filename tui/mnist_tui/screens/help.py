"""Help: every key and every hyperparameter, made from their tables."""

from typing import ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from mnist_core.hyperparameters import hyperparameter_fields, presets
from mnist_tui.keys import KEYS


def keys_table() -> Table:
    """Each command with its keys and what it does."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(no_wrap=True)
    table.add_column()
    for key in KEYS:
        table.add_row(Text(key.shown_keys), Text(key.label), Text(key.help, style="dim"))
    for keys, label, help_text in (
        ("tab, shift+tab", "Move", "Go to the next or the previous part of the screen."),
        ("arrows", "Move", "Up and down between fields, left and right through choices."),
        ("enter", "Apply", "In a field: take the value and, when idle, train."),
    ):
        table.add_row(Text(keys), Text(label), Text(help_text, style="dim"))
    return table


def hyperparameters_table() -> Table:
    """Each hyperparameter with what it does."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for field in hyperparameter_fields().values():
        table.add_row(Text(field.label), Text(field.help, style="dim"))
    return table


def presets_table() -> Table:
    """Each preset with the publication it reproduces."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for preset in presets().values():
        table.add_row(Text(preset.name), Text(preset.source, style="dim"))
    return table


class HelpScreen(ModalScreen[None]):
    """Everything a person can do here, on one scrolling page."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,q", "close", "Close"),
        Binding("j,down", "scroll('down')", show=False),
        Binding("k,up", "scroll('up')", show=False),
    ]

    def compose(self) -> ComposeResult:
        page = VerticalScroll(id="help")
        page.border_title = "Help"
        page.border_subtitle = "esc closes"
        with page:
            heading = "bold underline"
            yield Static(
                Group(
                    Text("Keys", style=heading),
                    keys_table(),
                    Text("\nHyperparameters", style=heading),
                    hyperparameters_table(),
                    Text("\nPresets", style=heading),
                    presets_table(),
                )
            )

    def action_close(self) -> None:
        if self.is_current:
            self.dismiss(None)

    def action_scroll(self, direction: str) -> None:
        page = self.query_one("#help", VerticalScroll)
        if direction == "down":
            page.scroll_down()
        else:
            page.scroll_up()
