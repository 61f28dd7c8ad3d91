"""Text that says what it means, not which colour it has: lines of parts, and signs of states."""

from collections.abc import Iterable, Mapping, Sequence
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


STATE_SIGNS: Mapping[str, tuple[str, str]] = {
    "running": ("●", "success"),
    "racing": ("●", "success"),
    "paused": ("‖", "warning"),
    "interrupted": ("⊘", "warning"),
    "failed": ("✗", "error"),
    "diverged": ("↯", "error"),
    "stopped": ("■", "warning"),
    "pruned": ("⊖", "muted"),
    "completed": ("✓", "success"),
    "stopping": ("◌", "warning"),
    "loading": ("◌", "primary"),
    "idle": ("○", "muted"),
}
"""(sign, the theme's name of its colour) by the word of a state of runs, races or the laboratory.

In the order that tables sort by; none is told by its colour alone.
"""
