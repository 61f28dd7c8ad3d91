"""Tables in plain text."""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from rich.cells import cell_len

from mnist_core.benchmark.quartiles import Quartiles


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """A line a row: the first column left-aligned, the others right-aligned, two blanks between."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def spread(values: Quartiles, digits: int) -> str:
    """The lower and the upper quartile."""
    return f"{values.lower:.{digits}f} to {values.upper:.{digits}f}"


_GAP = "  "
_NARROWEST = 20
"""Cells that the last column keeps, however narrow the terminal is."""


def in_columns(
    rows: Sequence[Sequence[str]], numbers: frozenset[int] = frozenset(), width: int | None = None
) -> list[str]:
    """The rows as aligned lines, without spaces at their ends.

    Args:
        rows: as many texts in each, drawn as they are.
        numbers: the columns that are aligned at their right.
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
