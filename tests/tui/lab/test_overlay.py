"""The curves of stored runs: whole, growing, cut back; and several in one chart."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from helpers.stored_runs import STEPS, LiveRun, put_run
from mnist_core.store import RunStore
from mnist_core.store.tables import cut_metrics
from mnist_tui.charts.axes import Scale
from mnist_tui.charts.plot import LineStyle
from mnist_tui.charts.view import View
from mnist_tui.lab.overlay import LOOKS, REFERENCE, Overlay, RunCurves
from mnist_tui.lab.run_plots import overlay_plot
from mnist_tui.lab.run_progress import AXES


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    store = RunStore(tmp_path)
    yield store
    store.close()


def loaded(store: RunStore, run_id: str) -> RunCurves:
    record = store.run(run_id)
    curves = RunCurves(record)
    assert curves.update(store, record)
    return curves


def test_a_stored_run_has_its_curves_on_every_axis(store: RunStore) -> None:
    put_run(store.home, "a", "one", accuracies=(0.1, 0.8, 0.9), validation=(0.1, 0.7, 0.85))
    curves = loaded(store, "a")
    assert len(curves.train_loss) == len(curves.train_accuracy) == 2 * STEPS
    assert list(curves.test_accuracy.y) == [0.1, 0.8, 0.9]
    assert list(curves.validation_accuracy.y) == [0.1, 0.7, 0.85]
    assert list(curves.train_loss.x("step")) == list(range(1, 2 * STEPS + 1))
    assert curves.train_loss.x("epoch")[-1] == 2.0
    assert list(curves.test_loss.x("epoch")) == [0.0, 1.0, 2.0]
    assert list(curves.test_loss.x("time")) == [0.0, 5.0, 10.0]
    assert curves.train_loss.x("time")[-1] == 10.0
    assert all(len(curves.validation_loss.x(axis)) == 3 for axis in AXES)


def test_a_run_without_validation_has_no_such_curve(store: RunStore) -> None:
    put_run(store.home, "a", "one")
    assert len(loaded(store, "a").validation_loss) == 0


def test_what_a_live_run_adds_is_appended(store: RunStore) -> None:
    live = LiveRun(store.home)
    live.train_epoch(0.5)
    live.close()
    curves = loaded(store, live.recorder.run_id)
    series = curves.train_loss
    again = store.record_again(store.resume_point(live.recorder.run_id), live.dataset, "scripted")
    live.resume(again)
    live.train_epoch(0.7)
    live.close()
    record = store.run(live.recorder.run_id)
    assert curves.update(store, record)
    assert curves.train_loss is series
    assert len(series) == 2 * STEPS
    assert list(curves.test_accuracy.y) == pytest.approx([0.1, 0.5, 0.7])
    assert not curves.update(store, record), "nothing is read twice"


def test_a_run_that_was_cut_back_is_read_anew(store: RunStore) -> None:
    put_run(store.home, "a", "one", accuracies=(0.1, 0.8, 0.9), steps=3)
    curves = loaded(store, "a")
    series = curves.train_loss
    with closing(sqlite3.connect(store.home / "runs.db")) as connection, connection:
        cut_metrics(connection, "a", 4, 1)
    assert curves.update(store, store.run("a"))
    assert curves.train_loss is not series
    assert len(curves.train_loss) == 4
    assert list(curves.test_accuracy.y) == [0.1, 0.8]


def test_a_run_that_was_cut_back_and_has_passed_the_place_is_read_anew(store: RunStore) -> None:
    put_run(store.home, "a", "one", accuracies=(0.1, 0.8))
    curves = loaded(store, "a")
    with closing(sqlite3.connect(store.home / "runs.db")) as connection, connection:
        connection.execute("DELETE FROM runs WHERE id = 'a'")
        connection.execute("DELETE FROM batches")
        connection.execute("DELETE FROM epochs")
    put_run(store.home, "a", "one", accuracies=(0.1, 0.7, 0.9), seconds=77)
    assert curves.update(store, store.run("a"))
    assert list(curves.test_accuracy.y) == [0.1, 0.7, 0.9]
    assert curves.train_loss.x("time")[-1] == 77.0


def test_nan_losses_do_not_look_like_a_cut(store: RunStore) -> None:
    put_run(store.home, "a", "one", accuracies=(0.1, 0.8))
    with closing(sqlite3.connect(store.home / "runs.db")) as connection, connection:
        connection.execute("UPDATE epochs SET test_loss = NULL")
        (data,) = connection.execute("SELECT data FROM batches").fetchone()
        nan = b"\x00\x00\xc0\x7f" + data[4:]
        connection.execute("UPDATE batches SET data = ?", (nan,))
    curves = loaded(store, "a")
    series = curves.train_loss
    with closing(sqlite3.connect(store.home / "runs.db")) as connection, connection:
        connection.execute("UPDATE runs SET updated = updated + 1")
    assert not curves.update(store, store.run("a"))
    assert curves.train_loss is series


def overlays(store: RunStore, count: int) -> list[Overlay]:
    for k in range(count):
        put_run(store.home, f"r{k}", f"run {k}", accuracies=(0.1, 0.8, 0.9),
                validation=(0.2, 0.7, 0.8) if k == 1 else ())  # fmt: skip
    looks = [REFERENCE, *LOOKS]
    return [Overlay(loaded(store, f"r{k}"), f"run {k}", looks[k]) for k in range(count)]


def test_runs_are_drawn_in_looks_of_their_own_and_named_in_the_legend(store: RunStore) -> None:
    plot = overlay_plot("accuracy", overlays(store, 3), View(axis="epoch"))
    labelled = [curve for curve in plot.curves if curve.label]
    assert [curve.label for curve in labelled] == ["run 0", "run 1 val", "run 2"]
    assert len({(curve.color, curve.marker) for curve in labelled}) == 3
    assert labelled[0].line is LineStyle.DASHED
    assert list(labelled[1].series.y) == [0.2, 0.7, 0.8]
    assert plot.x.end == 2.0
    assert len(plot.curves) == 6, "the training curve of each is there too"


def test_many_runs_leave_their_training_curves_out(store: RunStore) -> None:
    plot = overlay_plot("loss", overlays(store, 4), View(axis="time", log=True))
    assert len(plot.curves) == 4
    assert plot.y.scale is Scale.LOG
    assert plot.x.end == 10.0


def test_no_run_leaves_words() -> None:
    assert "drawn here" in overlay_plot("loss", [], View()).empty
