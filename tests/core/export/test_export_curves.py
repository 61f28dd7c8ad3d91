"""Curves in files: read back by the tools they are for."""

import csv
import html
import json
import math
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tensorboard.backend.event_processing.directory_watcher import DirectoryWatcher
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugin_util import markdown_to_safe_html
from tensorboard.util.tensor_util import make_ndarray

from helpers.kept_runs import keep_run
from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted, EpochCompleted, Event, event_to_json
from mnist_core.export import ExportError
from mnist_core.export.escapes import csv_cell, markdown_cell
from mnist_core.export.export import export_run
from mnist_core.shell_commands import install_command
from mnist_core.store import RunRecord, RunState, RunStore

WILD: dict[str, Any] = {"pixel_scaling": "none", "learning_rate": 100, "activation": "leaky_relu"}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def epochs_of(events: list[Event]) -> list[EpochCompleted]:
    return [event for event in events if isinstance(event, EpochCompleted)]


def batches_of(events: list[Event]) -> list[BatchCompleted]:
    return [event for event in events if isinstance(event, BatchCompleted)]


def told_in(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_csv_has_a_row_a_step_and_the_epochs_figures_at_their_ends(
    tiny: Dataset, tmp_path: Path
) -> None:
    record, events = keep_run(tmp_path, tiny, validation=20)
    export_run(RunStore(tmp_path), record, "csv", tmp_path / "run.csv")
    rows = rows_of(tmp_path / "run.csv")
    assert [int(row["step"]) for row in rows] == list(range(9))
    assert [int(row["epoch"]) for row in rows] == [0, 1, 1, 1, 1, 2, 2, 2, 2]
    for row, batch in zip(rows[1:], batches_of(events), strict=True):
        assert float(row["batch_loss"]) == batch.loss
        assert float(row["batch_accuracy"]) == batch.accuracy
        assert float(row["learning_rate"]) == batch.learning_rate
        assert float(row["seconds"]) == batch.seconds
    ends = [row for row in rows if row["test_loss"]]
    assert [int(row["step"]) for row in ends] == [0, 4, 8]
    for row, epoch in zip(ends, epochs_of(events), strict=True):
        assert float(row["test_loss"]) == epoch.test_loss
        assert float(row["validation_accuracy"]) == epoch.validation_accuracy
    assert ends[0]["train_loss"] == ends[0]["batch_loss"] == ""
    assert float(ends[2]["train_loss"]) == epochs_of(events)[2].train_loss


def test_csv_of_a_diverged_run_has_words_that_read_as_numbers(
    tiny: Dataset, tmp_path: Path
) -> None:
    record, _ = keep_run(tmp_path, tiny, **WILD)
    export_run(RunStore(tmp_path), record, "csv", tmp_path / "run.csv")
    table = np.genfromtxt(tmp_path / "run.csv", delimiter=",", names=True)
    assert len(table) == 11
    assert not np.isfinite(table["batch_loss"][-1])
    assert rows_of(tmp_path / "run.csv")[-1]["test_loss"] == "nan"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"validation": 20, "optimizer": "adam", "schedule": "cosine", "warmup_steps": 3,
         "learning_rate": 0.01},
        {"batch_size": 7, "label_smoothing": 0.1},
        WILD,
    ],
)  # fmt: skip
def test_jsonl_repeats_what_training_wrote(
    tiny: Dataset, tmp_path: Path, values: dict[str, Any]
) -> None:
    record, events = keep_run(tmp_path, tiny, **values)
    export_run(RunStore(tmp_path), record, "jsonl", tmp_path / "run.jsonl")
    told = told_in(tmp_path / "run.jsonl")
    about = {"name": "run 1", "note": "", "tags": []}
    assert told == [event_to_json(events[0]) | about, *map(event_to_json, events[1:])]


def test_jsonl_of_a_stopped_run_ends_with_its_stop(tiny: Dataset, tmp_path: Path) -> None:
    record, events = keep_run(tmp_path, tiny, stop_after=7)
    assert record.state is RunState.STOPPED
    export_run(RunStore(tmp_path), record, "jsonl", tmp_path / "run.jsonl")
    told = told_in(tmp_path / "run.jsonl")
    assert told[1:] == [event_to_json(event) for event in events[1:]]
    assert told[-1]["event"] == "run_stopped"
    assert told[-1]["step"] == 7


