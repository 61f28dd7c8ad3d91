"""The curves of a recording as CSV and JSON lines."""

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from mnist_core.export.escapes import csv_cell
from mnist_core.store import RecordingRecord, RunStore
from mnist_core.store.files import write_output
from mnist_core.store.recordings import NewPoints

RecordingFormat = Literal["csv", "jsonl"]


def export_recording(
    store: RunStore, record: RecordingRecord, form: RecordingFormat, output: Path
) -> str:
    """Write the curves to the file `output`; how much that was, in words.

    Raises:
        OSError: it could not be written.
        StoreError: they could not be read.
    """
    points = store.recordings.points(record.id)
    write_output(output, recording_to_csv(points) if form == "csv" else recording_to_jsonl(points))
    rows = sum(len(each.rows) for each in points)
    return f"{rows} row{'s' * (rows != 1)} of {record.metrics} metric{'s' * (record.metrics != 1)}"


def recording_to_csv(points: Sequence[NewPoints]) -> bytes:
    """A header and a row for each time that something was logged, in the order of steps.

    The columns are step, seconds since the beginning, and a metric each, empty where it was not
    logged. Numbers that are not finite are written inf, -inf and nan.
    """
    names = list(dict.fromkeys(name for each in points for name in each.names))
    place = {name: index + 2 for index, name in enumerate(names)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", "seconds", *map(csv_cell, names)])
    for step, seconds, said, values in _rows(points):
        row: list[object] = [""] * (len(names) + 2)
        row[:2] = step, seconds
        for name, value in zip(said, values, strict=True):
            row[place[name]] = value
        writer.writerow(row)
    return text.getvalue().encode()


def recording_to_jsonl(points: Sequence[NewPoints]) -> bytes:
    """An object for each time that something was logged, with step, seconds and the metrics.

    Numbers that are not finite become the texts "NaN", "Infinity" and "-Infinity", since JSON has
    no numbers for them; the import reads these again.
    """
    return "".join(
        json.dumps(
            {"step": step, "seconds": float(seconds)}
            | {name: _json_number(value) for name, value in zip(said, values, strict=True)}
        )
        + "\n"
        for step, seconds, said, values in _rows(points)
    ).encode()


def _json_number(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else json.dumps(value)


def _rows(
    points: Sequence[NewPoints],
) -> Iterator[tuple[int, str, tuple[str, ...], list[str]]]:
    """Step, seconds, names and values, by step; numbers with as many digits as float32 has."""
    if not points:
        return
    steps = np.concatenate([each.rows["step"] for each in points])
    sets = np.repeat(np.arange(len(points)), [len(each.rows) for each in points])
    rows = np.concatenate([np.arange(len(each.rows)) for each in points])
    for index in np.argsort(steps, kind="stable"):
        each = points[sets[index]]
        step, seconds, values = each.rows[rows[index]]
        yield int(step), str(seconds), each.names, [str(value) for value in values]
