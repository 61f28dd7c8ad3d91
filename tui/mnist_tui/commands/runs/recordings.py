"""What the subcommands of `mnist-tui runs` do with recordings, and `mnist-tui runs import`."""

import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mnist_core.events import json_number, json_values
from mnist_core.export import ExportError, Format
from mnist_core.export.export import not_written
from mnist_core.export.recorded_curves import export_recording
from mnist_core.importing import ImportProblem
from mnist_core.importing.curve_file import read_curve_file
from mnist_core.store import RecordingRecord, RunStore, StoreError, curves_of
from mnist_core.store.files import is_stdout, output_name
from mnist_tui.commands.runs.times import local_time_text, utc_text
from mnist_tui.commands.runs.with_store import lost_if_reader_left, with_store
from mnist_tui.lab.recipe_text import config_text
from mnist_tui.runtime.output import line_writer
from mnist_tui.text.numbers import count, duration, metric, percent
from mnist_tui.text.visible_text import in_columns, visible

_NUMBERS = ("points", "last step", "last", "lowest", "highest")


def recording_to_json(record: RecordingRecord) -> dict[str, Any]:
    """What `mnist-tui runs list --json` writes of a recording; times in UTC after ISO 8601.

    What runs have and recordings have not is null.
    """
    return json_values(
        {
            "id": record.id,
            "kind": "recording",
            "name": record.name,
            "state": record.state.value,
            "epochs": None,
            "best_test_accuracy": None,
            "test_accuracy": None,
            "started": utc_text(record.started),
            "seconds": record.seconds,
            "step": record.step,
            "rows": record.rows,
            "metrics": record.metrics,
            "source": record.source,
            "note": record.note,
            "tags": list(record.tags),
            "hyperparameters": None,
            "config": record.config,
        }
    )


def show_recording(store: RunStore, record: RecordingRecord, *, as_json: bool) -> None:
    """Print everything about a recording but its points."""
    write = line_writer(sys.stdout)
    figures = _figures(store, record)
    if as_json:
        details = recording_to_json(record) | {
            "failure": record.failure,
            "lost": record.lost,
            "updated": utc_text(record.updated),
            "ended": None if record.ended is None else utc_text(record.ended),
            "versions": dict(record.versions),
            "pid": record.pid,
            "host": record.host,
            "metric_figures": {
                name: dict(zip(_JSON_FIGURES, map(json_number, numbers), strict=True))
                for name, numbers in figures.items()
            },
        }
        write(json.dumps(details, allow_nan=False))
        return
    write(visible(f"{record.name} ({record.id}): {record.state}"))
    facts = [*_facts(record), *_said(store, record)]
    for line in in_columns([(topic, visible(text)) for topic, text in facts]):
        write(line)
    if figures:
        write("")
        rows = [
            (visible(name), str(int(points)), str(int(step)), *map(metric, numbers))
            for name, (points, step, *numbers) in figures.items()
        ]
        for line in in_columns([("metric", *_NUMBERS), *rows], numbers=range(1, 6)):
            write(line)


_JSON_FIGURES = tuple(name.replace(" ", "_") for name in _NUMBERS)


def _figures(store: RunStore, record: RecordingRecord) -> dict[str, tuple[float, ...]]:
    """Of each metric the `_NUMBERS`; lowest and highest are those of finite numbers."""
    found: dict[str, tuple[float, ...]] = {}
    for name, curve in curves_of(store.recordings.points(record.id)).items():
        finite = curve.values[np.isfinite(curve.values)]
        ends = (float(finite.min()), float(finite.max())) if len(finite) else (math.nan, math.nan)
        last = int(curve.steps[-1]), float(curve.values[-1])
        found[name] = (len(curve.values), *last, *ends)
    return found


def _facts(record: RecordingRecord) -> Iterator[tuple[str, str]]:
    if record.failure:
        yield "failure", record.failure
    if record.lost:
        yield "lost", record.lost
    if record.state.is_live:
        yield "recorded by", f"process {record.pid} on {record.host}"
    if record.note:
        yield "note", record.note
    if record.tags:
        yield "tags", ", ".join(record.tags)
    yield "kind", "a recording" + (f", imported from {record.source}" if record.source else "")
    if record.config:
        yield "config", config_text(record.config)
    amount = f"{count(record.rows, 'row')} of {count(record.metrics, 'metric')}"
    yield "logged", f"{amount}, up to step {count(record.step)}"
    yield "took", duration(record.seconds)
    ended = f", ended {local_time_text(record.ended)}" if record.ended is not None else ""
    yield "started", local_time_text(record.started) + ended
    yield "versions", ", ".join(f"{name} {version}" for name, version in record.versions.items())


def _said(store: RunStore, record: RecordingRecord) -> Iterator[tuple[str, str]]:
    """What there is besides its metrics."""
    predictions = store.recordings.predictions(record.id)
    if predictions is not None:
        right = predictions.probabilities.argmax(axis=1) == predictions.labels
        samples, step = count(len(right), "sample"), count(predictions.step)
        yield "predictions", f"{percent(right.mean(), 2)} of {samples} right at step {step}"
    names = dict.fromkeys(image.name for image in store.recordings.images(record.id))
    if names:
        yield "pictures", ", ".join(names)


def export_curves(store: RunStore, record: RecordingRecord, form: Format, output: Path) -> None:
    """Write the curves of a recording to `output` and say what was written."""
    if form != "csv" and form != "jsonl":
        what = "only its own runs are written as event files" if form == "tensorboard" else (
            "it has no weights"
        )  # fmt: skip
        raise ExportError(
            f"{record.name} is a recording, and {what}. Take --format csv or jsonl for its curves."
        )
    with lost_if_reader_left(output):
        try:
            amount = export_recording(store, record, form, output)
        except OSError as error:
            raise not_written(output, error) from error
    sentence = f"{output_name(output)}: {amount} of {record.name} ({record.id})"
    line_writer(sys.stderr if is_stdout(output) else sys.stdout)(visible(sentence))


@with_store
def import_files(store: RunStore, files: Sequence[str], *, as_json: bool) -> None:
    """Make a recording of each file, all or none, and say so."""
    write, write_error = line_writer(sys.stdout), line_writer(sys.stderr)
    try:
        curves = [read_curve_file(Path(file)) for file in files]
    except ImportProblem as problem:
        raise StoreError(f"{problem} Nothing was imported.") from problem
    ids = store.recordings.add([(each.recording, each.points) for each in curves])
    for recording_id, each in zip(ids, curves, strict=True):
        record = store.recordings.get(recording_id)
        for sentence in filter(None, (each.notice, _left_out(each.left_out))):
            write_error(visible(sentence))
        if as_json:
            write(json.dumps(recording_to_json(record), allow_nan=False))
            continue
        amount = f"{count(each.rows, 'row')} of {count(record.metrics, 'metric')}"
        write(visible(f"{record.source}: {amount} as {record.name} ({record.id})"))


_MOST_TOLD = 5


def _left_out(names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MOST_TOLD} more" if len(names) > _MOST_TOLD else ""
    return f"Left out, since they are no numbers: {', '.join(names[:_MOST_TOLD])}{more}."
