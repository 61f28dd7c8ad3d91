"""Curves that other programs wrote: read, kept, and listed, or refused."""

import json
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import masked_crc32c
from tensorboard.util.tensor_util import make_tensor_proto

from helpers.fuzzing import Fuzz
from helpers.mutations import damaged_bytes, damaged_text
from mnist_core.importing import ImportProblem
from mnist_core.importing.curve_file import read_curve_file
from mnist_core.store import RunStore
from mnist_core.store.recordings import curves_of

Import = Callable[[str, bytes], None]


@pytest.fixture
def import_file(tmp_path: Path) -> Iterator[Import]:
    """Read a file of that name and content, and keep it as `runs import` does."""
    with closing(RunStore(tmp_path / "home")) as store:

        def run(name: str, content: bytes) -> None:
            path = tmp_path / name
            path.write_bytes(content)
            found = read_curve_file(path)
            assert found.rows > 0
            (kept,) = store.recordings.add([(found.recording, found.points)])
            record = store.recordings.get(kept)
            assert datetime.fromtimestamp(record.started)
            assert record.rows == found.rows
            curves = curves_of(store.recordings.points(kept))
            assert len(curves) == record.metrics
            assert all(np.isfinite(curve.seconds).all() for curve in curves.values())
            store.deleter.purge([kept])

        yield run


def record(content: bytes) -> bytes:
    """An event of a file of TensorBoard, with the right checksums."""
    length = struct.pack("<Q", len(content))
    sums = (struct.pack("<I", masked_crc32c(part)) for part in (length, content))
    return length + next(sums) + content + next(sums)


def event(
    value: object, *, plugin: str = "", tag: str = "loss", step: int = 3, time: float = 1.76e9
) -> bytes:
    made = Event(step=step, wall_time=time)
    summary = made.summary.value.add(tag=tag)
    summary.metadata.plugin_data.plugin_name = plugin
    if isinstance(value, float):
        summary.simple_value = value
    else:
        summary.tensor.CopyFrom(make_tensor_proto(value))
    content: bytes = made.SerializeToString()
    return content


EVENTS = (
    event(0.5),
    event(np.float32(0.25), plugin="scalars"),
    event(np.int64(7), plugin="scalars", tag="epoch"),
    event(np.array([1.5]), plugin="scalars"),
    event("text", plugin="text", tag="note"),
    event(np.zeros((2, 3)), plugin="histograms", tag="weights"),
)
NUMBERS = st.one_of(
    st.floats(), st.sampled_from([0.0, -1.0, 1.76e9, 1e20, 1e308, float("nan"), float("-inf")])
)
STEPS = st.one_of(st.integers(0, 9), st.sampled_from([-1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]))
INVENTED = st.builds(
    lambda value, plugin, tag, step, time: event(value, plugin=plugin, tag=tag, step=step,
                                                 time=time),
    st.one_of(NUMBERS, st.sampled_from([True, "x", b"\xff", 2**63 - 1, 1j, [], [[1.0]]])),
    st.sampled_from(["", "scalars", "images"]),
    st.sampled_from(["a", "a/b", "", "\x1b[2J", "\x00", "x" * 2000]),
    STEPS,
    NUMBERS,
)  # fmt: skip
"""Events of any step, time and value, as a program may write them."""
PROMISES = (
    b"\x09\x00\x00\x00\x00\x00\x00\xf0?\x10\x03*\x19\n\x17\n\x01aB\x12\x08\x01\x12\x08\x12\x06"
    b"\x08\x80\x80\x80\x80\x08*\x04\x00\x00\x80?"
)
"""An event with a tensor that has one number and promises 2^31, which its package would make."""


def test_event_files(fuzz: Fuzz, import_file: Import) -> None:
    events = st.one_of(damaged_bytes((*EVENTS, PROMISES)), INVENTED).map(record)
    files = st.lists(events, min_size=1, max_size=3).map(b"".join)
    inputs = st.one_of(files, files.flatmap(lambda file: damaged_bytes((file,), 2)))
    fuzz("Event files", inputs, ImportProblem, lambda content: import_file("a.tfevents.1", content))


def test_csv_files(fuzz: Fuzz, import_file: Import) -> None:
    originals = (
        "step,loss,accuracy\n1,0.5,0.1\n2,0.25,\n", "Wall time,Step,Value\n1.76e9,1,0.5\n",
        '"a b",_step,seconds\r\n1,2,3\r\nnan,3,4\r\n', "epoch;x\n1;2\n", "a,note\n1,fine\n",
    )  # fmt: skip
    pieces = (",", "\n", '"', "step", "wall time", "seconds", "1e20", "-1e308", ";", "\r")
    texts = damaged_text(originals, pieces).map(lambda text: text.encode(errors="surrogatepass"))
    fuzz("CSV files", texts, ImportProblem, lambda content: import_file("a.csv", content))


def test_jsonl_files(fuzz: Fuzz, import_file: Import) -> None:
    names = st.sampled_from(["step", "loss", "a", "a/b", "_timestamp", "seconds", "", "\x1b"])
    numbers = st.one_of(NUMBERS, st.integers(), st.booleans(), st.none(), st.text(max_size=3),
                        st.sampled_from(["NaN", "-Infinity", 10**400, [1, 2], [[[]]]]))  # fmt: skip
    row = st.dictionaries(names, st.one_of(numbers, st.dictionaries(names, numbers)), max_size=4)
    invented = st.lists(row, min_size=1, max_size=3).map(
        lambda rows: "\n".join(map(json.dumps, rows))
    )
    originals = (
        '{"step": 1, "loss": 0.5}\n{"step": 2, "loss": 0.25}\n', '{"a": {"b": {"c": 1}}, "d": 2}',
        '{"_timestamp": 1.76e9, "x": NaN}\n\n{"x": "text"}\n',
    )  # fmt: skip
    pieces = ("{", "}", "[", "]", ":", ",", '"', "\n", '{"a":', "Infinity", "1e20", "step")
    texts = st.one_of(invented, damaged_text(originals, pieces))
    fuzz(
        "JSONL files",
        texts.map(lambda text: text.encode(errors="surrogatepass")),
        ImportProblem,
        lambda content: import_file("a.jsonl", content),
    )
