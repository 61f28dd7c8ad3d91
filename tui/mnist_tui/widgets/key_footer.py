"""The line of keys that work now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

from mnist_tui.keys import KEYS

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


class KeyFooter(Footer):
    """Shows the keys that work now, each to be clicked: as many as there is room for."""

    DEFAULT_CSS = """
    KeyFooter FooterKey.-compact { margin: 0 0 0 1; }
    """

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)
        self._shown: object = None
        """The entries that were drawn last, and how."""

    def compose(self) -> ComposeResult:
        if not self._bindings_ready:
            return
        entries, compact = self._fitting()
        self._shown = entries, compact
        for entry in entries:
            key = FooterKey(entry.key, entry.shown, entry.word, entry.action, tooltip=entry.tooltip)
            key.set_reactive(FooterKey.compact, compact)
            key.set_class(compact, "-compact")
            yield key

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Other keys may work now. Widgets are made anew only if others do."""
        self._bindings_ready = True
        if screen.app.app_focus and self.is_attached and screen is self.screen:
            self.call_after_refresh(self._bring_up_to_date)

    def on_resize(self) -> None:
        if self._bindings_ready:
            self.call_after_refresh(self._bring_up_to_date)

    async def _bring_up_to_date(self) -> None:
        if self._fitting() != self._shown:
            await self.recompose()

    def _fitting(self) -> tuple[list[Entry], bool]:
        return that_fit(list(self._entries()), self.app.size.width)

    def _entries(self) -> Iterable[Entry]:
        """One entry for each command whose key works now, help and quit last."""
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
