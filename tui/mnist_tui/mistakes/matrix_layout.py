"""A confusion matrix with its totals, and where its parts stand in a number of cells."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from mnist_tui.text.visible_text import class_name

LEVELS = 16
"""How many strengths a shade has; 0 is none."""


@dataclass(frozen=True)
class MatrixCounts:
    """How often each class was taken for each class."""

    matrix: NDArray[np.int64]
    """(classes, classes), true classes down, predicted classes across; how many samples."""
    class_names: Sequence[str]
    """May be fewer than the classes; the others are called by their number."""
    base: NDArray[np.int64] | None = None
    """(classes, classes), what another model made of the same samples; cells then say how many more
    there are.
    """
    base_name: str = ""
    """Whose model that is."""

    def __post_init__(self) -> None:
        """Raises ValueError if the matrix is not square."""
        if self.matrix.ndim != 2 or self.matrix.shape[0] != self.matrix.shape[1]:
            raise ValueError(f"A confusion matrix is square; this one is {self.matrix.shape}.")

    @property
    def classes(self) -> int:
        return len(self.matrix)

    @cached_property
    def names(self) -> list[str]:
        """One a class, without control characters."""
        return [class_name(label, self.class_names) for label in range(self.classes)]

    @cached_property
    def rows(self) -> list[list[int]]:
        """The counts as plain numbers."""
        rows: list[list[int]] = self.matrix.tolist()
        return rows

    @cached_property
    def more(self) -> NDArray[np.int64] | None:
        """(classes, classes), how many more samples than in `base`."""
        return None if self.base is None else self.matrix - self.base

    @cached_property
    def cells(self) -> list[list[str]]:
        """What each cell says; empty for a zero."""
        shown, form = (self.matrix, "d") if self.more is None else (self.more, "+d")
        return [[format(number, form) if number else "" for number in row] for row in shown]

    def is_good(self, row: int, column: int) -> bool:
        """Whether what a cell says is as it should be: right, or more right or fewer wrong."""
        on_diagonal = row == column
        return on_diagonal if self.more is None else (self.more[row, column] > 0) == on_diagonal

    @cached_property
    def true_totals(self) -> list[int]:
        """Samples of each class."""
        totals: list[int] = self.matrix.sum(axis=1).tolist()
        return totals

    @cached_property
    def predicted_totals(self) -> list[int]:
        """Samples that were taken for each class."""
        totals: list[int] = self.matrix.sum(axis=0).tolist()
        return totals

    @cached_property
    def right(self) -> list[int]:
        """Samples of each class that were predicted as it: the diagonal."""
        right: list[int] = self.matrix.diagonal().tolist()
        return right

    @cached_property
    def total(self) -> int:
        return sum(self.true_totals)

    @cached_property
    def total_right(self) -> int:
        return sum(self.right)

    @cached_property
    def wrong(self) -> NDArray[np.int64]:
        """(classes, classes), the counts with a diagonal of zeros."""
        wrong = self.matrix.copy()
        np.fill_diagonal(wrong, 0)
        return wrong

    @cached_property
    def levels(self) -> list[list[int]]:
        """How strongly to shade each cell, 0 to `LEVELS`; 0 for a zero and for nothing else.

        The diagonal goes by its share of the row, the others by their share of the largest
        mistake: beside a large diagonal rare mistakes are seen all the same. Differences go by
        their share of the largest one.
        """
        if self.more is not None:
            sizes = np.abs(self.more) / max(1, int(np.abs(self.more).max(initial=0)))
            strengths: list[list[int]] = np.ceil(sizes * LEVELS).astype(np.int64).tolist()
            return strengths
        largest = max(1, int(self.wrong.max(initial=0)))
        shares = self.wrong / largest
        totals = np.maximum(self.matrix.sum(axis=1), 1)
        np.fill_diagonal(shares, self.matrix.diagonal() / totals)
        levels: list[list[int]] = np.ceil(shares * LEVELS).astype(np.int64).tolist()
        return levels


HEADER_LINES = 2
"""What the axes are, and the names of the columns."""
READ_OUT_LINES = 1

_LEAST_NAME = 6
"""Cells of `true ↓` and `prec.%`."""
_MOST_NAME = 12
_LEAST_DIGITS = 3
"""Cells of a precision of 100."""
_LEAST_TOTAL = 5
"""Cells of `total`."""
_RECALL = 6
"""Cells of `recall`, `100.0%`."""
_ENOUGH_WITH_TOTALS = 6
_ENOUGH_WITH_SHARES = 4
"""Classes in view below which the totals, and then the shares, make room for more."""
_ONE_LINE_OF_HIDING = 84
"""Cells from which one line says what is hidden on both axes."""


class Part(Enum):
    """What a line of the widget is."""

    AXES = auto()
    NAMES = auto()
    CLASS = auto()
    TOTALS = auto()
    PRECISION = auto()
    HIDDEN = auto()
    READ_OUT = auto()
    BLANK = auto()


@dataclass(frozen=True, slots=True)
class MatrixLayout:
    """How much of a matrix is in view and how wide its parts are; not where it is scrolled to.

    A line is a gap of one cell, the name of the row, and for each number a gap and the number.
    """

    classes: int
    name: int
    """Cells of a row's name."""
    digits: int
    """Cells of a number, without the gap before it."""
    total: int
    """Cells of a row's total; 0 when it is not shown."""
    recall: int
    """Cells of a row's recall; 0 when it is not shown."""
    columns: int
    """Classes in view from left to right."""
    rows: int
    """Classes in view from top to bottom."""
    parts: tuple[Part, ...]
    """What each line is; blank lines may follow."""

    @property
    def pitch(self) -> int:
        """Cells from one column to the next."""
        return self.digits + 1

    @property
    def with_all_totals(self) -> bool:
        """Whether totals, recall and precision are in view."""
        return bool(self.total and self.recall) and Part.TOTALS in self.parts

    @property
    def complete(self) -> bool:
        """Whether everything is in view."""
        return self.with_all_totals and self.columns == self.rows == self.classes

    def part(self, y: int) -> Part:
        """What line `y` is."""
        return self.parts[y] if y < len(self.parts) else Part.BLANK

    def line(self, part: Part) -> int | None:
        """The first line that is `part`, if there is one."""
        return self.parts.index(part) if part in self.parts else None

    def position(self, x: int, y: int) -> tuple[int, int] | None:
        """The (row, column) in view at a cell; -1 for headers and totals, None for neither."""
        part = self.part(y)
        if part not in (Part.NAMES, Part.CLASS, Part.TOTALS, Part.PRECISION):
            return None
        row = y - HEADER_LINES if part is Part.CLASS else -1
        x -= 1 + self.name
        if x < 0:
            return row, -1
        if x < self.columns * self.pitch:
            return row, x // self.pitch
        extra = (self.total and self.total + 1) + (self.recall and self.recall + 1)
        return (row, -1) if x < self.columns * self.pitch + extra else None


