"""Rows of a file on their way into a recording: numbers by name, each row with its own names."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mnist_core.importing import ImportProblem
from mnist_core.store.plain_values import LONGEST_TIME
from mnist_core.store.recording_writer import NewRecording, Points, points_of
from mnist_core.store.records import storable

STEP_NAMES = ("step", "_step", "global_step", "iteration", "iter")
"""In lower case: what says where a row belongs."""
RELATIVE_TIMES = ("seconds", "relative time", "relative_time", "_runtime")
"""The same of its seconds since the beginning."""
WALL_TIMES = ("wall time", "wall_time", "timestamp", "_timestamp")
"""And of its seconds since 1970."""
_LARGEST_STEP = 2.0**53
_LONGEST_NAME = 1000
"""Characters. Those of objects in objects are put together, so a short line could fill memory."""
_BRIEF = 40
"""Characters of a name that sentences show."""


@dataclass(frozen=True, slots=True)
class ImportedCurves:
    """A file that was read whole."""

    recording: NewRecording
    points: list[Points]
    rows: int
    left_out: tuple[str, ...]
    """What of it is no number, by name."""
    notice: str = ""
    """What a person must know of that, as a sentence; empty: nothing."""


@dataclass
class CurveRows:
    """Collects rows in their order."""

    path: Path
    started: float = 0.0
    """Seconds since 1970; 0: not known."""
    left_out: dict[str, None] = field(default_factory=dict)
    """By name, in the order of the file."""
    _sets: dict[tuple[str, ...], "array[float]"] = field(default_factory=dict)

    def add(self, step: float, seconds: float, values: Mapping[str, float]) -> None:
        """A row; `seconds` are since the recording began."""
        names = tuple(values)
        if not names:
            return
        rows = self._sets.get(names)
        if rows is None:
            rows = self._sets[names] = array("d")
        rows.append(step)
        rows.append(seconds)
        rows.fromlist(list(values.values()))

    def add_given(
        self, step: float, moments: Mapping[str, float], values: Mapping[str, float]
    ) -> None:
        """A row whose time is the number of one of the names of times, if there is any."""
        seconds = 0.0
        for name, moment in moments.items():
            if name in WALL_TIMES:
                self.started = self.started or moment
                seconds = moment - self.started
            else:
                seconds = moment
        self.add(step, seconds, values)

    def result(self, name: str, notice: str = "") -> ImportedCurves:
        """What was collected.

        Raises:
            ImportProblem: there is not one number.
        """
        if not self._sets:
            raise ImportProblem(f"{self.path}: there is no number in it to draw.")
        points = []
        for names, rows in self._sets.items():
            table = np.frombuffer(rows).reshape(-1, len(names) + 2)
            stored = tuple(map(storable, names))
            points.append((stored, points_of(table[:, 0], table[:, 1], table[:, 2:])))
        started = self.started or self.path.stat().st_mtime
        return ImportedCurves(
            NewRecording(name, {}, started, str(self.path)),
            points,
            sum(len(rows) for _, rows in points),
            tuple(self.left_out),
            notice,
        )


def checked_step(where: str, number: float) -> float:
    """Raises ImportProblem unless `number` is a whole one."""
    if not number.is_integer() or abs(number) > _LARGEST_STEP:
        raise ImportProblem(f"{where}: the step {number:g} is no whole number.")
    return number


def checked_time(where: str, number: float) -> float:
    """Raises ImportProblem unless `number` may be seconds since something that somebody did."""
    if not abs(number) <= LONGEST_TIME:
        raise ImportProblem(f"{where}: {number:g} seconds are no time that can be shown.")
    return number


def checked_name(where: str, name: str) -> str:
    """Raises ImportProblem if nobody could read `name`."""
    if len(name) > _LONGEST_NAME:
        raise ImportProblem(
            f"{where}: a name begins {name[:_BRIEF]!r} and has more than {_LONGEST_NAME} "
            "characters. Give it a shorter one."
        )
    return name


def twice(where: str, names: Iterable[str]) -> ImportProblem:
    """What to raise of `names`, of which one stands there twice at least."""
    name, _ = Counter(names).most_common(1)[0]
    return ImportProblem(f"{where}: {name[:_BRIEF]} stands there twice.")
