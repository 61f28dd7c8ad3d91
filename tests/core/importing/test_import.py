"""Files of other programs become recordings, whole or not at all."""

import re
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto

from mnist_core.importing import ImportProblem
from mnist_core.importing.curve_file import read_curve_file
from mnist_core.importing.curve_rows import ImportedCurves
from mnist_core.store.recordings import NewPoints, curves_of

Curve = tuple[list[int], list[float]]


def curves(imported: ImportedCurves) -> dict[str, Curve]:
    """Steps and values of each name; NaN as None."""
    points = [NewPoints(k, names, 0, rows) for k, (names, rows) in enumerate(imported.points)]
    return {
        name: (curve.steps.tolist(), curve.values.tolist())
        for name, curve in curves_of(points).items()
    }


def read(folder: Path, name: str, content: str | bytes) -> ImportedCurves:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_curve_file(path)


def test_csv_with_steps_gaps_and_text(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "old.csv",
        "\ufeffStep,train/loss,note,Wall time,val/loss\n"
        "10,0.5,begun,1700000000,\n\n20,nan,,1700000002.5,inf\n30,,,1700000003,0.25\n",
    )
    assert curves(found) == {
        "train/loss": ([10, 20], [0.5, pytest.approx(np.nan, nan_ok=True)]),
        "val/loss": ([20, 30], [np.inf, 0.25]),
    }
    assert (found.rows, found.left_out, found.recording.name) == (3, ("note",), "old")
    assert found.recording.started == 1_700_000_000
    seconds = {row["step"]: row["seconds"] for _, rows in found.points for row in rows}
    assert seconds == {10: 0, 20: 2.5, 30: 3}


@pytest.mark.parametrize("line", ['{"a/b": 1, "a": {"b": 2}}', '{"a/b": 1, "a/b": 2}'])
def test_of_two_values_of_one_name_none_is_lost_unsaid(tmp_path: Path, line: str) -> None:
    with pytest.raises(ImportProblem, match=r"line 1: a/b stands there twice\."):
        read(tmp_path, "twice.jsonl", line)


def test_csv_without_steps_is_counted(tmp_path: Path) -> None:
    found = read(tmp_path, "a.CSV", 'loss,"odd, name"\n1,2\n3,4\n')
    assert curves(found) == {"loss": ([0, 1], [1, 3]), "odd, name": ([0, 1], [2, 4])}


def test_json_lines(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "a.jsonl",
        '{"event": "begun", "config": {"lr": 0.5}}\n'
        '{"step": 5, "loss": 1, "eval": {"loss": NaN}, "ok": true, "none": null}\n\n'
        '{"step": 6, "loss": "Infinity", "parts": [1]}\n{"late": 2}\n',
    )
    assert curves(found) == {
        "config/lr": ([0], [0.5]),
        "loss": ([5, 6], [1, np.inf]),
        "eval/loss": ([5], [pytest.approx(np.nan, nan_ok=True)]),
        "late": ([6], [2]),
    }
    assert found.left_out == ("event", "ok", "parts")


