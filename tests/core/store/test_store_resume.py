"""A stored run goes on where it was: to the bit, from the last state that is whole, or not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from helpers.blobs import blobs
from helpers.recorded_runs import (
    assert_same_state,
    assert_stored,
    change,
    hyperparameters,
    leave,
    record,
    record_until,
    resume,
)
from mnist_core.data.dataset import Dataset, transpose
from mnist_core.events import (
    BatchCompleted,
    DivergenceDetected,
    DivergenceReason,
    EpochCompleted,
    Event,
    RunCompleted,
    RunDiverged,
    TrainingState,
)
from mnist_core.network.evaluation import evaluate
from mnist_core.store import RunState, RunStore, StoreError
from mnist_core.store.checkpoints import Checkpoints
from mnist_core.store.recorder import recorded
from mnist_core.training.train import train

pytestmark = pytest.mark.usefixtures("uncompiled")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"optimizer": "adam", "dropout": 0.3, "schedule": "cosine"},
        {"momentum": 0.9, "warmup_steps": 7},
        {"validation": "20"},
    ],
    ids=["sgd", "adam", "momentum", "validation"],
)
def test_a_stopped_run_goes_on_to_the_bit(
    tiny: Dataset, store: RunStore, values: dict[str, Any], repeats: Callable[[int, int], int]
) -> None:
    chosen = hyperparameters(**values)
    unbroken = list(train(chosen, tiny))
    steps = sum(isinstance(event, BatchCompleted) for event in unbroken)
    random = np.random.default_rng([4, len(str(values))])
    for _ in range(repeats(2, 20)):
        run_id = record_until(store, tiny, train(chosen, tiny), int(random.integers(1, steps)))
        assert store.run(run_id).state is RunState.STOPPED
        assert resume(store, run_id, tiny).problem == ""
        assert store.run(run_id).state is RunState.COMPLETED
        assert_stored(store, run_id, unbroken)
        assert store.runs()[0].id == run_id


def test_a_stopped_run_of_lenet_goes_on_to_the_bit(store: RunStore) -> None:
    images = blobs(70, 4, (12, 13), 1), blobs(30, 4, (12, 13), 2)
    dataset = Dataset("larger", *images, tuple("abcd"), (0, 1, 2, 3))
    chosen = hyperparameters(model="lenet", momentum=0.9, dropout=0.2)
    unbroken = list(train(chosen, dataset))
    run_id = record_until(store, dataset, train(chosen, dataset), 8)
    assert resume(store, run_id, dataset).problem == ""
    assert_stored(store, run_id, unbroken)


def test_metrics_past_the_checkpoint_are_cut(tiny: Dataset, store: RunStore) -> None:
    chosen = hyperparameters()
    unbroken = list(train(chosen, tiny))
    # Ends after 13 of its 20 batches; its last checkpoint is that of epoch 2, after 10.
    broken = unbroken[: unbroken.index(batch(unbroken, 13)) + 1]
    run_id = leave(store.home, tiny, broken)
    run = store.run(run_id)
    assert (run.state, run.step, run.epoch) == (RunState.INTERRUPTED, 13, 2)
    point = store.resume_point(run_id)
    assert (point.notice, point.state and point.state.step) == ("", 10)
    recorder = store.record_again(point, tiny, "tiny")
    # Nothing goes before the run has started again.
    assert len(store.batches(run_id)) == 13
    recorder.start()
    events = recorded(train(chosen, tiny, point.state), recorder)
    next(events)
    recorder.finish()
    assert len(store.batches(run_id)) == store.run(run_id).step == 10
    assert [epoch.epoch for epoch in store.epochs(run_id)] == [0, 1, 2]
    resume(store, run_id, tiny)
    assert_stored(store, run_id, unbroken)


def batch(events: list[Event], step: int) -> BatchCompleted:
    return next(e for e in events if isinstance(e, BatchCompleted) and e.step == step)


def test_a_run_without_a_checkpoint_starts_again_from_its_seed(
    tiny: Dataset, store: RunStore
) -> None:
    unbroken = list(train(hyperparameters(), tiny))
    without = [event for event in unbroken if not isinstance(event, EpochCompleted)][:8]
    run_id = leave(store.home, tiny, without)
    point = store.resume_point(run_id)
    assert point.state is None
    assert "no checkpoint" in point.notice
    assert "seed" in point.notice
    resume(store, run_id, tiny)
    assert_stored(store, run_id, unbroken)


def test_a_run_stopped_before_its_first_evaluation_begins_with_it(
    tiny: Dataset, store: RunStore
) -> None:
    unbroken = list(train(hyperparameters(), tiny))
    recorder = store.record(tiny, "tiny")
    recorder.start()
    from mnist_core.events import StopTraining

    events = recorded(train(hyperparameters(), tiny), recorder)
    next(events)
    events.throw(StopTraining())
    events.close()
    point = store.resume_point(recorder.run_id)
    assert (point.state, point.notice) == (None, "")
    resume(store, recorder.run_id, tiny)
    assert_stored(store, recorder.run_id, unbroken)


def test_a_run_held_before_its_first_update_keeps_epoch_zero(
    tiny: Dataset, store: RunStore
) -> None:
    unbroken = list(train(hyperparameters(), tiny))
    zero = unbroken[1]
    assert isinstance(zero, EpochCompleted)
    run_id = leave(store.home, tiny, unbroken[:2])
    point = replace(store.resume_point(run_id), state=zero.state)
    recorder = store.record_again(point, tiny, "tiny")
    recorder.start()
    list(recorded(train(hyperparameters(), tiny, zero.state), recorder))
    assert_stored(store, run_id, unbroken)


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    tiny: Dataset, store: RunStore
) -> None:
    chosen = hyperparameters(epochs=6, learning_rate=0.5)
    unbroken = list(train(chosen, tiny))
    run_id = record_until(store, tiny, train(chosen, tiny), 28)
    best = store.run(run_id).best_epoch
    files = sorted((store.home / "checkpoints" / run_id).iterdir())
    assert len(files) == 2
    files[-1].write_bytes(files[-1].read_bytes()[: files[-1].stat().st_size // 2])
    point = store.resume_point(run_id)
    assert point.state is not None
    assert point.state.epoch == best
    assert str(files[-1]) in point.notice
    assert "cannot be used" in point.notice
    with pytest.raises(StoreError, match="cannot be used"):
        store.model(run_id)
    resume(store, run_id, tiny)
    assert_stored(store, run_id, unbroken)
    files = sorted((store.home / "checkpoints" / run_id).iterdir())
    for path in files:
        path.write_bytes(b"garbage")
    point = store.resume_point(run_id)
    assert point.state is None
    assert "starts again from its seed" in point.notice
    assert sorted((store.home / "checkpoints" / run_id).iterdir()) == files
    resume(store, run_id, tiny)
    assert_stored(store, run_id, unbroken)


def test_more_epochs_can_be_added_to_a_finished_run(tiny: Dataset, store: RunStore) -> None:
    chosen = hyperparameters(epochs=3)
    unbroken = list(train(chosen, tiny, until_epoch=5))
    run_id = record(store, tiny, train(chosen, tiny))
    assert store.run(run_id).epochs == 3
    resume(store, run_id, tiny, until_epoch=5)
    run = store.run(run_id)
    assert (run.state, run.epochs, run.epoch) == (RunState.COMPLETED, 5, 5)
    assert run.hyperparameters.epochs == 3
    assert_stored(store, run_id, unbroken)


def test_a_worse_resumed_model_never_takes_the_place_of_the_best(
    tiny: Dataset, store: RunStore
) -> None:
    chosen = hyperparameters(epochs=3, learning_rate=0.5)
    run_id = record(store, tiny, train(chosen, tiny))
    before = store.run(run_id)
    best = store.model(run_id, before.best_epoch)
    point = store.resume_point(run_id)
    assert point.state is not None
    ruined = replace(
        point.state, parameters=tuple(np.zeros_like(a) for a in point.state.parameters)
    )
    recorder = store.record_again(point, tiny, "tiny")
    recorder.start()
    slow = hyperparameters(epochs=3, learning_rate=1e-6)
    list(recorded(train(slow, tiny, ruined, until_epoch=5), recorder))
    after = store.run(run_id)
    assert (after.epoch, after.best_epoch) == (5, before.best_epoch)
    assert after.best_test_accuracy == before.best_test_accuracy
    assert after.last is not None
    assert after.best is not None
    assert after.last.value < after.best.value
    assert_same_state(store.model(run_id, before.best_epoch), best)
    answers = store.answers(run_id, before.best_epoch)
    assert answers is not None
    assert answers.logits is not None


def test_other_data_are_refused(tiny: Dataset, store: RunStore) -> None:
    run_id = record_until(store, tiny, train(hyperparameters(), tiny), 3)
    other = replace(tiny, name="other", test=blobs(30, 4, (6, 5), 3))
    point = store.resume_point(run_id)
    with pytest.raises(StoreError, match="was trained on other data than other"):
        store.record_again(point, other, "other")
    moved = replace(tiny, name="moved")
    store.record_again(point, moved, "/elsewhere").finish()
    assert store.run(run_id).state is RunState.STOPPED


def test_that_images_were_transposed_is_kept_with_the_run(tiny: Dataset, store: RunStore) -> None:
    turned = replace(transpose(tiny), data="/emnist")
    recorder, _ = store.begin_recording(turned)
    assert recorder is not None
    events = recorded(train(hyperparameters(), turned), recorder)
    while not isinstance(next(events), EpochCompleted):
        pass
    events.close()
    recorder.finish()
    record = store.run(recorder.run_id)
    assert (record.data, record.transposed) == ("/emnist", True)
    assert record.dataset == "tiny transposed"
    with pytest.raises(StoreError, match="was trained on other data than tiny from"):
        store.record_again(store.resume_point(record.id), tiny, "/emnist")

    resume(store, record.id, turned)
    after = store.run(record.id)
    assert (after.data, after.transposed) == ("tiny transposed", True)
    assert not store.run(record_until(store, tiny, train(hyperparameters(), tiny), 3)).transposed


def test_a_point_that_is_out_of_date_is_refused(tiny: Dataset, store: RunStore) -> None:
    run_id = record_until(store, tiny, train(hyperparameters(), tiny), 3)
    point = store.resume_point(run_id)
    resume(store, run_id, tiny)
    with pytest.raises(StoreError, match="has been continued meanwhile"):
        store.record_again(point, tiny, "tiny")
    # It is given up again.
    point = store.resume_point(run_id)
    assert point.state is not None
    ahead = replace(point, state=replace(point.state, step=99))
    with pytest.raises(StoreError, match="could not be kept"):
        store.record_again(ahead, tiny, "tiny")
    assert resume(store, run_id, tiny, until_epoch=5).problem == ""


def test_a_checkpoint_ahead_of_the_metrics_is_passed_over(tiny: Dataset, store: RunStore) -> None:
    unbroken = list(train(hyperparameters(), tiny))
    run_id = record(store, tiny, unbroken)
    # As in a database that was put back from a copy.
    change(store.home, "DELETE FROM batches")
    change(store.home, "DELETE FROM epochs WHERE epoch > 0")
    change(store.home, "UPDATE runs SET step = 0, epoch = 0")
    assert store.resume_point(run_id).state is None
    resume(store, run_id, tiny)
    assert_stored(store, run_id, unbroken)


def test_a_diverged_run_goes_on_from_its_last_healthy_state(tiny: Dataset, store: RunStore) -> None:
    # The last update of epoch 2 spoilt the weights; the loss shows it a batch later.
    events = list(train(hyperparameters(), tiny))
    epochs = [event for event in events if isinstance(event, EpochCompleted)]
    spoilt = replace(
        epochs[2].state,
        parameters=tuple(a * np.float32("nan") for a in epochs[2].state.parameters),
        best_epoch=epochs[1].state.best_epoch,
    )
    story = events[: events.index(epochs[2])]
    story.append(replace(epochs[2], state=spoilt, test_loss=float("nan")))
    story.append(replace(batch(events, 11), loss=float("nan")))
    reason = DivergenceReason.LOSS_NOT_FINITE
    story.append(DivergenceDetected(11, 3, float("nan"), reason, 0, "Too fast."))
    healthy = epochs[1].state
    story.append(RunDiverged("x", 2, 11, None, None, spoilt.best_epoch, None, 1.0, 1.0, healthy))
    run_id = record(store, tiny, story)
    assert store.run(run_id).state is RunState.DIVERGED
    point = store.resume_point(run_id)
    assert point.state is not None
    assert_same_state(point.state, healthy)
    assert point.notice == ""
    # An earlier version of the program kept the ruined state.
    Checkpoints(store.home / "checkpoints" / run_id).save(spoilt)
    point = store.resume_point(run_id)
    assert point.state is None or point.state.epoch == spoilt.best_epoch
    assert "not finite" in point.notice
    resume(store, run_id, tiny)
    assert_stored(store, run_id, events)


def test_answers_of_a_model_that_says_nothing_are_kept(tiny: Dataset, store: RunStore) -> None:
    nothing = np.full((30, 4), np.nan, np.float32)
    state = TrainingState((), None)
    started = next(iter(train(hyperparameters(), tiny)))
    test = evaluate(nothing, tiny.test.labels)
    epoch = EpochCompleted(0, 0, None, None, None, None, test.loss, test.accuracy, 0.0, test, state)
    end = RunCompleted("x", 0, 0, None, None, 0, None, 0.0, 0.0, state)
    run_id = record(store, tiny, [started, epoch, end])
    answers = store.answers(run_id, 0)
    assert answers is not None
    assert np.isnan(answers.losses).all()
    assert answers.logits is not None
    assert np.isnan(answers.logits).all()
