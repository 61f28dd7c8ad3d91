"""Curves in an event file of TensorBoard, read with its own package."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mnist_core.importing import ImportProblem
from mnist_core.importing.curve_rows import (
    CurveRows,
    ImportedCurves,
    checked_name,
    checked_step,
    checked_time,
)
from mnist_core.shell_commands import install_command

_HEADER = struct.Struct("<QI")
"""Of a record: its length and the checksum of that. The data follow, and their checksum."""
_FOOTER = struct.Struct("<I")


def read_event_file(path: Path) -> ImportedCurves:
    """Its scalars by tag; images, histograms and the like are left out.

    A last record that is cut off, as a killed program leaves it, is left out too, and `notice`
    says so.

    Raises:
        ImportProblem: it is no event file, or damaged, or the tensorboard package is missing.
        OSError: it cannot be read.
    """
    try:
        # Only here: it is an extra, and takes a quarter of a second.
        from google.protobuf.message import DecodeError
        from tensorboard.compat.proto.event_pb2 import Event
    except ImportError as error:
        raise ImportProblem(
            f"{path}: reading event files needs TensorBoard's package: "
            f"{install_command('tensorboard')}"
        ) from error

    rows = CurveRows(path)
    data = path.read_bytes()
    end = 0
    plugins: dict[str, str] = {}
    for offset, record_end, record in _records(path, data):
        end = record_end
        try:
            event: Any = Event.FromString(record)
        except DecodeError as error:
            raise ImportProblem(f"{path}, byte {offset}: the record is no event.") from error
        where = f"{path}, byte {offset}"
        time = checked_time(where, event.wall_time)
        rows.started = rows.started or time
        values = {}
        for value in event.summary.value:
            checked_name(where, value.tag)
            plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
            number = _scalar(value, plugins[value.tag])
            if number is None:
                rows.left_out[value.tag] = None
            else:
                values[value.tag] = number
        rows.add(checked_step(where, float(event.step)), time - rows.started, values)
    left = len(data) - end
    notice = (
        f"The last {left} bytes of {path} are a record that was cut off, and are left out."
        if left
        else ""
    )
    return rows.result(path.parent.resolve().name or path.stem, notice)


def _records(path: Path, data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Where each begins and ends, and what is in it; one that is cut off is not among them."""
    from tensorboard.summary.writer.record_writer import masked_crc32c

    offset = 0
    while offset + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(data, offset)
        begin = offset + _HEADER.size
        if masked_crc32c(data[offset : offset + 8]) != checksum:
            what = "is damaged here" if offset else "is no event file of TensorBoard"
            raise ImportProblem(f"{path}, byte {offset}: it {what}.")
        end = begin + length + _FOOTER.size
        if end > len(data):
            return
        record = data[begin : begin + length]
        if masked_crc32c(record) != _FOOTER.unpack_from(data, begin + length)[0]:
            raise ImportProblem(f"{path}, byte {offset}: the record is damaged.")
        yield offset, end, record
        offset = end


def _scalar(value: Any, plugin: str) -> float | None:
    """The number of a value of a summary; None where it is something else."""
    from tensorboard.util.tensor_util import make_ndarray

    if value.HasField("simple_value"):
        return float(value.simple_value)
    if not value.HasField("tensor") or plugin not in ("", "scalars"):
        return None
    # Looked at first: a size is only promised, and what is missing is filled up.
    if any(dimension.size != 1 for dimension in value.tensor.tensor_shape.dim):
        return None
    try:
        array = make_ndarray(value.tensor)
    except (KeyError, TypeError, ValueError):
        # Of a type that NumPy does not have, or without its number.
        return None
    return float(array.reshape(-1)[0]) if array.size == 1 and array.dtype.kind in "biuf" else None