@pytest.mark.parametrize(
    ("name", "content", "where"),
    [
        ("a.csv", "", "line 1: a header"),
        ("a.csv", "1,2\n3,4\n", "line 1: there are numbers in place of a header"),
        ("a.csv", "a,,b\n", "line 1: a column has no name"),
        ("a.csv", "a,a\n", "line 1: a stands there twice"),
        ("a.csv", "a,b\n1,2\n3\n", "line 3: there are 1 cells, and 2 in the header"),
        ("a.csv", "a,b\n1,2\n3,x\n", "line 3: b is 'x', which is no number as in other lines"),
        ("a.csv", "step,b\n1.5,2\n", "line 2: the step 1.5 is no whole number"),
        ("a.csv", "step,b\n,2\n", "line 2: the step is missing"),
        ("a.csv", 'a,b\n1,2\n"3,4\n', "line 3: unexpected end of data"),
        ("a.csv", b"a\n1\n\xff\xfe\n", "this is no text in UTF-8"),
        ("a.csv", "a,b\nx,y\n", "there is no number in it"),
        ("a.jsonl", '{"a": 1}\n{"a": \n', "line 2: this is no JSON"),
        ("a.jsonl", '{"a": 1}\n[1]\n', "line 2: [1] stands in place of an object"),
        ("a.jsonl", '{"a": "x"}\n{"a": 1}\n', 'line 1: a is "x", no number as in other lines'),
        ("a.jsonl", '{"step": 0.5, "a": 1}\n', "line 1: the step 0.5 is no whole number"),
        ("a.jsonl", "", "there is no number in it"),
        ("a.csv", "wall time,a\nnan,1\n", "line 2: nan seconds are no time that can be shown"),
        ("a.csv", "seconds,a\n1e308,1\n", "line 2: 1e+308 seconds are no time"),
        ("a.jsonl", '{"_timestamp": 1e20, "a": 1}', "line 1: 1e+20 seconds are no time"),
        ("a.csv", "x" * 1001 + "\n1\n", "and has more than 1000 characters"),
        ("a.jsonl", '{"%s": {"b": 1}}' % ("x" * 1001), "and has more than 1000 characters"),
        ("a.jsonl", '{"a": 1, "b": 2, "a": 3}', "line 1: a stands there twice"),
        ("a.txt", "1", "the name does not say what it is"),
        ("events.out.tfevents.1", b"nothing of it at all", "byte 0: it is no event file"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(
    tmp_path: Path, name: str, content: str | bytes, where: str
) -> None:
    with pytest.raises(ImportProblem) as refused:
        read(tmp_path, name, content)
    assert str(refused.value).startswith(str(tmp_path / name))
    assert where in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImportProblem, match="No such file"):
        read_curve_file(tmp_path / "a.csv")
    (tmp_path / "b.csv").mkdir()
    with pytest.raises(ImportProblem, match="is a folder"):
        read_curve_file(tmp_path / "b.csv")


# -- event files -----------------------------------------------------------------------------------


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """An event file as TensorBoard's own writer makes it: of TensorFlow 1 and 2 and of others."""
    folder = tmp_path / "my run"
    writer: Any = EventFileWriter(str(folder))
    writer.add_event(_event(1, [Summary.Value(tag="loss", simple_value=0.5)]))
    scalar = Summary.Value(tag="val", tensor=make_tensor_proto(np.float32(2)))
    scalar.metadata.plugin_data.plugin_name = "scalars"
    text = Summary.Value(tag="words", tensor=make_tensor_proto(np.array([b"hello"])))
    text.metadata.plugin_data.plugin_name = "text"
    writer.add_event(_event(2, [scalar, text]))
    # Only the first value of a tag says what it is.
    later = Summary.Value(tag="val", tensor=make_tensor_proto(np.float64(np.inf)))
    writer.add_event(_event(4, [later, Summary.Value(tag="loss", simple_value=np.nan)]))
    writer.close()
    (path,) = folder.iterdir()
    return path


def _event(step: int, values: Sequence[object]) -> object:
    return Event(wall_time=1e9 + step, step=step, summary=Summary(value=values))


def test_event_files(events: Path) -> None:
    found = read_curve_file(events)
    assert curves(found) == {
        "loss": ([1, 4], [0.5, pytest.approx(np.nan, nan_ok=True)]),
        "val": ([2, 4], [2, np.inf]),
    }
    assert (found.recording.name, found.left_out, found.notice) == ("my run", ("words",), "")


def test_without_tensorboard_it_is_told_how_to_get_it(
    events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(ImportProblem, match="needs TensorBoard's package"):
        read_curve_file(events)


def test_a_last_event_that_was_cut_off_is_left_out_and_told(events: Path) -> None:
    events.write_bytes(events.read_bytes()[:-3])
    found = read_curve_file(events)
    assert curves(found) == {"loss": ([1], [0.5]), "val": ([2], [2])}
    assert "cut off" in found.notice


@pytest.mark.parametrize("back", [1, 30])
def test_a_damaged_event_file_is_refused_with_the_place(events: Path, back: int) -> None:
    data = bytearray(events.read_bytes())
    data[-back] ^= 1
    events.write_bytes(data)
    with pytest.raises(ImportProblem, match=r", byte \d+: the record is damaged"):
        read_curve_file(events)
    (length,) = struct.unpack_from("<Q", data)
    data[16 + length] ^= 1
    events.write_bytes(data)
    with pytest.raises(ImportProblem, match=f", byte {16 + length}: it is damaged here"):
        read_curve_file(events)


@pytest.mark.parametrize(
    ("step", "time", "what"),
    [
        (2**62, 1.0, "the step 4.61169e+18 is no whole number"),
        (1, np.nan, "nan seconds are no time"),
        (1, np.inf, "inf seconds are no time"),
    ],
)
def test_an_event_of_no_moment_is_refused(
    tmp_path: Path, step: int, time: float, what: str
) -> None:
    writer: Any = EventFileWriter(str(tmp_path))
    value = Summary.Value(tag="loss", simple_value=0.5)
    writer.add_event(Event(step=step, wall_time=time, summary=Summary(value=[value])))
    writer.close()
    (path,) = tmp_path.glob("*tfevents*")
    with pytest.raises(ImportProblem, match=re.escape(what)):
        read_curve_file(path)


def test_tensors_that_hold_no_number_are_left_out_unmade(tmp_path: Path) -> None:
    writer: Any = EventFileWriter(str(tmp_path))
    promising = make_tensor_proto(np.zeros(1, np.float32))
    promising.tensor_shape.dim[0].size = 2**40
    empty = make_tensor_proto(np.zeros(1, np.float32))
    empty.ClearField("float_val")
    unknown = make_tensor_proto(np.zeros(1, np.float32))
    unknown.dtype = 20
    tensors = {"promising": promising, "empty": empty, "unknown": unknown}
    values = [Summary.Value(tag=tag, tensor=tensor) for tag, tensor in tensors.items()]
    loss = Summary.Value(tag="loss", simple_value=0.5)
    writer.add_event(Event(step=1, wall_time=1.0, summary=Summary(value=[*values, loss])))
    writer.close()
    (path,) = tmp_path.glob("*tfevents*")
    found = read_curve_file(path)
    assert curves(found) == {"loss": ([1], [0.5])}
    assert found.left_out == ("promising", "empty", "unknown")
