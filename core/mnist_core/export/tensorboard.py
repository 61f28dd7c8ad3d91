"""A run as a folder of event files for TensorBoard, written by its own package."""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from mnist_core.export import ExportError
from mnist_core.export.curves import StoredCurves
from mnist_core.export.escapes import markdown_cell
from mnist_core.network.distributions import Distributions, edges
from mnist_core.recipe.hyperparameters import hyperparameter_fields
from mnist_core.shell_commands import install_command
from mnist_core.store import RunRecord
from mnist_core.store.records import storable

_SUFFIX = ".mnist-tui"
"""How the event files of this program end, so that no others are taken for an earlier export."""

_Point = tuple[float, int, Mapping[str, float | None], Mapping[str, np.void]]
"""Seconds of training, update, and by tag the metrics and the histograms."""


def write_tensorboard(curves: StoredCurves, folder: Path) -> None:
    """Write `folder` whole, or leave what was there.

    Of each batch there are train/loss, train/accuracy and train/learning_rate, of about ten an
    epoch train/gradient_norm; of each epoch train/epoch_loss and train/epoch_accuracy, and loss
    and accuracy under validation/ and test/; and where they are kept histograms under weights/,
    gradients/ and activations/, in the bins in which they are stored.
    The time of a point is when the run was started, plus the training up to there.

    Raises:
        ExportError: the folder holds something else, or the tensorboard package is missing.
        OSError: it could not be written.
    """
    # Before links are followed: a pipe under /dev/fd leads to a name that does not exist.
    earlier = _earlier_export(folder)
    folder = Path(os.path.realpath(folder))
    part = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.part")
    part.mkdir(parents=True)
    try:
        _write_events(curves, part)
        if earlier is None:
            part.replace(folder)
            return
        for path in part.iterdir():
            path.replace(folder / path.name)
        for path in earlier:
            path.unlink()
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _earlier_export(folder: Path) -> list[Path] | None:
    """The event files of an earlier export into `folder`; None where there is no such folder."""
    if not folder.exists():
        return None
    if not folder.is_dir():
        raise ExportError(f"{folder} is no folder, as TensorBoard takes. Choose another name.")
    files = list(folder.iterdir())
    if not all(path.name.startswith("events.") and path.name.endswith(_SUFFIX) for path in files):
        raise ExportError(
            f"{folder} holds other files, which TensorBoard would show as one run with this one. "
            "Choose a new folder."
        )
    return files


def _write_events(curves: StoredCurves, folder: Path) -> None:
    try:
        # Only here: it is an extra, and takes a quarter of a second.
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
        from tensorboard.plugins.text.summary_v2 import text_pb
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    except ImportError as error:
        raise ExportError(
            f"Exporting for TensorBoard needs its package: {install_command('tensorboard')}"
        ) from error

    started = curves.record.started
    writer: Any = EventFileWriter(str(folder), filename_suffix=_SUFFIX)
    try:
        text = text_pb("run/text_summary", _about(curves.record))
        writer.add_event(Event(wall_time=started, step=0, summary=text))
        for seconds, step, metrics, histograms in _points(curves):
            values = [
                Summary.Value(tag=tag, simple_value=value)
                for tag, value in metrics.items()
                if value is not None
            ]
            for name, row in histograms.items():
                values.append(Summary.Value(tag=name, histo=HistogramProto(**_histogram(row))))
            summary = Summary(value=values)
            writer.add_event(Event(wall_time=started + seconds, step=step, summary=summary))
    finally:
        writer.close()
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _points(curves: StoredCurves) -> Iterator[_Point]:
    ends = curves.epoch_ends
    batches = {batch.step: batch for batch in curves.batches}
    for step in sorted(batches.keys() | ends.keys()):
        if step in batches:
            batch = batches[step]
            metrics: dict[str, float | None] = {
                "train/loss": batch.loss,
                "train/accuracy": batch.accuracy,
                "train/learning_rate": batch.learning_rate,
                "train/gradient_norm": batch.gradient_norm,
            }
            yield batch.seconds, step, metrics, {}
        if step in ends:
            epoch = ends[step]
            yield (
                epoch.run_seconds,
                step,
                {
                    "train/epoch_loss": epoch.train_loss,
                    "train/epoch_accuracy": epoch.train_accuracy,
                    "validation/loss": epoch.validation_loss,
                    "validation/accuracy": epoch.validation_accuracy,
                    "test/loss": epoch.test_loss,
                    "test/accuracy": epoch.test_accuracy,
                },
                _shown(curves.distributions.get(epoch.epoch)),
            )


def _shown(found: Distributions | None) -> dict[str, np.void]:
    """The histograms of an epoch by tag, but for those without a finite value."""
    if found is None:
        return {}
    rows = zip(found.names, found.rows, strict=True)
    return {name: row for name, row in rows if row["counts"].any()}


def _histogram(row: np.void) -> dict[str, Any]:
    """The fields of a `HistogramProto`.

    Its bins have an upper limit each; the first begins at the smallest value.
    """
    counts, limits = row["counts"].tolist(), edges(row)[1:].tolist()
    if row["least"] == row["greatest"]:
        counts, limits = counts[:1], limits[:1]
    return {
        "min": float(row["least"]),
        "max": float(row["greatest"]),
        "num": float(sum(counts)),
        "sum": float(row["sum"]),
        "sum_squares": float(row["squares"]),
        "bucket_limit": limits,
        "bucket": counts,
    }


def _about(record: RunRecord) -> str:
    """What a person wrote about it, hyperparameters, data and machine as a Markdown table."""
    environment = record.environment
    rows = {
        "Run": record.id,
        "Name": record.name,
        "Note": record.note,
        "Tags": ", ".join(record.tags),
        "Data": storable(record.dataset),
        **{
            field.label: field.format(getattr(record.hyperparameters, name)) or "none"
            for name, field in hyperparameter_fields().items()
        },
        "Device": environment.device,
        "BLAS": environment.blas,
        "Threads": str(environment.threads),
        **environment.versions,
    }
    lines = (f"| {name} | {markdown_cell(text)} |" for name, text in rows.items())
    return "\n".join(["| | |", "|-|-|", *lines])
