"""Runs that are kept: continued, resumed, and changed by others meanwhile."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.laboratory import TWO_EPOCHS, Laboratory, only_run, run_to_first_epoch
from helpers.scripted import ScriptedLoader, digits, loaded
from helpers.scripted_events import run_started
from mnist_core.data.dataset import transpose
from mnist_core.data.loader import DatasetLoaded
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.store import RunState, StoreError
from mnist_tui.lab.state import State


def test_a_run_is_kept(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    run = only_run(laboratory)
    assert (run.state, run.epoch, run.step) == (RunState.COMPLETED, 2, 8)
    assert laboratory.session.progress is not None
    assert laboratory.session.progress.run_id == run.id
    assert laboratory.session.store_notice == ""


def test_nothing_is_kept_where_the_runs_are_only_read(tmp_path: Path) -> None:
    laboratory = Laboratory(tmp_path / "home", only_reads=True)
    laboratory.session.data.load()
    laboratory.session.look_for_interrupted()
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    assert laboratory.session.store_notice == (
        f"This run is not kept. The runs in {tmp_path / 'home'} are only read."
    )
    laboratory.session.one_more_epoch()
    laboratory.tick_until(lambda session: session.run is None)
    assert laboratory.epoch() == 3
    laboratory.session.close()
    assert list(tmp_path.iterdir()) == []


def test_one_more_epoch_continues_the_kept_run(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    laboratory.session.one_more_epoch()
    laboratory.tick_until_state(State.COMPLETED)
    run = only_run(laboratory)
    assert (run.epochs, run.epoch, run.step) == (3, 3, 12)
    assert [epoch.epoch for epoch in laboratory.store.epochs(run.id)] == [0, 1, 2, 3]


def test_a_run_that_goes_on_does_not_race_itself(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    stored = only_run(laboratory).id
    laboratory.session.resume_stored(stored)
    laboratory.tick_until_state(State.COMPLETED)
    laboratory.session.one_more_epoch()
    laboratory.tick_until_state(State.COMPLETED)
    assert only_run(laboratory).epoch == 4
    assert laboratory.session.ghost is None


def test_a_stopped_run_goes_on_with_its_curves_after_a_restart(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    run_to_first_epoch(laboratory, make_hyperparameters({"epochs": 3}))
    laboratory.session.stop()
    laboratory.runs.gate.set()
    laboratory.tick_until_state(State.STOPPED)
    laboratory.session.close()

    later = Laboratory(tmp_path / "home")
    later.session.data.load()
    later.session.tick()
    left = only_run(later)
    later.session.resume_stored(left.id)
    later.tick_until_state(State.COMPLETED)
    progress = later.session.progress
    assert progress is not None
    assert progress.train_loss.x("step").tolist() == list(range(1, 13))
    assert progress.test_accuracy.x("epoch").tolist() == [0, 1, 2, 3]
    assert only_run(later).state is RunState.COMPLETED


def test_an_interrupted_run_is_offered(laboratory: Laboratory, tmp_path: Path) -> None:
    dataset = laboratory.session.data.dataset
    assert dataset is not None
    recorder = laboratory.store.record(dataset, "synthetic")
    recorder.start()
    recorder.record(run_started())
    recorder.finish()

    laboratory.session.look_for_interrupted()
    left = laboratory.session.interrupted
    assert left is not None
    assert left.state is RunState.INTERRUPTED
    assert laboratory.session.resumable == left.id


def test_data_that_differ_from_those_of_the_run_are_refused(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    laboratory.loaders.append(loaded(digits(tuple("abcde"), name="letters")))
    laboratory.session.data.load()
    laboratory.session.tick()
    with pytest.raises(StoreError, match="was trained on scripted, and letters is loaded now"):
        laboratory.session.resume_stored(only_run(laboratory).id)


@pytest.mark.parametrize("turned_before", [True, False])
def test_a_run_on_images_in_the_other_orientation_says_how_to_get_these(
    laboratory: Laboratory, *, turned_before: bool
) -> None:
    upright = replace(digits(), data="/emnist")
    both = [upright, transpose(upright)]
    first, second = reversed(both) if turned_before else both
    laboratory.loaders.append(loaded(first))
    laboratory.session.data.load()
    laboratory.session.tick()
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    laboratory.loaders.append(loaded(second))
    laboratory.session.data.load()
    laboratory.session.tick()
    how = "/emnist --transpose" if turned_before else "/emnist and without --transpose"
    for look in (laboratory.session.show_stored, laboratory.session.resume_stored):
        with pytest.raises(StoreError, match=rf"Start again with --data {how}\.$"):
            look(only_run(laboratory).id)


def test_only_one_run_at_a_time_is_resumed(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    run_to_first_epoch(laboratory, TWO_EPOCHS)
    with pytest.raises(StoreError, match="Stop it before"):
        laboratory.session.resume_stored(laboratory.store.runs()[-1].id)
    laboratory.runs.gate.set()
    laboratory.tick_until_state(State.COMPLETED)


def test_training_goes_on_where_runs_cannot_be_kept(tmp_path: Path) -> None:
    home = tmp_path / "a file"
    home.write_text("not a folder")
    made = Laboratory(home)
    made.session.data.load()
    made.session.tick()
    made.session.train(TWO_EPOCHS)
    assert "This run is not kept." in made.session.store_notice
    assert str(home) in made.session.store_notice
    made.tick_until_state(State.COMPLETED)
    made.session.one_more_epoch()
    made.tick_until_state(State.COMPLETED)
    assert made.epoch() == 3
    assert made.session.ghost is None


def test_a_run_resumed_while_loading_goes_on_with_the_data(
    laboratory: Laboratory, tmp_path: Path
) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    stored = only_run(laboratory).id
    loader = ScriptedLoader()
    later = Laboratory(tmp_path / "home", loader)
    later.session.data.load()
    later.session.resume_stored(stored)
    assert later.session.waiting
    assert later.session.state is State.LOADING
    loader.events.append(DatasetLoaded(digits(), None))
    later.tick_until_state(State.COMPLETED)
    assert only_run(later).epoch == 3


def other_laboratory(laboratory: Laboratory) -> Laboratory:
    """A second app on the same home."""
    other = Laboratory(laboratory.store.home)
    other.session.data.load()
    other.session.tick()
    return other


@pytest.mark.parametrize("how", ["one more epoch", "batches"])
def test_a_run_that_another_app_has_continued_is_not_cut_back(
    laboratory: Laboratory, how: str
) -> None:
    session = laboratory.session
    session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    (run,) = laboratory.store.runs()
    other = other_laboratory(laboratory)
    for _ in range(3):
        other.session.resume_stored(run.id)
        other.tick_until_state(State.COMPLETED)
    other.session.close()
    go_on: Callable[[], object] = session.one_more_epoch
    if how == "batches":
        go_on = lambda: session.train_batches(1)  # noqa: E731

    go_on()
    assert session.run is None
    assert "has been continued meanwhile, to epoch 5" in session.store_notice
    after = laboratory.store.run(run.id)
    assert (after.epoch, len(laboratory.store.batches(run.id))) == (5, after.step)
    assert laboratory.step() == after.step

    go_on()
    laboratory.tick_until(lambda session: session.run is None or session.run.paused)
    session.stop()
    laboratory.tick_until(lambda session: session.run is None)
    last = laboratory.store.run(run.id)
    assert last.step > after.step
    assert len(laboratory.store.batches(run.id)) == last.step


def test_a_run_that_is_no_longer_in_the_store_goes_on_without_being_kept(
    laboratory: Laboratory,
) -> None:
    session = laboratory.session
    session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    (run,) = laboratory.store.runs()
    laboratory.store.deleter.delete([run.id])
    laboratory.store.deleter.purge([run.id])
    session.one_more_epoch()
    assert "not kept" in session.store_notice
    laboratory.tick_until_state(State.COMPLETED)
    assert "not kept" in session.store_notice, "it is still so at the end"
    assert laboratory.epoch() == 3
    assert laboratory.store.runs() == []
