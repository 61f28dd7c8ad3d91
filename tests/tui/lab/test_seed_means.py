"""Runs that differ in the seed alone are drawn as their mean and a band."""

from pathlib import Path

import numpy as np
import pytest

from helpers.scripted import digits
from helpers.scripted_events import batch_completed, epoch_completed, run_completed, run_started
from mnist_core.store import RunStore
from mnist_tui.charts.plot import Curve, LineStyle
from mnist_tui.charts.series import Series
from mnist_tui.charts.view import View
from mnist_tui.lab.overlay import LOOKS, Overlay, RunCurves
from mnist_tui.lab.run_plots import overlay_plot
from mnist_tui.lab.seed_means import by_recipe, mean_and_band

MEANS = View(mean_of_seeds=True)


def series(*values: float) -> Series:
    made = Series("step", "epoch", "time")
    places = np.arange(len(values), dtype=np.float64)
    made.extend(values, step=4 * places, epoch=places, time=places)
    return made


@pytest.fixture
def overlays(tmp_path: Path) -> list[Overlay]:
    """Two seeds of a recipe, and another recipe between them."""
    store = RunStore(tmp_path)
    found = []
    recipes: tuple[dict[str, object], ...] = ({"seed": 1}, {"learning_rate": 0.5}, {"seed": 2})
    for look, recipe, reached in zip(LOOKS, recipes, (0.8, 0.1, 0.9), strict=False):
        recorder = store.record(digits(), "synthetic")
        recorder.start()
        for event in (
            run_started(2, **recipe), epoch_completed(0, 0.1), batch_completed(1),
            epoch_completed(1, reached), run_completed(),
        ):  # fmt: skip
            recorder.record(event)
        recorder.finish()
        curves = RunCurves(store.runs()[0])
        curves.update(store, curves.record)
        found.append(Overlay(curves, curves.record.name, look))
    return found


def test_the_band_is_one_sample_deviation_wide_as_far_as_all_go() -> None:
    mean, low, high = mean_and_band([series(1, 2, 5), series(3, 2), series(5, 5)])
    assert mean.y.tolist() == [3, 3]
    deviations = [2, np.sqrt(3)]
    np.testing.assert_allclose(low.y, mean.y - deviations)
    np.testing.assert_allclose(high.y, mean.y + deviations)
    assert mean.x("step").tolist() == [0, 4]


def test_runs_of_one_recipe_are_a_group(overlays: list[Overlay]) -> None:
    groups = [[one.label for one in group] for group in by_recipe(overlays)]
    assert groups == [["run 1", "run 3"], ["run 2"]]


def test_a_group_is_drawn_as_its_mean_between_dashes(overlays: list[Overlay]) -> None:
    def labelled(view: View) -> dict[str, Curve]:
        curves = overlay_plot("accuracy", overlays, view).curves
        return {curve.label: curve for curve in curves if curve.label}

    assert {*labelled(View())} == {"run 1", "run 2", "run 3"}
    drawn = labelled(MEANS)
    assert len(drawn) == 2
    mean = drawn["mean of 2 seeds, run 1"]
    assert mean.series.y == pytest.approx([0.1, 0.85])
    edges = [
        curve.series.y[-1]
        for curve in overlay_plot("accuracy", overlays, MEANS).curves
        if curve.line is LineStyle.DASHED
    ]
    deviation = np.std([0.8, 0.9], ddof=1)
    assert edges == pytest.approx([0.85 - deviation, 0.85 + deviation])
