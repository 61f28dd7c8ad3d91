"""What the store keeps of a recording: the numbers of a training loop that is not ours."""

import sqlite3
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_core.store.packing import unpacked
from mnist_core.store.plain_values import check_plain, check_times, object_in, texts_in
from mnist_core.store.records import RunRecord, RunState, Score, StoreError

FIRST_OF_ID = "r"
"""What ids of recordings begin with; those of runs are hexadecimal, so no two are ever the same."""


@dataclass(frozen=True, slots=True)
class RecordingRecord:
    """A recording without its curves. Times are seconds since 1970."""

    id: str
    name: str
    """Text from the user, as are note, tags, config and source: draw it as plain text."""
    note: str
    tags: tuple[str, ...]
    config: Mapping[str, Any]
    """What the loop said of itself, as JSON has it."""
    source: str
    """The file that it was imported from; empty: a program recorded it."""
    versions: Mapping[str, str]
    """Of what recorded it."""
    state: RunState
    failure: str
    """Why it failed, as a sentence; else empty."""
    lost: str
    """What of it could not be kept and why, as a sentence; else empty."""
    started: float
    updated: float
    """When it last told anything."""
    ended: float | None
    seconds: float
    """From its start to its last row."""
    step: int
    """The largest one of all rows."""
    rows: int
    """How often something was logged."""
    metrics: int
    """How many names have values."""
    writes: int
    """How often rows were added; see `RunStore.points`."""
    pid: int
    host: str
    """Of the process that records it, or did."""

    # Nothing says which of its metrics ranks it, nor what an epoch or an example is.

    @property
    def best(self) -> Score | None:
        return None

    @property
    def last(self) -> Score | None:
        return None

    @property
    def test_loss(self) -> float | None:
        return None

    @property
    def examples_per_second(self) -> float | None:
        return None


KeptRecord = RunRecord | RecordingRecord
"""What the list of runs has a line for."""


@dataclass(frozen=True, slots=True)
class NewPoints:
    """Rows of metrics that are logged together."""

    metric_set: int
    names: tuple[str, ...]
    first: int
    """How many rows of the set come before."""
    rows: NDArray[np.void]
    """(rows,) of `point_dtype`, in the order of logging."""


@dataclass(frozen=True, slots=True)
class RecordedImage:
    name: str
    step: int
    pixels: NDArray[np.uint8]
    """(height, width) or (height, width, 3)."""


@dataclass(frozen=True, slots=True)
class RecordedPredictions:
    """What a model said of samples whose classes are known."""

    step: int
    labels: NDArray[np.uint16]
    """(samples,)."""
    probabilities: NDArray[np.float32]
    """(samples, classes)."""


@dataclass(frozen=True, slots=True)
class RecordedCurve:
    """The values of one name over all sets, in the order of their steps."""

    steps: NDArray[np.int64]
    seconds: NDArray[np.float32]
    """Since the recording began."""
    values: NDArray[np.float32]


def point_dtype(metrics: int) -> np.dtype[np.void]:
    """One row of a set of so many metrics."""
    return np.dtype([("step", "<i8"), ("seconds", "<f4"), ("values", "<f4", (metrics,))])


def curves_of(points: Sequence[NewPoints]) -> dict[str, RecordedCurve]:
    """The curve of each name, as names were first logged."""
    parts: dict[str, list[tuple[NDArray[np.void], NDArray[np.float32]]]] = {}
    for new in points:
        for column, name in enumerate(new.names):
            parts.setdefault(name, []).append((new.rows, new.rows["values"][:, column]))
    return {name: _joined(each) for name, each in parts.items()}


def _joined(parts: Sequence[tuple[NDArray[np.void], NDArray[np.float32]]]) -> RecordedCurve:
    steps = np.concatenate([rows["step"] for rows, _ in parts])
    seconds = np.concatenate([rows["seconds"] for rows, _ in parts])
    values = np.concatenate([column for _, column in parts])
    if (steps[1:] < steps[:-1]).any():
        order = np.argsort(steps, kind="stable")
        return RecordedCurve(steps[order], seconds[order], values[order])
    return RecordedCurve(steps, seconds, values)


# -- rows of the tables --------------------------------------------------------------------------

_COLUMNS = tuple(each.name for each in fields(RecordingRecord))

Row = Sequence[object]


