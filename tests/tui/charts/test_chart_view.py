"""Zoom, pan, smoothing and x axes as plain values, and what charts make of them."""

from dataclasses import replace

import numpy as np
import pytest

from mnist_tui.charts.axes import Scale
from mnist_tui.charts.chart import subtitle, title
from mnist_tui.charts.plot import Curve, Plot, XAxis, YAxis, extent
from mnist_tui.charts.renderer import PlotRenderer
from mnist_tui.charts.series import Series
from mnist_tui.charts.view import SMOOTHINGS, Extent, View
from mnist_tui.lab.run_plots import converted

ALL = Extent(0, 100, 4)


def run(points: int = 100, seconds: float = 0.5, steps_per_epoch: int = 10) -> Series:
    steps = np.arange(1.0, points + 1)
    series = Series("step", "epoch", "time")
    series.extend(1 / steps, step=steps, epoch=steps / steps_per_epoch, time=steps * seconds)
    return series


def test_zooming_keeps_the_place_it_is_about() -> None:
    view = View().zoomed(2, 20, ALL)
    assert view.window == (10, 60)
    assert view.zoomed(2, 20, ALL).window == (15, 40)
    assert View().zoomed(2, None, ALL).window == (25, 75)
    assert View().zoomed(2, -50, ALL).window == (25, 75), "what is out of view holds nothing"


def test_zooming_in_ends_at_the_smallest_window_and_out_at_everything() -> None:
    view = View()
    for _ in range(20):
        view = view.zoomed(2, 99, ALL)
    low, high = view.shown(ALL)
    assert high - low == pytest.approx(4)
    assert low <= 99 <= high <= 100
    assert not view.can_zoom(ALL)
    assert View().can_zoom(ALL)
    for _ in range(20):
        view = view.zoomed(0.5, None, ALL)
    assert view.window is None
    assert View().zoomed(2, 1, Extent(0, 3, 4)).window is None, "there is nothing smaller"


def test_panning_goes_to_the_ends_and_no_farther() -> None:
    view = replace(View(), window=(10.0, 30.0))
    assert view.panned(0.25, ALL).window == (15, 35)
    assert view.panned(-5, ALL).window == (0, 20)
    assert view.panned(50, ALL).window == (80, 100)
    assert View().panned(1, ALL) == View(), "all is in view"


def test_a_window_for_another_run_is_moved_into_this_one() -> None:
    view = replace(View(), window=(60.0, 90.0))
    assert view.within(ALL) == (60, 90)
    assert view.within(Extent(0, 70, 4)) == (40, 70)
    assert view.within(Extent(0, 25, 4)) is None


def test_smoothing_goes_through_its_steps_and_from_any_value() -> None:
    view, seen = replace(View(), smoothing=0.0), [0.0]
    while (following := view.resmoothed(1)) != view:
        view = following
        seen.append(view.smoothing)
    assert seen == list(SMOOTHINGS)
    assert replace(view, smoothing=0.7).resmoothed(1).smoothing == 0.8
    assert replace(view, smoothing=0.7).resmoothed(-1).smoothing == 0.5
    assert replace(view, smoothing=0.0).resmoothed(-1).smoothing == 0.0


def test_the_extent_holds_all_points_and_four_of_the_densest_curve_fill_a_window() -> None:
    sparse = Series("step")
    sparse.extend([1.0, 2.0], step=[0, 50])
    plot = Plot([Curve(run(), "red"), Curve(sparse, "red")], XAxis(end=200, window=(5, 6)))
    assert extent(plot) == Extent(0, 200, 4)
    assert extent(Plot([Curve(Series("step"), "red")])) is None


def test_a_moment_has_a_place_on_every_axis() -> None:
    series = run()
    assert converted([25], series, "step", "epoch") == pytest.approx([2.5])
    assert converted([25], series, "step", "time") == pytest.approx([12.5])
    assert converted([2.5], series, "epoch", "step") == pytest.approx([25])
    assert converted([0, 0.25, 150], series, "step", "time") == pytest.approx([0, 0.125, 75])
    assert converted([7], Series("step", "time"), "step", "time") == pytest.approx([0])
    assert converted([7], Series("step", "time"), "step", "step") == pytest.approx([7])
    same = Series("step", "time")
    same.extend([1.0, 1.0, 1.0], step=[1, 2, 3], time=[0.0, 0.0, 0.0])
    assert np.isfinite(converted([0, 1, 2, 9], same, "time", "step")).all()


def test_conversion_there_and_back_is_where_it_was() -> None:
    random = np.random.default_rng(3)
    series = Series("step", "time")
    series.extend(np.ones(50), step=np.arange(1, 51), time=np.cumsum(random.uniform(0.1, 2, 50)))
    places = np.linspace(0, 60, 121)
    there = converted(places, series, "step", "time")
    assert converted(there, series, "time", "step") == pytest.approx(places)
    assert (np.diff(there) > 0).all()


def test_border_texts_say_how_the_chart_is_looked_at() -> None:
    curves = [Curve(run(), "red"), Curve(run(), "red", smoothing=0.95)]
    plain, logarithmic = Plot(curves), YAxis(scale=Scale.LOG)
    zoomed = Plot(curves, XAxis(window=(0, 1)), logarithmic)
    assert title("Loss", plain) == "Loss"
    assert title("Loss", zoomed) == "Loss · log"
    assert subtitle(plain, 40) == "smoothing 0.95"
    assert subtitle(zoomed, 40) == "smoothing 0.95 · zoomed"
    assert subtitle(zoomed, 20) == "0.95 · zoomed"
    assert subtitle(Plot(curves[:1]), 40) == ""


def test_limits_of_values_stay_calm_while_the_window_moves() -> None:
    renderer, values = PlotRenderer(), np.tile([0.2, 0.8], 500)
    values[700] = 0.9
    series = Series("step")
    series.extend(values, step=np.arange(1000))
    seen = set()
    for low in range(0, 900, 20):
        plot = Plot([Curve(series, "red")], XAxis(window=(low, low + 100)))
        area = renderer.render(plot, 60, 15).area
        assert area is not None
        assert (area.x.low, area.x.high) == (low, low + 100)
        seen.add((area.y.low, area.y.high))
    assert len(seen) <= 2
    whole = renderer.render(Plot([Curve(series, "red")], XAxis(end=1000)), 60, 15).area
    again = PlotRenderer().render(Plot([Curve(series, "red")], XAxis(end=1000)), 60, 15).area
    assert whole is not None
    assert again is not None
    assert (whole.x, whole.y) == (again.x, again.y), "all of it looks as it did before"
