"""The screen of the terminal: pyte's, with a short way for what programs write most."""

from functools import cache

import pyte
from pyte.charsets import LAT1_MAP
from pyte.modes import IRM
from pyte.screens import Char
from rich.cells import cell_len

from helpers.escapes import Csi, drawable


class Display(pyte.Screen):
    """Draws what a program writes, piece by piece.

    pyte looks at each character of a sequence and makes each cell from nothing. An app that
    trains writes faster than that, and a test would see it ever later.
    """

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__(columns, rows)
        self._stream = pyte.Stream(self)
        self._painted: dict[tuple[Char, str], Char] = {}
        """The attributes that follow others, by what was written to change them."""
        self._made: dict[Char, dict[str, Char]] = {}
        """The cells made so far, by their attributes and then by character."""

    def take(self, piece: str | Csi) -> None:
        """Draw text, or obey a sequence, as `Splitter` cuts them."""
        if isinstance(piece, str) and piece.isprintable():
            self.draw(piece)
        elif isinstance(piece, Csi) and (piece.private, piece.final) == ("", "m"):
            key = self.cursor.attrs, piece.parameters
            painted = self._painted.get(key)
            if painted is None:
                self._stream.feed(drawable(piece))
                self._painted[key] = self.cursor.attrs
            else:
                self.cursor.attrs = painted
        elif text := drawable(piece):
            self._stream.feed(text)

    def draw(self, data: str) -> None:
        """Put text where the cursor is."""
        cursor = self.cursor
        end = cursor.x + len(data)
        plain = self.g0_charset is LAT1_MAP and not self.charset and IRM not in self.mode
        if not (plain and end <= self.columns and all(map(_is_narrow, data))):
            super().draw(data)
            return
        made = self._made.setdefault(cursor.attrs, {})
        line = self.buffer[cursor.y]
        for x, character in enumerate(data, cursor.x):
            cell = made.get(character)
            if cell is None:
                cell = made[character] = cursor.attrs._replace(data=character)
            line[x] = cell
        cursor.x = end
        self.dirty.add(cursor.y)


@cache
def _is_narrow(character: str) -> bool:
    return cell_len(character) == 1