def select_recordings(connection: sqlite3.Connection, condition: str, *values: object) -> list[Row]:
    """The rows of the recordings that meet a condition in SQL, for `read_recording`."""
    return connection.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM recordings {condition}", values
    ).fetchall()


def read_recording(row: Row, lives: Callable[[str, object, object], bool]) -> RecordingRecord:
    """A recording; `lives` tells from id, process and host whether somebody writes it.

    Raises:
        StoreError: it cannot be read.
    """
    values: dict[str, Any] = dict(zip(_COLUMNS, row, strict=True))
    try:
        state = RunState(str(values["state"]))
        if state.is_live and not lives(str(values["id"]), values["pid"], values["host"]):
            state = RunState.INTERRUPTED
        read: dict[str, Any] = {
            **values,
            "state": state,
            "tags": texts_in(values["tags"]),
            "config": object_in(values["config"]),
            "versions": object_in(values["versions"]),
        }
        check_plain(RecordingRecord, read)
        check_times(read)
        return RecordingRecord(**read)
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(
            f"Recording {values['id']} cannot be shown: it was kept by another version of "
            "mnist-tui, or is damaged."
        ) from error


def select_points(
    connection: sqlite3.Connection, recording: str, after_write: int = 0
) -> list[NewPoints]:
    """See `RunStore.points`."""
    # Of all, the order of the key needs no sorting of what is large.
    only_new = "AND written > ? " if after_write else "AND ? = 0 "
    blobs: dict[int, tuple[int, list[bytes]]] = {}
    for number, first, data in connection.execute(
        f"SELECT metric_set, first, data FROM points WHERE recording = ? {only_new}"
        "ORDER BY metric_set, first",
        (recording, after_write),
    ):
        blobs.setdefault(number, (first, []))[1].append(data)
    # In this order: a set is never added later than its points.
    names = connection.execute(
        "SELECT number, names FROM metric_sets WHERE recording = ? ORDER BY number", (recording,)
    ).fetchall()
    found = []
    for number, text in names:
        if number in blobs:
            first, data = blobs[number]
            metrics = texts_in(text)
            rows = np.frombuffer(b"".join(data), point_dtype(len(metrics)))
            found.append(NewPoints(number, metrics, first, rows))
    return found


def select_images(connection: sqlite3.Connection, recording: str) -> list[RecordedImage]:
    """See `RunStore.images`."""
    found = []
    for name, step, height, width, channels, data in connection.execute(
        "SELECT name, step, height, width, channels, pixels FROM recorded_images "
        "WHERE recording = ? ORDER BY name, step",
        (recording,),
    ):
        shape = (height, width) if channels == 1 else (height, width, channels)
        pixels = np.frombuffer(unpacked(data), np.uint8).reshape(shape)
        found.append(RecordedImage(name, step, pixels))
    return found


def select_predictions(
    connection: sqlite3.Connection, recording: str
) -> RecordedPredictions | None:
    """See `RunStore.predictions`."""
    row = connection.execute(
        "SELECT step, classes, labels, probabilities FROM recorded_predictions "
        "WHERE recording = ? ORDER BY step DESC LIMIT 1",
        (recording,),
    ).fetchone()
    if row is None:
        return None
    step, classes, labels, probabilities = row
    return RecordedPredictions(
        step,
        np.frombuffer(unpacked(labels), "<u2").astype(np.uint16),
        np.frombuffer(unpacked(probabilities), "<f2").astype(np.float32).reshape(-1, classes),
    )


def insert_images(
    connection: sqlite3.Connection, recording: str, images: Sequence[RecordedImage]
) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO recorded_images VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (recording, image.name, image.step, *image.pixels.shape[:2],
             image.pixels.shape[2] if image.pixels.ndim == 3 else 1,
             zlib.compress(image.pixels.tobytes()))
            for image in images
        ],
    )  # fmt: skip


def insert_predictions(
    connection: sqlite3.Connection, recording: str, predictions: RecordedPredictions
) -> None:
    """Those of the last step alone: of every epoch they would fill the disk."""
    connection.execute("DELETE FROM recorded_predictions WHERE recording = ?", (recording,))
    connection.execute(
        "INSERT INTO recorded_predictions VALUES (?, ?, ?, ?, ?)",
        (
            recording,
            predictions.step,
            predictions.probabilities.shape[1],
            zlib.compress(predictions.labels.astype("<u2").tobytes()),
            zlib.compress(predictions.probabilities.astype("<f2").tobytes()),
        ),
    )