def lines_of(counts: MatrixCounts) -> int:
    """How many lines show all of a matrix, with a blank one above what is said of a cell."""
    return HEADER_LINES + counts.classes + 2 + 1 + READ_OUT_LINES


def arrange(width: int, height: int, counts: MatrixCounts) -> MatrixLayout | None:
    """Fit a matrix into width x height cells; None when not even one count fits.

    Totals and shares make room where all classes fit without them, or else few would fit beside
    them. Names of classes are shortened beyond 12 cells.
    """
    class_count = counts.classes
    if class_count == 0:
        return None
    longest_name = max(map(cell_len, counts.names))
    name = max(_LEAST_NAME, min(longest_name, _MOST_NAME, width // 4))
    # No cell is larger than the totals of its classes.
    largest = max(*counts.true_totals, *counts.predicted_totals)
    digits = max(_LEAST_DIGITS, len(str(largest)))
    if counts.more is not None:
        digits = max(digits, *(len(cell) for row in counts.cells for cell in row))
    total_cells = max(_LEAST_TOTAL, len(str(counts.total)))
    extras = (total_cells + 1 + _RECALL + 1, _RECALL + 1, 0)
    room = width - 1 - name - 1
    columns, extra = _fit(room, class_count, digits + 1, extras)
    if columns == class_count and extra == 0:
        # Names of columns are read whole where there is room for all of them.
        spare = (room - extras[0]) // class_count - 1
        digits = max(digits, min(spare, longest_name, _MOST_NAME))

    def with_lines(saying: int) -> MatrixLayout:
        lines = height - HEADER_LINES - READ_OUT_LINES - saying
        rows, folded = _fit(lines, class_count, 1, (2, 1, 0))
        footer = [(Part.TOTALS, Part.PRECISION), (Part.PRECISION,), ()][folded]
        blank = (Part.BLANK,) * (lines > rows + len(footer))
        below = (*footer, *(Part.HIDDEN,) * saying, *blank, Part.READ_OUT)
        return MatrixLayout(
            classes=class_count,
            name=name,
            digits=digits,
            total=total_cells if extra == 0 else 0,
            recall=_RECALL if extra < 2 else 0,
            columns=columns,
            rows=rows,
            parts=(Part.AXES, Part.NAMES, *(Part.CLASS,) * rows, *below),
        )

    layout = with_lines(0)
    if not layout.complete:
        both = layout.columns < class_count and layout.rows < class_count
        layout = with_lines(2 if both and width < _ONE_LINE_OF_HIDING and height >= 14 else 1)
    return layout if layout.columns > 0 and layout.rows > 0 else None


def _fit(room: int, count: int, item: int, extras: tuple[int, int, int]) -> tuple[int, int]:
    """How many of `count` items fit, and which of the `extras`, largest first, fits beside.

    To see all items is worth more than an extra; to see a few more of them is not.
    """
    items = [min(count, (room - extra) // item) for extra in extras]
    if count in items:
        return count, items.index(count)
    least = (_ENOUGH_WITH_TOTALS, _ENOUGH_WITH_SHARES, 0)
    for place, enough in enumerate(least):
        if items[place] >= enough:
            return items[place], place
    return 0, len(extras) - 1
