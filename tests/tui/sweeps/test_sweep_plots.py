"""The trials of a sweep as plots, lines and rows."""

import math

import numpy as np

from helpers.scripted_sweep_process import begun, completed, rest, started, under_way, value
from mnist_core.sweep.events import SweepEvent, TrialCompleted
from mnist_core.sweep.ranges import parse_range
from mnist_tui.charts.axes import Scale
from mnist_tui.lab.sweep_progress import SweepProgress
from mnist_tui.sweeps.parallel_coordinates import coordinates
from mnist_tui.sweeps.sweep_plots import best_plot, parameter_plot, ranges_of
from mnist_tui.sweeps.sweep_text import importance_lines, progress_text
from mnist_tui.sweeps.trial_rows import rows, titles


def told(*events: SweepEvent) -> SweepProgress:
    progress = SweepProgress(lambda: 0.0)
    for event in events:
        progress.take(event)
    return progress


def test_the_best_so_far_goes_on_until_there_is_a_better_one() -> None:
    progress = told(started(), *completed(0), *completed(1), *completed(2))
    plot = best_plot(progress, "")
    best = plot.curves[0]
    assert best.series.x("x").tolist() == [0, 1, 1, 2]
    assert best.series.y.tolist() == [value(0), value(0), value(1), value(1)], "in steps"
    assert {curve.label for curve in plot.curves} == {"best so far", "completed", "best"}


def test_a_loss_is_better_the_lower_and_may_be_infinite() -> None:
    progress = told(
        started(metric="loss"),
        begun(0),
        TrialCompleted(0, 0.5, None, (0.5,), 1.0),
        begun(1),
        TrialCompleted(1, math.inf, None, (math.inf,), 1.0),
        begun(2),
        TrialCompleted(2, 0.25, None, (0.25,), 1.0),
    )
    assert [trial.number for trial in progress.ranked] == [2, 0, 1]
    assert best_plot(progress, "").curves[0].series.y.tolist() == [0.5, 0.5, 0.5, 0.25]
    shown = coordinates(progress)
    assert shown is not None
    assert (shown.highs[-1], shown.lows[-1]) == ("0.2500", "0.5000"), "what is better is above"
    assert rows(progress)[-1].cells[2] == "diverged"


def test_a_parameter_has_its_range_as_the_axis() -> None:
    progress = told(*under_way())
    rate, sizes = ranges_of(progress)
    plot = parameter_plot(progress, rate)
    assert plot.x.window == (0.01, 1.0)
    assert plot.x.scale is Scale.LOG
    places = {curve.label: curve.series.x("x").tolist() for curve in plot.curves}
    assert places == {"pruned": [0.1], "completed": [0.02], "running": [0.25], "best": [0.5]}
    choices = parameter_plot(progress, sizes)
    assert choices.x.window == (0.5, 2.5)
    best = next(curve for curve in choices.curves if curve.label == "best")
    assert best.series.x("x").tolist() == [2], "64,64 is the second choice"


def test_a_line_goes_through_what_was_chosen_to_the_value() -> None:
    shown = coordinates(told(started(), *completed(0), *completed(1)))
    assert shown is not None
    assert shown.names == ("lr", "hidden", "accuracy")
    assert (shown.lows[:2], shown.highs[:2]) == (("0.01", "32"), ("1", "64,64"))
    best, other = shown.lines
    np.testing.assert_allclose(best, ((math.log10(0.5) + 2) / 2, 1.0, 1.0))
    np.testing.assert_allclose(other, ((math.log10(0.02) + 2) / 2, 0.0, 0.0))
    assert coordinates(told(started())) is None


def test_rows_say_rank_value_epochs_and_what_was_chosen() -> None:
    progress = told(*under_way())
    assert titles(progress) == ("", "trial", "accuracy", "epochs", "lr", "hidden", "")
    shown = [row.cells for row in rows(progress)]
    assert shown[0] == ("1", "1", "0.9500 ± 0.0012", "2/2", "0.5", "64,64", "")
    assert [cells[:2] for cells in shown] == [
        ("1", "1"), ("2", "0"), ("●", "4"), ("●", "5"), ("⊖", "2"), ("✗", "3"),
    ]  # fmt: skip
    assert shown[3][-1] == "on far [/]"


def test_a_resumed_sweep_tells_no_rate_of_trials_that_were_finished_before() -> None:
    from dataclasses import replace

    now = [0.0]
    progress = SweepProgress(lambda: now[0])
    before = [*completed(0), *completed(1)]
    for event in (replace(started(), finished=2), *before):
        progress.take(event)
    assert progress.seconds_left is None
    now[0] = 10.0
    for event in completed(2)[:3]:
        progress.take(event)
    now[0] = 14.0
    progress.take(completed(2)[-1])
    assert progress.seconds_left == 12, "three more at 4 seconds each"


def test_the_line_says_how_it_stands() -> None:
    progress = told(*under_way(), *rest())
    assert progress_text(progress, under_way=False) == (
        "sweep-1  5/6 finished · best 0.9500 ± 0.0012 (trial 1) · 1 failed · 1 pruned"
    )


def test_importance_is_a_bar_for_each_field() -> None:
    lines = importance_lines(told(*under_way()), 60)
    assert [line.split()[0] for line in lines] == ["lr", "hidden"]
    assert lines[0].count("█") == 4 * lines[1].count("█") > 0
    assert lines[0].endswith("80 %")


def test_a_range_of_a_field_reads_back() -> None:
    assert [str(each) for each in ranges_of(told(started()))] == [
        str(parse_range("learning_rate=0.01:1:log")), str(parse_range("hidden_sizes=32|64,64")),
    ]  # fmt: skip