def test_tensorboard_reads_the_curves(tiny: Dataset, tmp_path: Path) -> None:
    record, events = keep_run(tmp_path, tiny, validation=20)
    export_run(RunStore(tmp_path), record, "tensorboard", tmp_path / "board")
    reader = EventAccumulator(str(tmp_path / "board"), size_guidance={"scalars": 0})
    reader.Reload()
    losses = reader.Scalars("train/loss")
    assert [point.step for point in losses] == list(range(1, 9))
    assert [point.value for point in losses] == [batch.loss for batch in batches_of(events)]
    assert [point.wall_time for point in losses] == pytest.approx(
        [record.started + batch.seconds for batch in batches_of(events)]
    )
    for tag, name in (
        ("test/loss", "test_loss"),
        ("test/accuracy", "test_accuracy"),
        ("validation/loss", "validation_loss"),
        ("validation/accuracy", "validation_accuracy"),
    ):
        points = reader.Scalars(tag)
        assert [point.step for point in points] == [0, 4, 8]
        figures = [getattr(epoch, name) for epoch in epochs_of(events)]
        assert [point.value for point in points] == pytest.approx(figures)
    assert [point.step for point in reader.Scalars("train/epoch_loss")] == [4, 8]
    rates = [point.value for point in reader.Scalars("train/learning_rate")]
    assert rates == pytest.approx([0.1] * 8)
    (text,) = reader.Tensors("run/text_summary")
    assert "| Batch size | 16 |" in text.tensor_proto.string_val[0].decode()


def test_tensorboards_watcher_meets_no_run_without_validation(
    tiny: Dataset, tmp_path: Path
) -> None:
    record, _ = keep_run(tmp_path, tiny, **WILD)
    export_run(RunStore(tmp_path), record, "tensorboard", tmp_path / "board")
    watcher = DirectoryWatcher(str(tmp_path / "board"), EventFileLoader)
    values = [(event.step, value) for event in watcher.Load() for value in event.summary.value]
    tags = {value.tag for _, value in values}
    assert not any(tag.startswith("validation/") for tag in tags)
    last = [value for step, value in values if (step, value.tag) == (10, "test/loss")]
    assert math.isnan(last[0].tensor.float_val[0])


def histograms_in(folder: Path) -> dict[tuple[str, int], NDArray[np.float32]]:
    """Triples (left, right, count) by tag and step, as TensorBoard itself makes them."""
    watcher = DirectoryWatcher(str(folder), EventFileLoader)
    return {
        (value.tag, event.step): make_ndarray(value.tensor)
        for event in watcher.Load()
        for value in event.summary.value
        if value.metadata.plugin_data.plugin_name == "histograms"
    }


def test_tensorboard_shows_the_distributions(tiny: Dataset, tmp_path: Path) -> None:
    record, events = keep_run(tmp_path, tiny)
    export_run(RunStore(tmp_path), record, "tensorboard", tmp_path / "board")
    shown = histograms_in(tmp_path / "board")
    told = 0
    for epoch in epochs_of(events):
        found = epoch.distributions
        assert found is not None
        for name, row in zip(found.names, found.rows, strict=True):
            triples = shown[name, epoch.step]
            told += 1
            filled = np.flatnonzero(row["counts"])
            counts = row["counts"][filled[0] : filled[-1] + 1]
            np.testing.assert_array_equal(triples[:, 2], counts)
            assert triples[0, 0] == pytest.approx(float(row["least"]))
            assert triples[-1, 1] == pytest.approx(float(row["greatest"]))
    assert told == len(shown)
    assert ("gradients/layers.0.weight", epochs_of(events)[-1].step) in shown
    assert ("activations/layers.1", 0) in shown


