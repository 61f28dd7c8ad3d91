"""The rows and columns of the table of runs: what each says, and how it sorts."""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mnist_core.store import KeptRecord, RecordingRecord, RunState, Score
from mnist_tui.text.numbers import ago, duration, metric, percent, rate
from mnist_tui.text.styled_text import STATE_SIGNS
from mnist_tui.text.visible_text import visible


@dataclass(frozen=True, slots=True)
class RunRow:
    record: KeptRecord
    differs: str
    """What sets it apart from the others, or from the pinned run; empty: nothing."""
    words: str
    """In lower case, what words of a filter are looked for in."""

    @classmethod
    def of(cls, record: KeptRecord, differs: str) -> "RunRow":
        texts = [record.name, record.note, *record.tags, _origin(record), record.state, differs]
        return cls(record, differs, "\n".join((*texts, record.id)).lower())

    def of_now(self, record: KeptRecord) -> "RunRow | None":
        """The row of the same run read again, which still differs in the same; None if it does not
        say the same any more.
        """
        before = self.record
        same = (
            _recipe(record) is _recipe(before)
            and _changes(record) == _changes(before)
            and record.state == before.state
            and record.name == before.name
            and record.note == before.note
            and record.tags == before.tags
            and _origin(record) == _origin(before)
        )
        return RunRow(record, self.differs, self.words) if same else None


def _origin(record: KeptRecord) -> str:
    """The data of a run; the file that a recording was imported from."""
    return record.source if isinstance(record, RecordingRecord) else record.dataset


def _changes(record: KeptRecord) -> object:
    return None if isinstance(record, RecordingRecord) else record.changes


def _recipe(record: KeptRecord) -> object:
    """A recording tells its once."""
    return None if isinstance(record, RecordingRecord) else record.hyperparameters


def progress_text(record: KeptRecord) -> str:
    """How far it is: epochs of those planned; steps of a recording, which plans none."""
    if isinstance(record, RecordingRecord):
        return f"step {record.step}"
    return f"{record.epoch}/{record.epochs}"


def _epoch(row: RunRow) -> int | None:
    return None if isinstance(row.record, RecordingRecord) else row.record.epoch


