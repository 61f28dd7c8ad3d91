"""Text made safe to draw, such as class names and paths; cut to its room, and in columns."""

import textwrap
import unicodedata
from collections.abc import Container, Iterable, Sequence

from rich.cells import cell_len, set_cell_size

_GAP = "  "
"""Between columns."""
_NARROWEST = 20
"""Cells that the last column keeps, however narrow the terminal is."""
_FORMAT_AND_CONTROL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")
"""Zero-width: they say whether letters join, and words are spelt with them."""
_EMOJI_SELECTORS = frozenset("\ufe0e\ufe0f")
"""They ask for the text or the emoji form of a character, whose width terminals disagree about."""


def visible(text: str) -> str:
    """`text` with every character that a terminal would obey replaced by one it shows.

    ASCII control characters become their Unicode pictures (ESC is ␛), all others �, such as marks
    that turn the direction of writing. Joiners stay in words, as Persian, Sinhala and Malayalam
    need them. Between emoji they go, as do emoji selectors: what follows on the line would be moved
    in some terminals and not in others.
    """
    if text.isprintable() and _EMOJI_SELECTORS.isdisjoint(text):
        return text
    shown: list[str] = []
    before = ""
    for character in text:
        if character in _EMOJI_SELECTORS or (character in _JOINERS and not _is_of_word(before)):
            continue
        before = character
        shown.append(character if character in _JOINERS else _visible_character(character))
    return "".join(shown)


def _is_of_word(character: str) -> bool:
    """Whether it is a letter or a sign that belongs to one, where a joiner may follow."""
    return character != "" and unicodedata.category(character)[0] in "LM"


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


def padded(text: str, width: int, *, right: bool = False) -> str:
    """`text` cut or filled up with blanks to exactly `width` cells, at the `right` or the left."""
    text = shorten(text, width)
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks


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


def in_columns(
    rows: Sequence[Sequence[str]], numbers: Container[int] = (), width: int | None = None
) -> list[str]:
    """The rows of a table as aligned lines, without spaces at their ends.

    Args:
        rows: as many texts in each, drawn as they are.
        numbers: the columns that are aligned at their right, counted from 0.
        width: of the terminal: there the last column goes on below itself; None: nobody wraps it.
    """
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    room = None
    if width is not None:
        room = max(_NARROWEST, width - sum(w + len(_GAP) for w in widths[:-1]))
    lines = []
    for *firsts, last in rows:
        folded = [last] if room is None else textwrap.wrap(last, room) or [""]
        for part in folded:
            cells = [
                padded(text, widths[column], right=column in numbers)
                for column, text in enumerate((*firsts, part))
            ]
            lines.append(_GAP.join(cells).rstrip())
            firsts = [""] * len(firsts)
    return lines
