"""Text from outside, such as class names and paths, made safe to draw."""

import unicodedata

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


def shorten(text: str, width: int) -> str:
    """`text` cut to at most `width` terminal cells, with … where something was cut."""
    if cell_len(text) <= width:
        return text
    if width <= 0:
        return ""
    return set_cell_size(text, width - 1).rstrip() + "…"
