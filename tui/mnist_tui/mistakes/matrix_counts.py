"""A confusion matrix and all that is read from it: totals, recall, precision, mistakes."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mnist_tui.plain_text import visible

LEVELS = 16
"""How many strengths a shade has; 0 is none."""


@dataclass(frozen=True)
class MatrixCounts:
    """How often each class was taken for each class."""

    matrix: NDArray[np.int64]
    """(classes, classes), true classes down, predicted classes across; how many samples."""
    class_names: Sequence[str]
    """May be fewer than the classes; the others are called by their number."""

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
        given = [visible(name) for name in self.class_names[: self.classes]]
        return given + [str(number) for number in range(len(given), self.classes)]

    @cached_property
    def rows(self) -> list[list[int]]:
        """The counts as plain numbers."""
        rows: list[list[int]] = self.matrix.tolist()
        return rows

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
    def widest(self) -> int:
        """The largest number in a cell or in a total of a class."""
        return max((*self.true_totals, *self.predicted_totals), default=0)

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
        mistake: beside a large diagonal rare mistakes are seen all the same.
        """
        largest = max(1, int(self.wrong.max(initial=0)))
        shares = self.wrong / largest
        totals = np.maximum(self.matrix.sum(axis=1), 1)
        np.fill_diagonal(shares, self.matrix.diagonal() / totals)
        levels: list[list[int]] = np.ceil(shares * LEVELS).astype(np.int64).tolist()
        return levels

    def mistakes(self, rows: slice = slice(None), columns: slice = slice(None)) -> int:
        """How many wrong predictions these rows and columns hold."""
        return int(self.wrong[rows, columns].sum())
