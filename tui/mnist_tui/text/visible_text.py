"""Text from outside, such as class names and paths, made safe to draw, and cut to its room."""

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size

_FORMAT_AND_CONTROL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def visible(text: str) -> str:
    """`text` with every character that a terminal would obey replaced by one it shows.

    ASCII control characters become their Unicode pictures (ESC is ␛), all others �.
    """
    return "".join(map(_visible_character, text))


def _visible_character(character: str) -> str:
    if unicodedata.category(character) not in _FORMAT_AND_CONTROL:
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "�"


def class_name(label: int, class_names: Sequence[str]) -> str:
    """The name of class `label`, safe to draw, or its number where it has no name."""
    return visible(class_names[label]) if label < len(class_names) else str(label)


def shorten(text: str, width: int) -> str:
    """`text` cut to at most `width` terminal cells, with … where something was cut."""
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    return set_cell_size(text, width - 1).rstrip() + "…"


def padded(text: str, width: int) -> str:
    """`text` shortened or filled up with blanks to exactly `width` cells."""
    text = shorten(text, width)
    return text + " " * (width - cell_len(text))


def fitting(forms: Iterable[str], width: int) -> str:
    """The first of `forms` that is at most `width` cells wide, or else the last cut with …."""
    last = ""
    for last in forms:
        if cell_len(last) <= width:
            return last
    return shorten(last, width)


def in_middle(words: str, room: int, width: int, height: int, y: int) -> str:
    """Line `y` of `words` in the middle of width x height cells, wrapped to `room` cells."""
    lines = textwrap.wrap(words, max(1, room))
    index = y - max(0, (height - len(lines)) // 2)
    return lines[index].center(width) if 0 <= index < len(lines) else ""