def test_tensorboards_reader_has_the_moments_of_histograms(tiny: Dataset, tmp_path: Path) -> None:
    record, events = keep_run(tmp_path, tiny)
    export_run(RunStore(tmp_path), record, "tensorboard", tmp_path / "board")
    reader = EventAccumulator(str(tmp_path / "board"), size_guidance={"histograms": 0})
    reader.Reload()
    points = reader.Histograms("weights/layers.0.weight")
    for point, epoch in zip(points, epochs_of(events), strict=True):
        weights = epoch.state.parameters[0].astype(np.float64)
        value = point.histogram_value
        assert (point.step, value.num) == (epoch.step, weights.size)
        assert value.sum == pytest.approx(weights.sum())
        assert value.sum_squares == pytest.approx(np.square(weights).sum())


def test_tensorboard_gets_no_histogram_of_what_is_no_number(tiny: Dataset, tmp_path: Path) -> None:
    record, events = keep_run(tmp_path, tiny, **WILD)
    export_run(RunStore(tmp_path), record, "tensorboard", tmp_path / "board")
    shown = histograms_in(tmp_path / "board")
    last = epochs_of(events)[-1]
    assert last.distributions is not None
    row = last.distributions.get("activations/layers.1")
    assert row is not None
    assert not row["counts"].any()
    assert ("activations/layers.1", last.step) not in shown
    assert ("activations/layers.1", 0) in shown


WRITTEN = ("=1+1", 'two\nlines, "quoted"', ("a|b", "+1"))
"""A name, a note and tags that mean something to what reads an export."""


@pytest.fixture
def written(tiny: Dataset, tmp_path: Path) -> tuple[RunStore, RunRecord]:
    """A run that a person has named so, on data from a folder `<b>a|b`."""
    store, record = stored(tmp_path / "home", replace(tiny, name="<b>a|b"))
    name, note, tags = WRITTEN
    store.rename(record.id, name)
    store.set_note(record.id, note)
    store.set_tags(record.id, tags)
    return store, store.run(record.id)


def test_csv_tells_the_name_once_and_never_as_a_formula(
    written: tuple[RunStore, RunRecord], tmp_path: Path
) -> None:
    export_run(*written, "csv", tmp_path / "run.csv")
    first, *others = rows_of(tmp_path / "run.csv")
    assert (first["name"], first["note"], first["tags"]) == ("'=1+1", WRITTEN[1], "a|b, +1")
    assert {(row["name"], row["note"], row["tags"]) for row in others} == {("", "", "")}


@pytest.mark.parametrize("sign", "=+-@\t\r＝＋－＠")  # noqa: RUF001 - those are meant
def test_every_sign_of_a_formula_is_taken_from_it(sign: str) -> None:
    assert csv_cell(f"{sign}1+1") == f"'{sign}1+1"
    assert csv_cell(f"a{sign}1") == f"a{sign}1"


def test_jsonl_begins_with_what_the_run_is_called(
    written: tuple[RunStore, RunRecord], tmp_path: Path
) -> None:
    export_run(*written, "jsonl", tmp_path / "run.jsonl")
    first = told_in(tmp_path / "run.jsonl")[0]
    assert (first["name"], first["note"], tuple(first["tags"])) == WRITTEN


def test_tensorboard_shows_what_was_written_as_it_is(
    written: tuple[RunStore, RunRecord], tmp_path: Path
) -> None:
    export_run(*written, "tensorboard", tmp_path / "board")
    reader = EventAccumulator(str(tmp_path / "board"))
    reader.Reload()
    (text,) = reader.Tensors("run/text_summary")
    # As TensorBoard itself makes a page of it.
    page = markdown_to_safe_html(text.tensor_proto.string_val[0])
    cells = {
        name: html.unescape(cell)
        for name, cell in re.findall(r"<td>(.*?)</td>\s*<td>(.*?)</td>", page)
    }
    assert cells["Data"] == "<b>a|b"
    assert cells["Name"] == "=1+1"
    assert cells["Note"] == 'two lines, "quoted"'
    assert cells["Tags"] == "a|b, +1"


