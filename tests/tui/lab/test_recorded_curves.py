"""Curves of recordings that grow, and the plots of them."""

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from helpers.recordings import points, put_recording
from mnist_core.store import RecordingRecord, RunStore
from mnist_core.store.database import FILE, connect, transaction
from mnist_core.store.recording_writer import NewRecording, Points, RecordingWriter, Rest
from mnist_tui.charts.axes import Scale
from mnist_tui.charts.plot import LineStyle
from mnist_tui.charts.view import View
from mnist_tui.lab.overlay import LOOKS
from mnist_tui.lab.recorded_curves import RecordedCurves, charts_of
from mnist_tui.lab.recorded_plots import RecordedOverlay, recorded_plot


def opened(store: RunStore, recording_id: str) -> RecordedCurves:
    curves = RecordedCurves(store.recordings.get(recording_id))
    curves.update(store, curves.record)
    return curves


class Writing:
    """A recording that another process writes."""

    def __init__(self, home: Path) -> None:
        self.store = RunStore(home)
        self.store.runs()
        self._connection = connect(home / FILE)
        self._writer = RecordingWriter(NewRecording("conv"))
        with transaction(self._connection):
            self._writer.begin(self._connection)

    def write(self, *sets: Points) -> None:
        with transaction(self._connection):
            self._writer.write(self._connection, Rest(sets))
        self._writer.committed()

    @property
    def record(self) -> RecordingRecord:
        return self.store.recordings.get(self._writer.id)

    def close(self) -> None:
        self._connection.close()
        self.store.close()


def test_curves_grow_as_they_are_written_and_late_steps_find_their_place(tmp_path: Path) -> None:
    with closing(Writing(tmp_path)) as writing:
        writing.write(points({"a": [1.0, 2.0]}, [0, 1]), points({"b": [5.0]}, [0]))
        curves = RecordedCurves(writing.record)
        assert curves.update(writing.store, writing.record)
        assert not curves.update(writing.store, writing.record)
        first = curves.series("a")
        assert first.y.tolist() == [1, 2]
        writing.write(points({"a": [3.0]}, [2]), points({"c": [np.nan]}, [7]))
        assert curves.update(writing.store, writing.record)
        assert curves.names == ["a", "b", "c"]
        assert curves.series("a") is first
        assert first.y.tolist() == [1, 2, 3]
        # In another set of names, and before the end.
        writing.write(points({"a": [1.5], "b": [6.0]}, [1]))
        curves.update(writing.store, writing.record)
        assert curves.series("a").x("step").tolist() == [0, 1, 1, 2]
        assert curves.series("a").y.tolist() == [1, 2, 1.5, 3]
        assert curves.series("b").y.tolist() == [5, 6]
        assert (np.diff(curves.series("a").x("time")) >= 0).all()


def test_the_plot_has_a_colour_a_part_and_overlays_below(tmp_path: Path) -> None:
    noisy = np.random.default_rng(0).random(300)
    sets = [points({"train/loss": noisy}), points({"val/loss": [1.0, 0.5]}, [100, 200])]
    other = [points({"train/loss": noisy, "lr": noisy})]
    with closing(RunStore(tmp_path)) as store:
        curves = opened(store, put_recording(tmp_path, "one", sets))
        overlay = RecordedOverlay(
            opened(store, put_recording(tmp_path, "two", other)), "two", LOOKS[0]
        )
        (chart,) = charts_of(curves.names)
        plot = recorded_plot(chart, curves, [overlay], View(smoothing=0.9, log=True))
    said = [(curve.label, curve.line, curve.smoothing, curve.marker) for curve in plot.curves]
    assert said == [
        ("", LineStyle.NOISE, 0.0, ""),
        ("two train", LineStyle.DOTTED, 0.9, ""),
        ("train", LineStyle.SOLID, 0.9, ""),
        ("val", LineStyle.SOLID, 0.0, "◆"),
    ]
    assert plot.y.scale is Scale.LOG
    assert plot.y.cut_start


@pytest.mark.parametrize(("name", "cut"), [("loss", True), ("lr", False)])
def test_only_losses_are_cut_at_their_start(tmp_path: Path, name: str, cut: bool) -> None:
    with closing(RunStore(tmp_path)) as store:
        curves = opened(store, put_recording(tmp_path, "one", [points({name: np.arange(200.0)})]))
        plot = recorded_plot(charts_of([name])[0], curves, [], View())
    assert plot.y.cut_start == cut