ABSENT = "-"
_TAGS = {"validation": "val", "test": "test"}
_STATES = tuple(STATE_SIGNS)
CURVE_CELLS = 12
_NUMBER = re.compile(r"([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class RunColumn:
    """What a column of the table says of each run."""

    title: str
    width: int
    """In cells, at least; `fit_columns` gives some of them more."""
    text: Callable[[RunRow, float], str]
    """Of a row, at a moment in seconds since 1970."""
    order: Callable[[RunRow], Any] | None
    """What rows are sorted by; None comes last, whichever way. Without it they are not."""
    importance: int
    """The least important columns give way where there is little room."""
    descending: bool = False
    """Whether the largest comes first at first."""
    right: bool = False
    """Whether its text ends where the column does."""


def _natural(text: str) -> list[object]:
    """So that run 2 comes before run 10."""
    return [int(part) if part.isdecimal() else part for part in _NUMBER.split(text.lower())]


def _state(row: RunRow, now: float) -> str:
    return f"{STATE_SIGNS[row.record.state][0]} {row.record.state}"


def score_value(score: Score | None) -> float | None:
    """The accuracy alone; None where nothing was measured."""
    return None if score is None else score.value


def finite_or_none(value: float | None) -> float | None:
    """None also for what compares with nothing."""
    return value if value is not None and math.isfinite(value) else None


def _score(score: Score | None) -> str:
    return ABSENT if score is None else percent(score.value, 2)


def _best(row: RunRow, now: float) -> str:
    best = row.record.best
    return _score(best) + f" {_TAGS[best.measured_on] if best else '':<4}"


def _last(row: RunRow, now: float) -> str:
    return _score(row.record.last)


def _speed(row: RunRow, now: float) -> str:
    speed = row.record.examples_per_second
    return ABSENT if speed is None else rate(speed).removesuffix(" ex/s")


COLUMNS: Mapping[str, RunColumn] = {
    "state": RunColumn("state", 13, _state, lambda row: _STATES.index(row.record.state), 12),
    "name": RunColumn("name", 8, lambda row, now: visible(row.record.name),
                      lambda row: _natural(row.record.name), 13),
    "differs": RunColumn("differs in", 18, lambda row, now: visible(row.differs) or "·",
                         lambda row: _natural(row.differs) if row.differs else None, 9),
    "epochs": RunColumn("epochs", 8, lambda row, now: progress_text(row.record),
                        _epoch, 10, descending=True, right=True),
    "best": RunColumn("best", 13, _best, lambda row: score_value(row.record.best), 11,
                      descending=True, right=True),
    "last": RunColumn("last", 8, _last, lambda row: score_value(row.record.last), 7,
                      descending=True, right=True),
    "loss": RunColumn("test loss", 9, lambda row, now: metric(row.record.test_loss),
                      lambda row: finite_or_none(row.record.test_loss), 4, right=True),
    "curve": RunColumn("accuracy", CURVE_CELLS, lambda row, now: "", None, 3),
    "time": RunColumn("time", 7, lambda row, now: duration(row.record.seconds),
                      lambda row: row.record.seconds, 6, right=True),
    "speed": RunColumn("ex/s", 6, _speed, lambda row: row.record.examples_per_second, 5,
                       descending=True, right=True),
    "started": RunColumn("started", 10, lambda row, now: ago(row.record.started, now),
                         lambda row: row.record.started, 8, descending=True, right=True),
    "tags": RunColumn("tags", 12, lambda row, now: visible(", ".join(row.record.tags)),
                      lambda row: row.record.tags or None, 2),
    "note": RunColumn("note", 20, lambda row, now: visible(row.record.note),
                      lambda row: _natural(row.record.note) if row.record.note else None, 1),
}  # fmt: skip
"""By key, from left to right. The text of the curve is made from more than the row."""

GAP = 2
"""Cells between two columns."""
_NAME_CELLS = 24
"""What a long name is given before what differs gets the rest."""

_DIFFERS_CELLS = 64
"""What is more would only move the figures away from the names."""


@dataclass(frozen=True, slots=True)
class Sorting:
    column: str = "started"
    descending: bool = True

    @property
    def arrow(self) -> str:
        return "↓" if self.descending else "↑"

    @property
    def reversed(self) -> "Sorting":
        return Sorting(self.column, not self.descending)

    def chosen(self, column: str) -> "Sorting":
        """By that column; the other way round where it is so sorted."""
        return self.reversed if column == self.column else sorting_by(column)


def sorting_by(column: str) -> Sorting:
    return Sorting(column, COLUMNS[column].descending)


def sort_rows(rows: Iterable[RunRow], sorting: Sorting) -> list[RunRow]:
    """The rows in order; equal ones stay as they were."""
    order = COLUMNS[sorting.column].order
    assert order is not None, f"nothing is sorted by {sorting.column}"
    keyed = [(order(row), row) for row in rows]
    known = [item for item in keyed if item[0] is not None]
    known.sort(key=lambda item: item[0], reverse=sorting.descending)
    return [row for _, row in known] + [row for key, row in keyed if key is None]


def fit_columns(room: int, longest_name: int, empty: Collection[str] = ()) -> dict[str, int]:
    """The columns that fit into `room` cells, with their widths; the most important ones stay.

    Those that are `empty` say nothing of any run, and have none.
    """
    said = [key for key in COLUMNS if key not in empty]
    kept = sorted(said, key=lambda key: -COLUMNS[key].importance)
    while len(kept) > 1 and _least(kept) > room:
        kept.pop()
    widths = {key: column.width for key, column in COLUMNS.items() if key in kept}
    spare = room - _least(kept)
    if "name" in widths:
        more = max(0, min(spare, min(longest_name, _NAME_CELLS) - widths["name"]))
        # Where room is short, a long name takes half of it and leaves the rest to what differs.
        more = more if spare - more > _NAME_CELLS else min(more, spare // 2)
        widths["name"] += more
        spare -= more
    if "differs" in widths:
        widths["differs"] += max(0, min(spare, _DIFFERS_CELLS - widths["differs"]))
    elif "name" in widths:
        widths["name"] += spare
    return widths


def _least(keys: Iterable[str]) -> int:
    widths = [COLUMNS[key].width for key in keys]
    return sum(widths) + GAP * (len(widths) - 1)


def tone(row: RunRow) -> str:
    """How its state is coloured: success, warning or error; quiet for what needs no eye."""
    state = row.record.state
    quiet = state in (RunState.COMPLETED, RunState.PRUNED)
    return "quiet" if quiet else STATE_SIGNS[state][1]
