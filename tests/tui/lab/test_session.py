"""The rules of starting, stopping and restarting, without a screen and without MLX."""

import threading
from pathlib import Path

from helpers.laboratory import TWO_EPOCHS, Laboratory, run_to_first_epoch
from helpers.scripted import ScriptedLoader, digits, loaded
from mnist_core.data.loader import DatasetFailed, DatasetLoaded, DatasetOffered
from mnist_core.events import RunFailed
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State


def test_it_is_loading_until_there_are_data(tmp_path: Path) -> None:
    made = Laboratory(tmp_path / "home")
    made.session.data.load()
    before = made.session.state
    made.session.tick()
    assert (before, made.session.state) == (State.LOADING, State.IDLE)
    assert made.session.samples is not None


def test_a_run_asked_for_while_loading_starts_with_the_data(tmp_path: Path) -> None:
    loader = ScriptedLoader()
    made = Laboratory(tmp_path / "home", loader)
    made.session.data.load()
    made.session.train(TWO_EPOCHS)
    made.session.tick()
    assert made.session.waiting
    assert made.session.state is State.LOADING
    loader.events.append(DatasetLoaded(digits(), None))
    made.tick_until_state(State.COMPLETED)
    assert made.runs.made == [TWO_EPOCHS]


def test_a_run_goes_to_its_end(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    progress = laboratory.session.progress
    assert progress is not None
    assert len(progress.train_loss) == 8
    assert list(progress.test_loss.x("step")) == [0, 4, 8]
    assert progress.epoch_under_way == 2
    assert laboratory.session.ghost is None


def test_stop_keeps_what_was_learned(laboratory: Laboratory) -> None:
    run_to_first_epoch(laboratory, TWO_EPOCHS)
    laboratory.session.stop()
    laboratory.runs.gate.set()
    laboratory.tick_until_state(State.STOPPED)
    assert laboratory.session.progress is not None
    assert laboratory.session.progress.state is not None
    assert laboratory.session.can_continue


def test_a_restart_waits_for_the_old_run_and_keeps_it_as_the_ghost(laboratory: Laboratory) -> None:
    run_to_first_epoch(laboratory, TWO_EPOCHS)
    old = laboratory.session.progress
    other = make_hyperparameters({"learning_rate": 0.5}, TWO_EPOCHS)
    laboratory.session.train(other)
    assert laboratory.session.state is State.STOPPING
    assert laboratory.runs.made == [TWO_EPOCHS]
    laboratory.runs.gate.set()
    laboratory.tick_until_state(State.COMPLETED)
    assert laboratory.runs.made == [TWO_EPOCHS, other]
    assert laboratory.session.ghost is old
    assert laboratory.session.progress is not old


def test_pause_and_resume(laboratory: Laboratory) -> None:
    run_to_first_epoch(laboratory, TWO_EPOCHS)
    laboratory.run.pause()
    laboratory.runs.gate.set()
    laboratory.tick_until_state(State.PAUSED)
    assert laboratory.session.can_continue
    laboratory.run.resume()
    laboratory.tick_until_state(State.COMPLETED)


def test_one_more_epoch_of_a_paused_run_ends_in_a_pause(laboratory: Laboratory) -> None:
    run_to_first_epoch(laboratory, make_hyperparameters({"epochs": 5}))
    laboratory.run.pause()
    laboratory.runs.gate.set()
    laboratory.tick_until_state(State.PAUSED)
    laboratory.session.one_more_epoch()
    laboratory.tick_until(lambda s: s.state is State.PAUSED and laboratory.epoch() == 2)
    laboratory.session.stop()
    laboratory.tick_until_state(State.STOPPED)


def test_one_more_epoch_goes_on_after_the_end(laboratory: Laboratory) -> None:
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    progress = laboratory.session.progress
    assert progress is not None
    laboratory.session.one_more_epoch()

    def has_gone_on(session: Session) -> bool:
        going_on = session.progress
        finished = session.state is State.COMPLETED and going_on is progress
        return finished and going_on is not None and len(going_on.train_loss) == 12

    laboratory.tick_until(has_gone_on)
    assert progress.planned_epochs == 3
    assert list(progress.train_loss.x("step")) == list(range(1, 13))


def test_a_failed_run_is_told_and_logged(laboratory: Laboratory) -> None:
    laboratory.runs.fail_with = ValueError("The labels ran away. Catch them.")
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.FAILED)
    assert laboratory.session.progress is not None
    end = laboratory.session.progress.end
    assert isinstance(end, RunFailed)
    assert end.message == "The labels ran away. Catch them."
    assert "ValueError" in laboratory.logged[0]
    assert not laboratory.session.can_continue


def test_a_failed_load_can_be_tried_again(tmp_path: Path) -> None:
    made = Laboratory(
        tmp_path / "home", ScriptedLoader(DatasetFailed("No such folder.", "Traceback ..."))
    )
    made.session.data.load()
    made.session.tick()
    assert made.session.state is State.FAILED
    assert made.logged == ["Traceback ..."]
    made.loaders.append(loaded())
    made.session.train(TWO_EPOCHS)
    made.tick_until_state(State.COMPLETED)


def test_offered_data_are_used_only_when_asked(laboratory: Laboratory) -> None:
    loader = laboratory.loaders[0]
    assert isinstance(loader, ScriptedLoader)
    loader.events.append(DatasetOffered(digits(name="late")))
    laboratory.session.tick()
    assert laboratory.session.data.dataset is not None
    assert laboratory.session.data.dataset.name == "scripted"
    laboratory.session.use_offered_data()
    assert laboratory.session.data.dataset.name == "late"
    assert laboratory.session.data.offered is None
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until_state(State.COMPLETED)
    assert laboratory.session.progress is not None
    assert laboratory.session.progress.dataset.name == "late"


def test_closing_stops_and_joins_everything(laboratory: Laboratory) -> None:
    run_to_first_epoch(laboratory, TWO_EPOCHS)
    laboratory.runs.gate.set()
    laboratory.session.close()
    names = [thread.name for thread in threading.enumerate()]
    assert "training run" not in names
    loader = laboratory.loaders[0]
    assert isinstance(loader, ScriptedLoader)
    assert loader.cancelled
