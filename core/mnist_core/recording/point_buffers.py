"""Rows of numbers on their way from the threads that log them to the one that writes them."""

import threading
from array import array
from collections.abc import Sequence
from typing import TypeAlias

MOST_WAITING = 8_000_000
"""Numbers, of 8 bytes each, that are held while nothing can be written."""

Buffered: TypeAlias = "tuple[tuple[str, ...], array[float]]"
"""Names, and row after row: step, seconds, and a value for each name."""


class PointBuffers:
    """One flat array for each set of names: an append costs no object that Python has to track."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, ...], array[float]] = {}
        self._next_step = 0
        self._room = MOST_WAITING
        self.dropped = 0
        """Rows for which there was no room any more."""

    def add(
        self, names: tuple[str, ...], step: int | None, seconds: float, values: list[float]
    ) -> None:
        """Append a row; None is the step after the last one."""
        with self._lock:
            if step is None:
                step = self._next_step
            self._next_step = step + 1
            rows = self._rows.get(names)
            if rows is None:
                rows = self._rows[names] = array("d")
            if self._room < 0:
                self.dropped += 1
                return
            self._room -= len(values) + 2
            rows.append(step)
            rows.append(seconds)
            rows.fromlist(values)

    def step(self, given: int | None) -> int:
        """The step of what is recorded beside the rows; None is that of the last row."""
        with self._lock:
            return max(0, self._next_step - 1) if given is None else given

    def knows(self, names: tuple[str, ...]) -> bool:
        """Whether a row of these names was added before."""
        return names in self._rows

    def take(self) -> list[Buffered]:
        """What was added since the last time; it counts as waiting until it is `written`."""
        with self._lock:
            taken = [(names, rows) for names, rows in self._rows.items() if rows]
            for names, _ in taken:
                self._rows[names] = array("d")
        return taken

    def written(self, taken: Sequence[Buffered]) -> None:
        """Make room: these are in the database."""
        with self._lock:
            self._room += sum(len(rows) for _, rows in taken)
