"""The curves of recordings by their names, and which of them share a chart."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mnist_core.store import RecordingRecord, RunStore
from mnist_tui.charts.series import Series

Part = Literal["train", "validation", "test", ""]
"""What the numbers of a name are measured on, as far as the name says so."""

_PARTS: Mapping[str, Part] = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "eval": "validation",
    "dev": "validation", "test": "test",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChartNames:
    """The names that one chart draws."""

    group: str
    """What stands before the / of its names; empty where there is none, or several."""
    title: str
    """What they share, or the one name: text from outside."""
    names: tuple[tuple[Part, str], ...]


def that_match(names: Iterable[str], text: str) -> list[str]:
    """The names that have every word of `text`, whatever its letters' case."""
    words = text.casefold().split()
    return [name for name in names if all(word in name.casefold() for word in words)]


def charts_of(names: Iterable[str]) -> list[ChartNames]:
    """A chart for each name; train, validation and test of one suffix share one.

    Those that are shared come first, then group by group, each as its first name came.
    """
    every = list(names)
    split = {name: _split(name) for name in every}
    measured = {suffix for part, suffix in split.values() if part}
    shared: dict[str, list[tuple[Part, str]]] = {}
    for name, (part, suffix) in split.items():
        # As Keras has it: loss beside val_loss.
        if not part and name in measured:
            part = "train"
        if part:
            shared.setdefault(suffix, []).append((part, name))
    charts, alone = [], []
    for name in every:
        part, suffix = split[name]
        together = shared.get(suffix, [])
        if len({each for each, _ in together}) < 2:
            alone.append(ChartNames(name.rpartition("/")[0].partition("/")[0], name, (("", name),)))
        elif name == together[0][1]:
            order = sorted(together, key=lambda each: _ORDER.index(each[0]))
            charts.append(ChartNames("", suffix, tuple(order)))
    groups: dict[str, list[ChartNames]] = {}
    for chart in alone:
        groups.setdefault(chart.group, []).append(chart)
    return charts + [chart for group in groups.values() for chart in group]


_ORDER: tuple[Part, ...] = ("train", "validation", "test", "")


def _split(name: str) -> tuple[Part, str]:
    """What it is measured on, and what is measured: of train/loss, loss/train or train_loss."""
    for sign in ("/", "_"):
        before, found, after = name.partition(sign)
        if found and after and before.lower() in _PARTS:
            return _PARTS[before.lower()], after
    before, _, after = name.rpartition("/")
    if before and after.lower() in _PARTS:
        return _PARTS[after.lower()], before
    return "", name


AXES = ("step", "time")
"""What curves of recordings are drawn over: nobody says how long an epoch of theirs is."""


class RecordedCurves:
    """The curves of a recording that may still grow; empty until `update`."""

    def __init__(self, record: RecordingRecord) -> None:
        self.record = record
        """The recording as it was at the last update."""
        self._writes = 0
        self._rows: dict[int, list[NDArray[np.void]]] = {}
        self._counts: dict[int, int] = {}
        self._places: dict[str, list[tuple[int, int]]] = {}
        """Of each name the sets and columns that have it."""
        self._series: dict[str, tuple[Series, list[int]]] = {}
        """Each with how many arrays of each of its sets are in it."""

    @property
    def names(self) -> Sequence[str]:
        """In the order in which they were first logged."""
        return list(self._places)

    def update(self, store: RunStore, record: RecordingRecord) -> bool:
        """Read on to where `record`, newly read, is; whether there is anything else to draw.

        Raises StoreError as the store does, and the curves stay as they were.
        """
        self.record = record
        if record.writes == self._writes:
            return False
        new = store.recordings.points(record.id, self._writes)
        for points in new:
            number = points.metric_set
            if number not in self._rows:
                self._rows[number], self._counts[number] = [], 0
                for column, name in enumerate(points.names):
                    self._places.setdefault(name, []).append((number, column))
            rows = points.rows[max(0, self._counts[number] - points.first) :]
            if len(rows):
                self._rows[number].append(rows)
                self._counts[number] += len(rows)
        self._writes = record.writes
        return bool(new)

    def series(self, name: str) -> Series:
        """The values of a name over step and time, as far as they were read.

        It is made when somebody looks at it, and read on when looked at again.
        """
        places = self._places[name]
        series, taken = self._series.get(name) or (Series(*AXES), [0] * len(places))
        taken += [0] * (len(places) - len(taken))
        parts = [
            (rows, column)
            for index, (number, column) in enumerate(places)
            for rows in self._rows[number][taken[index] :]
        ]
        steps = _joined([rows["step"] for rows, _ in parts])
        if len(steps) and steps.min() < (series.x("step")[-1] if len(series) else -np.inf):
            # A step that comes late belongs in the middle.
            series = Series(*AXES)
            parts = [(rows, column) for number, column in places for rows in self._rows[number]]
            steps = _joined([rows["step"] for rows, _ in parts])
        if len(steps):
            time = _joined([rows["seconds"] for rows, _ in parts])
            values = _joined([rows["values"][:, column] for rows, column in parts])
            if (steps[1:] < steps[:-1]).any():
                order = np.argsort(steps, kind="stable")
                steps, time, values = steps[order], time[order], values[order]
            # Threads log in any order, and clocks of files go back.
            np.maximum(time, series.x("time")[-1] if len(series) else 0.0, out=time)
            series.extend(values, step=steps, time=np.maximum.accumulate(time))
        self._series[name] = series, [len(self._rows[number]) for number, _ in places]
        return series


def _joined(parts: Sequence[NDArray[np.generic]]) -> NDArray[np.float64]:
    return np.concatenate([np.empty(0), *parts], dtype=np.float64)
