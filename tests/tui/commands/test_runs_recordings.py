"""`mnist-tui runs` with recordings, and `mnist-tui runs import`."""

import csv
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from helpers.recordings import points, put_recording
from mnist_core.store import RunStore, curves_of

Answer = tuple[int, str, str]


@pytest.fixture
def conv(home: Path) -> str:
    """The id of a recording beside the three runs."""
    steps = np.arange(300)
    sets = [
        points({"train/loss": 3 / (steps + 1), "grad": steps}),
        points({"validation/loss": [1.0, np.nan]}, [100, 200]),
    ]
    return put_recording(home, "conv", sets, started=4e9, lr=0.5, optimizer="adam")


def test_the_list_has_recordings_among_the_runs(conv: str, ask: Callable[..., Answer]) -> None:
    code, out, err = ask("list")
    assert (code, err) == (0, "")
    first = out.splitlines()[1]
    assert first.split()[:5] == [conv, "conv", "completed", "step", "299"]
    assert first.endswith("lr 0.5, optimizer adam")
    rows = [json.loads(line) for line in ask("list", "--json")[1].splitlines()]
    assert [row["kind"] for row in rows] == ["recording", "run", "run", "run"]
    assert (rows[0]["config"], rows[0]["best_test_accuracy"]) == (
        {"lr": 0.5, "optimizer": "adam"}, None,
    )  # fmt: skip
    assert (rows[0]["step"], rows[0]["rows"], rows[0]["metrics"]) == (299, 302, 3)


@pytest.mark.parametrize(
    ("terms", "names"),
    [
        ("kind:recording", ["conv"]), ("kind:run", ["run 1", "run 2", "wide"]),
        ("lr>0.2", ["conv", "run 2"]), ("optimizer:adam", ["conv"]), ("adam", ["conv"]),
        ("steps>100", ["conv"]), ("acc>0.5 lr>0.4", []), ("optimizer!=adam hidden:64", ["wide"]),
        ("name:con state:completed", ["conv"]),
    ],
)  # fmt: skip
def test_filters_look_at_what_recordings_say(
    conv: str, ask: Callable[..., Answer], terms: str, names: list[str]
) -> None:
    found = ask("list", "--json", "--filter", terms, "--sort", "name")[1].splitlines()
    assert [json.loads(line)["name"] for line in found] == names


def test_show_has_the_figures_of_each_metric(conv: str, ask: Callable[..., Answer]) -> None:
    code, out, err = ask("show", "conv")
    assert (code, err) == (0, "")
    assert out.startswith(f"conv ({conv}): completed\n")
    assert "lr 0.5, optimizer adam" in out
    lines = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line}
    assert lines["grad"] == ["300", "299", "299.0000", "0.0000", "299.0000"]
    assert lines["validation/loss"] == ["2", "200", "nan", "1.0000", "1.0000"]
    shown = json.loads(ask("show", conv, "--json")[1])
    assert shown["metric_figures"]["validation/loss"] == {
        "points": 2, "last_step": 200, "last": None, "lowest": 1.0, "highest": 1.0,
    }  # fmt: skip


def test_an_export_is_imported_as_the_same_curves(
    conv: str, home: Path, tmp_path: Path, ask: Callable[..., Answer]
) -> None:
    path = tmp_path / "again.csv"
    code, out, _err = ask("export", "conv", "--format", "csv", "--output", str(path))
    assert (code, out) == (0, f"{path}: 302 rows of 3 metrics of conv ({conv})\n")
    code, out, err = ask("import", str(path), "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["name"], told["source"], told["rows"]) == ("again", str(path), 302)
    with closing(RunStore(home)) as store:
        one, other = (curves_of(store.recordings.points(each)) for each in (conv, told["id"]))
    assert one.keys() == other.keys()
    for name, curve in one.items():
        np.testing.assert_array_equal(curve.steps, other[name].steps)
        np.testing.assert_array_equal(curve.values, other[name].values)
        np.testing.assert_array_equal(curve.seconds, other[name].seconds)


def test_json_lines_have_an_object_a_row(
    conv: str, tmp_path: Path, ask: Callable[..., Answer]
) -> None:
    path = tmp_path / "curves.jsonl"
    assert ask("export", conv, "--format", "jsonl", "--output", str(path))[0] == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows[0] == {"step": 0, "seconds": 0.0, "train/loss": 3.0, "grad": 0.0}
    assert {"step": 200, "seconds": 1.0, "validation/loss": "NaN"} in rows


@pytest.mark.parametrize("form", ["tensorboard", "npz"])
def test_what_a_recording_has_not_is_refused(
    conv: str, tmp_path: Path, ask: Callable[..., Answer], form: str
) -> None:
    code, out, err = ask("export", "conv", "--format", form, "--output", str(tmp_path / "x"))
    assert (code, out) == (1, "")
    assert "conv is a recording" in err
    assert not (tmp_path / "x").exists()
    assert "is a recording" in ask("mistakes", "conv")[2]


def test_recordings_are_drawn_by_their_names(
    conv: str, home: Path, ask: Callable[..., Answer]
) -> None:
    put_recording(home, "other", [points({"train/loss": [1.0, 2.0]}), points({"x/y": [1.0]})])
    code, out, err = ask("plot", "conv", "other")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split()[:2] == ["━◆", "conv"]
    assert lines[1].split()[:2] == ["━▲", "other"]
    titles = [line.split()[0] for line in lines[3:] if line and line[0] not in " │"]
    # What is shared has one chart.
    assert titles == ["loss", "grad", "x/y"]
    one = ask("plot", "conv", "--metric", "grad")[1]
    assert "grad" in one
    assert "loss" not in one
    assert ask("plot", "conv", "--metric", "none")[2].startswith("conv has no 'none'. It has train")
    assert "share no chart" in ask("plot", "conv", "wide")[2]
    assert ask("plot", "wide", "--metric", "grad")[0] == 2


def test_a_recording_is_deleted(conv: str, ask: Callable[..., Answer]) -> None:
    assert ask("delete", conv)[1] == f"Deleted conv ({conv}).\n"
    assert "conv" not in ask("list")[1]


def test_nothing_is_imported_where_one_file_is_bad(
    home: Path, tmp_path: Path, ask: Callable[..., Answer]
) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    with good.open("w", newline="") as file:
        csv.writer(file).writerows([["loss", "word"], [1, "x"]])
    bad.write_text("loss\n1\nx\n")
    code, out, err = ask("import", str(good), str(bad))
    assert (code, out) == (1, "")
    assert err == f"{bad}, line 3: loss is 'x', which is no number as in other lines. " \
        "Nothing was imported.\n"  # fmt: skip
    with closing(RunStore(home)) as store:
        assert store.recordings.all() == []
    code, out, err = ask("import", str(good))
    assert code == 0
    assert out.startswith(f"{good}: 1 row of 1 metric as good (r")
    assert err == "Left out, since they are no numbers: word.\n"
