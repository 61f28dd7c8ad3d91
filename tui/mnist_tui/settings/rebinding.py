"""Other keys for the commands of the key table, as a user's configuration asks for them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from textual.binding import BindingsMap
from textual.dom import DOMNode
from textual.keys import Keys, _character_to_key, key_to_character

from mnist_tui.settings.keys import KEYS, Key, Scope, bindings_of, shown_key
from mnist_tui.text.visible_text import shorten

Table = tuple[Key, ...]
"""A table of keys with the commands of `KEYS`, in their order."""

_ALWAYS = {"quit": ("ctrl+q",)}
"""Keys that no file takes away: a person must be able to leave."""

_MOVING = frozenset(
    {"up", "down", "left", "right", "home", "end", "pageup", "pagedown", "tab", "shift+tab"}
    | {"enter", "space", "h", "j", "k", "l", "g", "G"}
)
"""What tables, fields and charts take for themselves."""

_BESIDE_OTHERS = frozenset({Scope.EVERYWHERE, Scope.CHARTS, Scope.ZOOM})
"""Scopes whose keys work on screens that have a scope of their own."""

_LONGEST_NAME = 60
"""Cells of what names no key."""

_NAMES = frozenset(key.value for key in Keys if not key.value.startswith("<"))


def key_named(text: str) -> str:
    """What Textual calls the key that people write as "x", "?", "F5", "ctrl+x" or "space".

    Raises:
        ValueError: there is no such key, as a sentence.
    """
    name = text if len(text) == 1 else text.strip().lower()
    if len(name) == 1 and name.isprintable():
        return "space" if name == " " else _character_to_key(name)
    if name == "esc":
        return "escape"
    modifier, plus, last = name.rpartition("+")
    if plus:
        # With shift, a character is another character.
        character = len(last) == 1 and last.isalnum() and modifier in ("alt", "ctrl")
        known = character or (last in _NAMES and modifier in ("alt", "ctrl", "shift"))
    else:
        known = name in _NAMES or (len(name) > 1 and key_to_character(name) is not None)
    if not known:
        raise ValueError(
            f"{shorten(repr(text), _LONGEST_NAME)} names no key. Write a character, such as x "
            "or ?, or a name, such as F5, ctrl+x or space."
        )
    return name


def command_names() -> tuple[str, ...]:
    """What the configuration file may give other keys to, each once, in the table's order."""
    return tuple(dict.fromkeys(key.name for key in KEYS))


def rebound(wishes: Mapping[str, Sequence[str]]) -> tuple[Table, dict[str, str]]:
    """The table with other keys for some commands, and a sentence for each wish it refuses.

    `wishes` has the keys, as Textual calls them, by the name of a command. Where two commands that
    work at the same time would share a key, the wish that came last is refused.
    """
    granted = dict(wishes)
    refused: dict[str, str] = {}
    for name, keys in wishes.items():
        own = {key for entry in KEYS if entry.name == name for key in entry.keys}
        taken = next((key for key in keys if key in _MOVING and key not in own), None)
        if taken is not None:
            refused[name] = f"{shown_key(taken)} moves in tables and fields, so it stays theirs."
            del granted[name]
    while True:
        wanted = {key for keys in granted.values() for key in keys}
        table = tuple(
            _with_keys(key, granted[key.name])
            if key.name in granted
            else replace(key, keys=tuple(set(key.keys) - wanted))
            if key.gives_way
            else key
            for key in KEYS
        )
        clash = next(_clashes(table, granted), None) if granted else None
        if clash is None:
            return table, refused
        name, other, key = clash
        refused[name] = f"{shown_key(key)} is the key of {other}."
        del granted[name]


def _with_keys(key: Key, keys: Sequence[str]) -> Key:
    own = tuple(dict.fromkeys((*keys, *_ALWAYS.get(key.name, ()))))
    # A character would be typed into the field.
    insistent = tuple(k for k in own if "+" in k) if key.insistent else ()
    return replace(key, keys=own, insistent=insistent)


def _clashes(table: Table, wishes: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    """(the command whose wish it is, the other command, the key), the last wish first."""
    order = list(wishes)
    usual = {(a.name, b.name) for a, b, _ in _sharing(KEYS)}
    for first, second, key in _sharing(table):
        names = (first.name, second.name)
        if names in usual or not wishes.keys() & set(names):
            continue
        late, early = sorted(
            names, key=lambda name: order.index(name) if name in wishes else -1, reverse=True
        )
        yield late, early, key


def _sharing(table: Table) -> Iterator[tuple[Key, Key, str]]:
    """Pairs of commands with a key in common that can work at the same time."""
    for first, second in combinations(table, 2):
        if first.name == second.name:
            continue
        scopes = {first.scope, second.scope}
        if len(scopes) == 1 or scopes & _BESIDE_OTHERS:
            yield from ((first, second, key) for key in first.keys if key in second.keys)


def use_table(node: DOMNode, table: Table) -> None:
    """Give a screen, a widget or the app the keys of `table` for the commands that it has."""
    changed = [(old, new) for old, new in zip(KEYS, table, strict=True) if old != new]
    if not changed:
        return
    # Textual's own keymaps lose commands that share a key, as pausing and going on do.
    bound = node._bindings.key_to_bindings
    actions = [binding.action for bindings in bound.values() for binding in bindings]
    for old, new in changed:
        stale = set(bindings_of(old))
        here = [key for key, bindings in bound.items() if stale & set(bindings)]
        for key in here:
            bound[key] = [binding for binding in bound[key] if binding not in stale]
            if not bound[key]:
                del bound[key]
        if here:
            for key, bindings in BindingsMap(bindings_of(new)).key_to_bindings.items():
                bound.setdefault(key, []).extend(bindings)
    # The footer shows commands in the order of their bindings.
    places = {action: place for place, action in reversed(list(enumerate(actions)))}
    in_order = sorted(bound.items(), key=lambda item: places[item[1][0].action])
    bound.clear()
    bound.update(in_order)


def scopes_of(node: DOMNode, table: Table) -> set[Scope]:
    """Where the keys of a screen work: the scopes all of whose commands it has."""
    bound = {b.action for bindings in node._bindings.key_to_bindings.values() for b in bindings}
    commands: dict[Scope, set[str]] = {}
    for key in table:
        commands.setdefault(key.scope, set()).add(key.action)
    return {scope for scope, actions in commands.items() if actions <= bound}
