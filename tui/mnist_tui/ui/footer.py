"""The line of keys that work now."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget

from mnist_tui.settings.keys import KEYS

_ALWAYS = ("help", "quit")
_SCREENS = "show_screen("
_PALETTE = "command_palette"
_FIRST = 3
"""So many of a screen's own keys stay longer than those that lead to other screens."""
_URGENT = frozenset(key.action for key in KEYS if key.urgent)
_ROOMY_BLANKS, _COMPACT_BLANKS = 3, 2
"""Cells around a key and its word."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key as the footer shows it."""

    key: str
    """What a click on it presses."""
    shown: str
    action: str
    word: str
    tooltip: str

    @property
    def width(self) -> int:
        """Cells of the key and the word alone."""
        return cell_len(self.shown + self.word)


def by_importance(entries: Sequence[Entry]) -> list[int]:
    """The indices of the entries, those first that stay longest where there is little room."""
    ranks: list[tuple[int, int]] = []
    own = 0
    for index, entry in enumerate(entries):
        if entry.action in _ALWAYS:
            rank = 0
        elif entry.action in _URGENT:
            rank = 1
        elif entry.action.startswith(_SCREENS):
            rank = 3
        elif entry.action == _PALETTE:
            rank = 5
        else:
            own += 1
            rank = 2 if own <= _FIRST else 4
        ranks.append((rank, index))
    return [index for _, index in sorted(ranks)]


def that_fit(entries: Sequence[Entry], width: int) -> tuple[list[Entry], bool]:
    """The entries that `width` cells have room for, in their order, and whether they are compact.

    The least important ones go first, of equals the later ones.
    """
    if sum(entry.width + _ROOMY_BLANKS for entry in entries) <= width:
        return list(entries), False
    kept: set[int] = set()
    for index in by_importance(entries):
        needed = entries[index].width + _COMPACT_BLANKS
        if needed <= width:
            kept.add(index)
            width -= needed
    return [entry for index, entry in enumerate(entries) if index in kept], True


class KeyFooter(Widget):
    """Shows the keys that work now, each to be clicked: as many as there is room for.

    One widget draws them all. Textual's own footer has a widget for each key and makes them anew
    when others work, which lays out the whole screen.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"footer--key", "footer--word", "footer--under-pointer"}
    DEFAULT_CSS = """
    KeyFooter {
        dock: bottom;
        height: 1;
        color: $footer-foreground;
        background: $footer-background;
        .footer--key {
            color: $footer-key-foreground;
            background: $footer-key-background;
            text-style: bold;
        }
        .footer--word {
            color: $footer-description-foreground;
            background: $footer-description-background;
        }
        .footer--under-pointer {
            color: $footer-key-foreground;
            background: $block-hover-background;
        }
        &:hover { pointer: pointer; }
    }
    """

    entries: reactive[tuple[Entry, ...]] = reactive((), init=False)
    """One for each command whose key works now, help and quit last."""
    under_pointer: reactive[Entry | None] = reactive(None, init=False)

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_updated)

    def _bindings_updated(self, screen: Screen[object]) -> None:
        # A terminal that loses the focus takes it from the widgets: those keys come back with it.
        keeps = self.entries and not screen.app.app_focus
        if self.is_attached and screen is self.screen and not keeps:
            # Behind a dialog none of them works; its own are on its frame.
            self.entries = tuple(self._entries()) if screen is screen.app.screen else ()

    def render(self) -> Content:
        key_style, word_style, pointed = (
            self.get_visual_style(name)
            for name in ("footer--key", "footer--word", "footer--under-pointer")
        )
        line = Content("")
        for start, entry, key, word in self._placed():
            gap = Content(" " * (start - line.cell_length))
            shown = entry == self.under_pointer
            line += gap + Content.assemble(
                (key, pointed if shown else key_style), (word, pointed if shown else word_style)
            )
        return line

    def _placed(self) -> Iterator[tuple[int, Entry, str, str]]:
        """(first cell, entry, its key, its word), the latter two with the blanks about them."""
        shown, compact = that_fit(self.entries, self.size.width)
        start = 0
        for entry in shown:
            if compact:
                start += 1
                key, word = entry.shown, f" {entry.word}"
            else:
                key, word = f" {entry.shown} ", f"{entry.word} "
            yield start, entry, key, word
            start += cell_len(key + word)

    def _entry_at(self, x: int) -> Entry | None:
        for start, entry, key, word in self._placed():
            if start <= x < start + cell_len(key + word):
                return entry
        return None

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self.under_pointer = self._entry_at(event.x)

    def on_leave(self) -> None:
        self.under_pointer = None

    def watch_under_pointer(self, entry: Entry | None) -> None:
        self.tooltip = Content(entry.tooltip) if entry else None

    def on_mouse_down(self, event: events.MouseDown) -> None:
        entry = self._entry_at(event.x)
        if entry is not None:
            self.app.simulate_key(entry.key)

    def _entries(self) -> Iterable[Entry]:
        bindings: dict[str, Binding] = {}
        tooltips: dict[str, str] = {}
        for _, binding, enabled, tooltip in self.screen.active_bindings.values():
            wanted = binding.show or binding.action in (*_ALWAYS, _PALETTE)
            if not (enabled and wanted):
                continue
            first = bindings.get(binding.action)
            # While a field is edited only the key with ctrl is left; otherwise a letter is shorter.
            if first is None or (first.priority and not binding.priority):
                bindings[binding.action] = binding
                tooltips[binding.action] = tooltip or binding.description
        last = [action for action in _ALWAYS if action in bindings]
        for action in [*(action for action in bindings if action not in last), *last]:
            binding = bindings[action]
            shown = self.app.get_key_display(binding)
            yield Entry(binding.key, shown, action, binding.description, tooltips[action])
