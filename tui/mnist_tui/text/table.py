"""Tables in plain text."""

import textwrap
from collections.abc import Container, Sequence
from itertools import zip_longest

from rich.cells import cell_len

_GAP = "  "
_NARROWEST = 20
"""Cells that the last column keeps, however narrow the terminal is."""


def in_columns(
    rows: Sequence[Sequence[str]], numbers: Container[int] = (), width: int | None = None
) -> list[str]:
    """The rows as aligned lines, without spaces at their ends.

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
        for texts in zip_longest([firsts], folded, fillvalue=None):
            head, tail = texts
            cells = [*(head or [""] * len(firsts)), tail or ""]
            padded = [
                _padded(str(cell), widths[index], right=index in numbers)
                for index, cell in enumerate(cells)
            ]
            lines.append(_GAP.join(padded).rstrip())
    return lines


def _padded(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space
