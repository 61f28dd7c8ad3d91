"""What the charts of a run show: on every axis, with its changes, and with values that fail."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.read_out import text_of
from helpers.scripted import digits
from helpers.scripted_events import run_started
from mnist_core.events import (
    BatchCompleted,
    DivergenceDetected,
    DivergenceReason,
    HyperparameterChanged,
    RunRewound,
    TrainingState,
)
from mnist_core.recipe.changes import Change
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_tui.charts.axes import Scale
from mnist_tui.charts.renderer import PlotRenderer
from mnist_tui.charts.view import View
from mnist_tui.lab.recipe_text import change_text
from mnist_tui.lab.run_plots import (
    GHOST,
    gradient_plot,
    metric_plot,
    metrics_of,
    place_of_step,
    step_at,
)
from mnist_tui.lab.run_progress import RunProgress

STEPS = 10
"""Updates in an epoch."""


def begun(epochs: int = 4) -> RunProgress:
    data = digits()
    progress = RunProgress(make_hyperparameters({"epochs": epochs}), data, data.test, np.arange(3))
    progress.apply([replace(run_started(epochs), steps_per_epoch=STEPS)])
    return progress


def batch(step: int, loss: float = 1.0, rate: float = 0.1) -> BatchCompleted:
    epoch = (step - 1) // STEPS + 1
    norm = 2.0 * loss if step % 2 else None
    return BatchCompleted(step, epoch, 1, loss, 0.5, rate, 0.5 * step, norm)


def changed(*changes: Change) -> HyperparameterChanged:
    """The last of the changes, made just now."""
    last = changes[-1]
    steps = STEPS // 2 if last.field == "batch_size" else STEPS
    return HyperparameterChanged(
        last.step, 1, last.field, last.value, 0.1, 4, steps, changes=changes
    )


def test_a_change_is_marked_where_it_was_made_on_every_axis() -> None:
    progress = begun()
    progress.apply([*map(batch, range(1, 6)), changed(Change(5, "learning_rate", 0.05))])
    progress.apply(batch(step, rate=0.05) for step in range(6, 9))
    for axis, place in {"step": 5.0, "epoch": 0.5, "time": 2.5}.items():
        view = View(axis=axis)
        plots = metric_plot("loss", progress, None, view), gradient_plot(progress, None, view)
        for plot in plots:
            assert [(mark.place, mark.label) for mark in plot.annotations] == [(place, "lr 0.05")]
            assert "lr 0.05" in "\n".join(text_of(PlotRenderer().render(plot, 80, 20)))


def test_changes_are_named_in_few_words() -> None:
    words = [
        change_text(Change(1, field, value))
        for field, value in (("dropout", 0.5), ("batch_size", 64), ("weight_decay", 1e-4))
    ]
    assert words == ["dropout 0.5", "bs 64", "wd 0.0001"]


def test_ends_of_epochs_stand_on_every_axis() -> None:
    progress = begun()
    progress.apply(map(batch, range(1, 26)))
    ends = {
        axis: list(metric_plot("loss", progress, None, View(axis=axis)).boundaries)
        for axis in ("step", "epoch", "time")
    }
    assert ends == {"step": [10, 20, 30], "epoch": [1, 2, 3], "time": [5, 10]}
    assert not metric_plot("loss", None, None, View()).boundaries


def test_the_x_axis_goes_to_the_planned_end_as_far_as_that_is_known() -> None:
    progress = begun()
    progress.apply(map(batch, range(1, 26)))
    ends = {axis: metric_plot("loss", progress, None, View(axis=axis)).x.end for axis in
            ("step", "epoch", "time")}  # fmt: skip
    assert ends == {"step": 40, "epoch": 4, "time": None}


@pytest.mark.parametrize("axis", ["step", "epoch", "time"])
def test_a_step_has_its_place_and_a_place_its_step(axis: str) -> None:
    progress = begun()
    progress.apply(map(batch, range(1, 26)))
    for step in (0.0, 3.0, 10.0, 25.0, 31.0):
        there = place_of_step(progress, axis, step)
        assert step_at(progress, axis, there) == pytest.approx(step)
    assert place_of_step(progress, "epoch", 15) == 1.5
    assert place_of_step(progress, "time", 15) == 7.5


def test_the_third_chart_has_the_norm_on_the_left_and_the_rate_on_the_right() -> None:
    progress, ghost = begun(), begun()
    ghost.apply(map(batch, range(1, 5)))
    progress.apply(batch(step, loss=3.0) for step in range(1, 9))
    plot = gradient_plot(progress, ghost, View())
    assert plot.y.scale is Scale.LOG
    assert plot.right is not None
    curves = {curve.label: curve for curve in plot.curves}
    assert curves["norm"].series.y.tolist() == [6.0] * 4
    assert not curves["norm"].right
    assert curves["lr (right)"].series.y.tolist() == [0.1] * 8
    assert curves["lr (right)"].right
    assert curves["before"].series.y.tolist() == [2.0, 2.0]
    linear = gradient_plot(progress, None, View(log_gradients=False))
    assert linear.y.scale is Scale.LINEAR
    assert "Press r" in gradient_plot(None, None, View()).empty


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_marked_and_not_in_the_limits_of_any_chart(bad: float) -> None:
    progress = begun()
    progress.apply([*map(batch, range(1, 15)), batch(15, loss=bad), *map(batch, range(16, 20))])
    for plot in (
        metric_plot("loss", progress, None, View()),
        metric_plot("loss", progress, None, View(smoothing=0.99, log=True)),
        gradient_plot(progress, None, View()),
    ):
        picture = PlotRenderer().render(plot, 60, 16)
        assert picture.area is not None
        assert picture.area.y.high <= 20
        assert (picture.codes == ord("\N{MULTIPLICATION SIGN}")).sum() == 1


def test_the_loss_of_a_run_that_has_diverged_is_drawn_on_a_log_axis_unless_asked_not_to() -> None:
    progress = begun()
    progress.apply([*map(batch, range(1, 6))])
    assert metric_plot("loss", progress, None, View()).y.scale is Scale.LINEAR
    reason = DivergenceReason.LOSS_NOT_FINITE
    progress.apply([DivergenceDetected(5, 1, float("nan"), reason, 0, "")])
    assert metric_plot("loss", progress, None, View()).y.scale is Scale.LOG
    assert metric_plot("loss", progress, None, View(log=False)).y.scale is Scale.LINEAR
    assert metrics_of(View()) == ("loss", "accuracy")
    state = TrainingState((), None)
    progress.apply([RunRewound(0, 0, 5, state, (), None)])
    assert metric_plot("loss", progress, None, View()).y.scale is Scale.LINEAR


def test_a_run_that_diverged_does_not_flatten_the_one_after_it() -> None:
    progress, before = begun(), begun()
    for run, loss in ((progress, 1.0), (before, 1e9)):
        run.apply([batch(step, loss) for step in range(1, 6)])
    ghosts = metric_plot("loss", progress, before, View()).curves
    assert all(curve.stretches for curve in ghosts)
    reason = DivergenceReason.LOSS_NOT_FINITE
    before.apply([DivergenceDetected(5, 1, float("nan"), reason, 0, "")])
    plot = metric_plot("loss", progress, before, View())
    assert {curve.stretches for curve in plot.curves if curve.color == GHOST} == {False}
    area = PlotRenderer().render(plot, 60, 20).area
    assert area is not None
    assert area.y.high <= 2


def test_the_compared_run_is_drawn_above_the_raw_cloud() -> None:
    progress, before = begun(), begun()
    for run in (progress, before):
        run.apply(map(batch, range(1, 6)))
    curves = metric_plot("loss", progress, before, View()).curves
    clouds = [index for index, curve in enumerate(curves) if curve.is_noise]
    ghosts = [index for index, curve in enumerate(curves) if curve.color == GHOST]
    assert clouds
    assert ghosts
    assert max(clouds) < min(ghosts)
