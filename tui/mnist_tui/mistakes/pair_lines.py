"""The most confused pairs as lines of text."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from mnist_tui.mistakes.matrix_words import fitting, share
from mnist_tui.plain_text import shorten, visible

_LEAST_NAME = 4
"""Cells of a name below which the shares of the classes make room for it."""
_MOST_NAME = 16
_HEADINGS = (
    "true → predicted, count, share of true",
    "true → predicted, share of true",
    "true → predicted",
    "true →",
)
_SHARE = 6
"""Cells of ` 12.5%`, to the right of a count."""


@dataclass(frozen=True, slots=True)
class PairLines:
    """`4 → 9   12  1.2%`: true class, predicted class, how often, its share of the true class."""

    names: tuple[tuple[str, str], ...]
    """(true, predicted), without control characters."""
    numbers: tuple[int, ...]
    shares: tuple[str, ...]

    @classmethod
    def of(
        cls,
        pairs: Sequence[tuple[int, int, int]],
        class_names: Sequence[str],
        totals: Sequence[int],
    ) -> "PairLines":
        """From (true, predicted, count); a class without a name is called by its number."""

        def name(label: int) -> str:
            return visible(class_names[label]) if label < len(class_names) else str(label)

        return cls(
            names=tuple((name(true), name(predicted)) for true, predicted, _ in pairs),
            numbers=tuple(number for _, _, number in pairs),
            shares=tuple(share(number, totals[true], 4) + "%" for true, _, number in pairs),
        )

    def line(self, place: int, width: int) -> str:
        """A pair in at most `width` cells; its columns stand below those of the other pairs."""
        name, digits, with_share = self._columns(width)
        true, predicted = (_padded(text, name) for text in self.names[place])
        text = f"{true} → {predicted} {self.numbers[place]:>{digits}}"
        return text + (f" {self.shares[place]:>{_SHARE}}" if with_share else "")

    def heading(self, width: int) -> str:
        """What stands on the lines, in at most `width` cells."""
        return fitting(_HEADINGS if self._columns(width)[2] else _HEADINGS[2:], width)

    def _columns(self, width: int) -> tuple[int, int, bool]:
        """Cells of a name, cells of a count, and whether there is room for the shares."""
        longest = max((cell_len(text) for pair in self.names for text in pair), default=1)
        digits = max(map(len, map(str, self.numbers)), default=1) + 1
        wanted = min(longest, _MOST_NAME)
        room = (width - digits - 4) // 2
        with_share = room - (_SHARE + 2) // 2 >= min(wanted, _LEAST_NAME)
        if with_share:
            room = (width - digits - 4 - _SHARE - 1) // 2
        return max(1, min(wanted, room)), digits, with_share


def _padded(text: str, cells: int) -> str:
    text = shorten(text, cells)
    return text + " " * (cells - cell_len(text))
