"""Lines of text whose parts say what they mean, not which colour they have."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

from rich.cells import cell_len

from mnist_tui.text.visible_text import shorten


class Tone(StrEnum):
    """What a part of a line means."""

    PLAIN = "plain"
    QUIET = "quiet"
    RIGHT = "right"
    WRONG = "wrong"
    CURSOR = "cursor"


Span = tuple[str, Tone]
StyledLine = list[Span]


def line_width(line: Iterable[Span]) -> int:
    """In terminal cells."""
    return sum(cell_len(text) for text, _ in line)


def flow(parts: Sequence[Span], width: int, separator: str = " · ") -> list[StyledLine]:
    """`parts` in as few lines of at most `width` cells as their order allows."""
    lines: list[StyledLine] = []
    for text, tone in parts:
        text = shorten(text, width)
        if lines and line_width(lines[-1]) + cell_len(separator) + cell_len(text) <= width:
            lines[-1] += [(separator, Tone.QUIET), (text, tone)]
        else:
            lines.append([(text, tone)])
    return lines