@pytest.mark.parametrize("text", ["*a*", "_a_", "`a|b`", "\\|", "[a](b)", "&lt;", "~~a~~", "**|**"])
def test_markdown_shows_every_text_as_it_is(text: str) -> None:
    page = markdown_to_safe_html(f"| | |\n|-|-|\n| Name | {markdown_cell(text)} |")
    (_, cell) = re.findall(r"<td>(.*?)</td>", page)
    assert "<" not in cell
    assert html.unescape(cell) == text


def test_an_earlier_tensorboard_export_is_replaced(tiny: Dataset, tmp_path: Path) -> None:
    first, _ = keep_run(tmp_path / "home", tiny, epochs=1)
    second, _ = keep_run(tmp_path / "home", tiny, epochs=3)
    store = RunStore(tmp_path / "home")
    for record in (first, second):
        export_run(store, record, "tensorboard", tmp_path / "board")
    reader = EventAccumulator(str(tmp_path / "board"))
    reader.Reload()
    assert len(list((tmp_path / "board").iterdir())) == 1
    assert len(reader.Scalars("train/loss")) == 15
    assert sorted(path.name for path in tmp_path.iterdir()) == ["board", "home"]


def stored(home: Path, tiny: Dataset) -> tuple[RunStore, RunRecord]:
    record, _ = keep_run(home, tiny, epochs=1)
    return RunStore(home), record


def test_other_files_are_not_mixed_with_event_files(tiny: Dataset, tmp_path: Path) -> None:
    store, record = stored(tmp_path / "home", tiny)
    board = tmp_path / "board"
    board.mkdir()
    (board / "events.out.tfevents.1.theirs").write_text("theirs")
    with pytest.raises(ExportError, match="holds other files"):
        export_run(store, record, "tensorboard", board)
    assert [path.name for path in board.iterdir()] == ["events.out.tfevents.1.theirs"]
    with pytest.raises(ExportError, match="is no folder"):
        export_run(store, record, "tensorboard", board / "events.out.tfevents.1.theirs")


def test_an_empty_folder_takes_event_files(tiny: Dataset, tmp_path: Path) -> None:
    store, record = stored(tmp_path / "home", tiny)
    (tmp_path / "board").mkdir()
    export_run(store, record, "tensorboard", tmp_path / "board")
    assert len(list((tmp_path / "board").iterdir())) == 1


def test_without_its_package_tensorboard_is_refused_and_nothing_left(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, record = stored(tmp_path / "home", tiny)
    monkeypatch.setitem(sys.modules, "tensorboard.plugins.text.summary_v2", None)
    with pytest.raises(ExportError, match=re.escape(install_command("tensorboard"))):
        export_run(store, record, "tensorboard", tmp_path / "board")
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_what_cannot_be_written_leaves_the_file_that_was_there(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, record = stored(tmp_path / "home", tiny)
    target = tmp_path / "run.csv"
    target.write_text("earlier")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("mnist_core.store.files.os.fsync", full)
        with pytest.raises(ExportError, match=r"run.csv could not be written: No space left"):
            export_run(store, record, "csv", target)
    assert target.read_text() == "earlier"
    export_run(store, record, "csv", target)
    assert target.read_text().startswith("step,epoch,")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "run.csv"]


def test_an_export_is_as_readable_as_any_new_file(tiny: Dataset, tmp_path: Path) -> None:
    store, record = stored(tmp_path / "home", tiny)
    (tmp_path / "any").touch()
    export_run(store, record, "csv", tmp_path / "run.csv")
    assert (tmp_path / "run.csv").stat().st_mode == (tmp_path / "any").stat().st_mode


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_to_a_folder_of_event_files_is_followed(
    tiny: Dataset, tmp_path: Path, exists: bool
) -> None:
    store, record = stored(tmp_path / "home", tiny)
    if exists:
        (tmp_path / "board").mkdir()
    (tmp_path / "link").symlink_to("board")
    export_run(store, record, "tensorboard", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert len(list((tmp_path / "board").iterdir())) == 1


def test_links_in_a_circle_are_no_folder(tiny: Dataset, tmp_path: Path) -> None:
    store, record = stored(tmp_path / "home", tiny)
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(ExportError, match="could not be written"):
        export_run(store, record, "tensorboard", tmp_path / "a")
    assert (tmp_path / "a").is_symlink()
