"""The rows of one recording, written as it goes on or all at once."""

import json
import platform
import socket
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from os import getpid
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from mnist_core.store.recordings import (
    FIRST_OF_ID,
    RecordedImage,
    RecordedPredictions,
    insert_images,
    insert_predictions,
    point_dtype,
)
from mnist_core.store.records import RunState, StoreError, storable

_LEAST_CHUNK = 4096
"""Bytes up to which a row of `points` is written again with more: each takes whole pages."""
_MOST_CHUNK = 4 << 20

Points = tuple[tuple[str, ...], NDArray[np.void]]
"""Names, and (rows,) of `point_dtype` of as many metrics."""


class RecordingLostError(StoreError):
    """The recording is not ours to write any more."""


@dataclass(frozen=True, slots=True)
class NewRecording:
    """What is known of a recording as it begins."""

    name: str
    """Empty: the store makes one."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """As JSON takes it."""
    started: float = 0.0
    """Seconds since 1970."""
    source: str = ""
    """The file it comes from."""


@dataclass(frozen=True, slots=True)
class Rest:
    """What has come since the last write."""

    points: Sequence[Points] = ()
    images: Sequence[RecordedImage] = ()
    predictions: RecordedPredictions | None = None
    lost: str = ""
    """What could not be kept up to now, as a sentence."""


@dataclass(frozen=True, slots=True)
class _Tail:
    """The last chunk of a set, while it is short enough to be written again."""

    number: int
    first: int
    data: bytes
    count: int


@dataclass(frozen=True, slots=True)
class _Progress:
    """What the database has."""

    tails: Mapping[tuple[str, ...], _Tail] = field(default_factory=dict)
    metrics: frozenset[str] = frozenset()
    rows: int = 0
    step: int = 0
    seconds: float = 0.0
    writes: int = 0


class RecordingWriter:
    """Writes one recording; `begin` and `write` within a transaction, `committed` after it."""

    def __init__(self, recording: NewRecording) -> None:
        self.id = new_recording_id()
        self.name = ""
        """What it is called in the store; empty until it is there."""
        self.new = recording
        self._kept = _Progress()
        self._tried = _Progress()
        self.begun = False
        """Whether it is in the database."""
        self._possible_rows = {0}
        """How many it may have there: a commit that failed may have succeeded."""

    def begin(self, connection: sqlite3.Connection) -> None:
        """Insert the recording, which runs from now on, unless it is there already."""
        values = {
            "id": self.id,
            "name": storable(self.new.name) or _next_name(connection),
            "config": json.dumps(self.new.config),
            "source": storable(self.new.source),
            "versions": json.dumps(_versions()),
            "state": RunState.RUNNING,
            "started": self.new.started,
            "updated": time.time(),
            "pid": getpid(),
            "host": socket.gethostname(),
        }
        connection.execute(
            f"INSERT OR IGNORE INTO recordings ({', '.join(values)}) "
            f"VALUES ({', '.join('?' * len(values))})",
            tuple(values.values()),
        )
        (self.name,) = connection.execute(
            "SELECT name FROM recordings WHERE id = ?", (self.id,)
        ).fetchone()

    def write(
        self,
        connection: sqlite3.Connection,
        rest: Rest,
        state: RunState = RunState.RUNNING,
        failure: str = "",
    ) -> None:
        """Write what has come, and how the recording stands.

        Raises:
            RecordingLostError: it has been deleted or replaced.
            sqlite3.Error: it cannot be written.
        """
        self._check_ours(connection)
        kept = self._kept
        tails = dict(kept.tails)
        metrics, rows, step, seconds = set(kept.metrics), kept.rows, kept.step, kept.seconds
        write = kept.writes + 1
        for names, new in rest.points:
            if names not in tails:
                number = len(tails)
                connection.execute(
                    "INSERT OR REPLACE INTO metric_sets VALUES (?, ?, ?)",
                    (self.id, number, json.dumps(names)),
                )
                tails[names] = _Tail(number, 0, b"", 0)
                metrics.update(names)
            tails[names] = self._append(connection, tails[names], new, write)
            rows += len(new)
            step = max(step, int(new["step"].max()))
            seconds = max(seconds, float(new["seconds"].max()))
        insert_images(connection, self.id, rest.images)
        if rest.predictions is not None:
            insert_predictions(connection, self.id, rest.predictions)
        values: dict[str, object] = {
            "state": state, "failure": storable(failure), "lost": storable(rest.lost),
            "updated": time.time(), "seconds": seconds, "step": step, "rows": rows,
            "metrics": len(metrics), "writes": write,
        }  # fmt: skip
        if not state.is_live:
            values["ended"] = self.new.started + seconds if self.new.source else time.time()
        connection.execute(
            f"UPDATE recordings SET {', '.join(f'{name} = ?' for name in values)} WHERE id = ?",
            (*values.values(), self.id),
        )
        self._possible_rows.add(rows)
        self._tried = _Progress(tails, frozenset(metrics), rows, step, seconds, write)

    def committed(self) -> None:
        """What was written is in the database."""
        self.begun = True
        self._kept = self._tried
        self._possible_rows = {self._kept.rows}

    def _append(
        self, connection: sqlite3.Connection, tail: _Tail, new: NDArray[np.void], write: int
    ) -> _Tail:
        data, size = tail.data + new.tobytes(), new.dtype.itemsize
        first, most = tail.first, max(1, _MOST_CHUNK // size)
        for start in range(0, len(data) // size, most):
            chunk = data[start * size : (start + most) * size]
            first, count = tail.first + start, len(chunk) // size
            connection.execute(
                "INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?, ?)",
                (self.id, tail.number, first, count, write, chunk),
            )
        if len(chunk) >= _LEAST_CHUNK:
            return _Tail(tail.number, first + count, b"", 0)
        return _Tail(tail.number, first, chunk, count)

    def _check_ours(self, connection: sqlite3.Connection) -> None:
        row = connection.execute(
            "SELECT rows, deleted FROM recordings WHERE id = ?", (self.id,)
        ).fetchone()
        if row is None or row[1] is not None:
            raise RecordingLostError(
                "It is no longer in the database: it has been deleted, or the database was "
                "replaced. So it is no longer kept."
            )
        if row[0] not in self._possible_rows:
            raise RecordingLostError(
                "The database was replaced while it went on, and a part of it is missing there. "
                "So it is no longer kept."
            )


def insert_recording(
    connection: sqlite3.Connection, recording: NewRecording, points: Iterable[Points]
) -> str:
    """Write a whole recording, which is complete; its id. Call it within a transaction."""
    writer = RecordingWriter(recording)
    writer.begin(connection)
    writer.write(connection, Rest(list(points)), RunState.COMPLETED)
    return writer.id


def points_of(
    steps: Sequence[float] | NDArray[np.float64],
    seconds: Sequence[float] | NDArray[np.float64],
    values: NDArray[np.float64],
) -> NDArray[np.void]:
    """(rows,) of `point_dtype` from (rows,), (rows,) and (rows, metrics)."""
    rows = np.empty(len(values), point_dtype(values.shape[1]))
    rows["step"], rows["seconds"] = steps, seconds
    # What float32 cannot hold is infinite there.
    with np.errstate(over="ignore"):
        rows["values"] = values
    return rows


def new_recording_id() -> str:
    return FIRST_OF_ID + uuid4().hex[:7]


def _next_name(connection: sqlite3.Connection) -> str:
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'recordings'").fetchone()
    return f"recording {(row[0] if row else 0) + 1}"


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("mnist-tui", "mlx"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
