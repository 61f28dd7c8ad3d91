"""The keys that sentences name: those that work, also where the user's configuration has others."""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar

from mnist_tui.settings.keys import KEYS, Key, shown_key


def _first_keys(table: Iterable[Key]) -> Mapping[str, str]:
    """What people call the first key of each command, by the command's name."""
    keys: dict[str, str] = {}
    for key in table:
        keys.setdefault(key.name, shown_key(key.keys[0]))
    return keys


_USUAL = _first_keys(KEYS)
_ACTIVE: ContextVar[Mapping[str, str] | None] = ContextVar("keys", default=None)
"""Of the app that runs in this context: two apps in one process may have other keys each."""


def set_active_keys(table: Iterable[Key]) -> None:
    """Let `key_hint` answer with the keys of `table` from here on in this context."""
    _ACTIVE.set(_first_keys(table))


def key_hint(command: str) -> str:
    """What people call the key of a command, such as "r" for "run".

    Raises:
        KeyError: there is no such command in the table.
    """
    return (_ACTIVE.get() or _USUAL)[command]
