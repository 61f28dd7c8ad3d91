"""What a screen shows of a run that changes or goes back, from real training and from the store."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.scripted import digits
from helpers.scripted_events import run_stopped
from mnist_core.data.dataset import Dataset
from mnist_core.events import (
    BatchCompleted,
    DivergenceDetected,
    DivergenceReason,
    EpochCompleted,
    Event,
    HyperparameterChanged,
    RunRewound,
    RunStarted,
    TrainingState,
)
from mnist_core.network.evaluation import evaluate
from mnist_core.recipe.changes import Change
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.store import RunStore
from mnist_tui.charts.series import Series
from mnist_tui.lab.overlay import RunCurves
from mnist_tui.lab.run_progress import RunProgress

STEPS = 4
"""Updates in an epoch of 40 examples, in batches of 10."""
RECIPE = make_hyperparameters({"batch_size": 10, "epochs": 5})
WEIGHTS = (np.ones((2, 2), np.float32), np.zeros(2, np.float32))


def state(step: int, epoch: int, batch: int = 0) -> TrainingState:
    return TrainingState(WEIGHTS, None, step, epoch, batch, seconds=0.1 * step)


def started(*changes: Change, step: int = 0, epoch: int = 0) -> RunStarted:
    sizes = (40, 0, 30, 5, STEPS, epoch, step)
    return RunStarted("id", "scripted", RECIPE, 10, *sizes, "cpu", "BLAS", 1, changes)


def batches(first: int, last: int, epoch: int, rate: float = 0.1) -> list[Event]:
    return [
        BatchCompleted(step, epoch, step, 1 / step, 0.5, rate, 0.1 * step,
                       gradient_norm=float(step) if step % 2 else None)
        for step in range(first, last + 1)
    ]  # fmt: skip


def epoch(number: int, step: int) -> EpochCompleted:
    labels = digits().test.labels
    test = evaluate(np.eye(10, dtype=np.float32)[labels], labels)
    return EpochCompleted(
        number, step, 1.0, 0.5, None, None, 1.0, number / 10, 0.1, test, state(step, number)
    )


@pytest.fixture
def progress() -> RunProgress:
    dataset: Dataset = digits()
    return RunProgress(RECIPE, dataset, dataset.test, np.arange(5))


def places(series: Series, axis: str) -> list[float]:
    values: list[float] = series.x(axis).tolist()
    return values


def test_a_changed_batch_size_moves_epochs_and_end(progress: RunProgress) -> None:
    change = Change(4, "batch_size", 20)
    progress.apply([
        started(), *batches(1, 4, 1), epoch(1, 4),
        HyperparameterChanged(4, 2, "batch_size", 20, 10, 5, 2, (change,)),
        *batches(5, 6, 2), epoch(2, 6), *batches(7, 7, 3),
    ])  # fmt: skip
    assert places(progress.train_loss, "epoch") == [0.25, 0.5, 0.75, 1, 1.5, 2, 2.5]
    assert (progress.step, progress.steps_per_epoch, progress.planned_steps) == (7, 2, 12)
    assert [progress.epoch_steps.end(k) for k in range(4)] == [0, 4, 6, 8]
    assert progress.changes == [change]
    assert progress.recipe is not None
    assert progress.recipe.hyperparameters.batch_size == 20
    assert progress.hyperparameters == RECIPE
    left = progress.seconds_left
    assert left is not None
    assert left > 0


def test_changes_of_epochs_move_the_planned_end(progress: RunProgress) -> None:
    scheduled = Change(6, "epochs", 3)
    progress.apply([started(scheduled), *batches(1, 4, 1), epoch(1, 4), *batches(5, 8, 2)])
    assert (progress.planned_epochs, progress.scheduled) == (5, [scheduled])
    made = Change(8, "epochs", 3)
    progress.apply([epoch(2, 8), HyperparameterChanged(8, 3, "epochs", 3, 5, 3, 4, (made,))])
    assert (progress.planned_epochs, progress.planned_steps) == (3, 12)
    assert (progress.changes, progress.scheduled) == ([made], [])


def test_norms_and_rates_are_series(progress: RunProgress) -> None:
    progress.apply([started(), *batches(1, 2, 1), *batches(3, 4, 1, rate=0.05)])
    assert progress.learning_rate.y.tolist() == [0.1, 0.1, 0.05, 0.05]
    assert places(progress.gradient_norm, "step") == [1, 3]
    assert progress.gradient_norm.y.tolist() == [1, 3]
    assert places(progress.gradient_norm, "time") == pytest.approx([0.1, 0.3])


def gone_back() -> list[Event]:
    """Two epochs, into a third, and back into the second."""
    rate = Change(6, "learning_rate", 0.05)
    reason = DivergenceReason.LOSS_NOT_FINITE
    return [
        started(), epoch(0, 0), *batches(1, 4, 1), epoch(1, 4), *batches(5, 8, 2), epoch(2, 8),
        *batches(9, 10, 3), DivergenceDetected(10, 3, float("nan"), reason, 6, "Too fast."),
        RunRewound(6, 1, 10, state(6, 1, 2), ()),
        HyperparameterChanged(6, 2, "learning_rate", 0.05, 0.1, 5, 4, (rate,)),
    ]  # fmt: skip


def test_what_a_run_went_back_behind_is_gone(progress: RunProgress) -> None:
    events = gone_back()
    progress.apply(events[:-2])
    assert progress.divergence is not None
    progress.apply(events[-2:])
    assert places(progress.train_loss, "step") == [1, 2, 3, 4, 5, 6]
    assert places(progress.learning_rate, "step") == [1, 2, 3, 4, 5, 6]
    assert places(progress.gradient_norm, "step") == [1, 3, 5]
    assert places(progress.test_loss, "epoch") == [0, 1]
    assert progress.history.epochs == [0, 1]
    assert (progress.step, progress.epoch_under_way) == (6, 1)
    assert progress.epoch is None
    assert progress.divergence is None
    assert progress.parameters is WEIGHTS
    # And it goes on from there.
    progress.apply([*batches(7, 8, 2, rate=0.05), epoch(2, 8)])
    assert places(progress.train_loss, "step") == list(range(1, 9))
    assert places(progress.test_loss, "epoch") == [0, 1, 2]
    assert progress.changes == [Change(6, "learning_rate", 0.05)]


def test_at_once_or_one_by_one_comes_to_the_same(progress: RunProgress) -> None:
    dataset = digits()
    slowly = RunProgress(RECIPE, dataset, dataset.test, np.arange(5))
    events = gone_back()
    progress.apply(events)
    for event in events:
        slowly.apply([event])
    for name in ("train_loss", "learning_rate", "gradient_norm", "test_accuracy"):
        one, other = getattr(progress, name), getattr(slowly, name)
        assert (places(one, "step"), one.y.tolist()) == (places(other, "step"), other.y.tolist())
    assert progress.step == slowly.step


def stored(home: Path, events: Sequence[Event]) -> RunStore:
    store = RunStore(home)
    recorder = store.record(digits(), "scripted")
    recorder.start()
    for event in events:
        recorder.record(event)
    recorder.finish()
    assert recorder.problem == ""
    return store


def test_a_stored_run_comes_back_with_its_changes(progress: RunProgress, tmp_path: Path) -> None:
    change, later = Change(4, "batch_size", 20), Change(99, "dropout", 0.5)
    store = stored(tmp_path, [
        started(later), epoch(0, 0), *batches(1, 4, 1), epoch(1, 4),
        HyperparameterChanged(4, 2, "batch_size", 20, 10, 5, 2, (change, later)),
        *batches(5, 6, 2), epoch(2, 6), *batches(7, 7, 3),
    ])  # fmt: skip
    record = store.latest()
    assert record is not None
    progress.restore(store, record, record.step)
    assert places(progress.train_loss, "epoch") == [0.25, 0.5, 0.75, 1, 1.5, 2, 2.5]
    assert places(progress.gradient_norm, "epoch") == [0.25, 0.75, 1.5, 2.5]
    assert progress.gradient_norm.y.tolist() == [1, 3, 5, 7]
    assert progress.learning_rate.y == pytest.approx([0.1] * 7)
    assert (progress.step, progress.epoch_under_way, progress.planned_steps) == (7, 2, 12)
    assert (progress.changes, progress.scheduled) == ([change], [later])
    assert progress.plan.changes == (change, later)
    np.testing.assert_array_equal(store.model(record.id).parameters[0], WEIGHTS[0])

    curves = RunCurves(record)
    assert curves.update(store, record)
    assert places(curves.train_loss, "epoch") == places(progress.train_loss, "epoch")
    assert curves.learning_rate.y == pytest.approx([0.1] * 7)


def test_a_run_that_was_stopped_in_an_epoch_has_completed_the_one_before(
    progress: RunProgress,
) -> None:
    progress.apply([started(), *batches(1, 4, 1), epoch(1, 4), *batches(5, 6, 2)])
    assert progress.epoch_under_way == 2
    progress.apply([replace(run_stopped(), epoch=1, step=6)])
    assert progress.epoch_under_way == 1
