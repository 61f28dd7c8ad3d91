"""A run that is changed on its way, or trained for so many batches."""

import numpy as np
import pytest

from helpers.laboratory import Laboratory, pause_after, rate_of
from mnist_core.recipe.changes import Change, ChangeError
from mnist_tui.lab.state import State


def test_a_change_waits_for_the_next_batch(laboratory: Laboratory) -> None:
    pause_after(laboratory, 2)
    session = laboratory.session
    laboratory.change("learning_rate", 0.5)
    assert laboratory.run.asked == {"learning_rate": 0.5}
    assert rate_of(laboratory) == 0.1
    session.train_batches(1)
    laboratory.tick_until(lambda s: s.state is State.PAUSED and not laboratory.run.asked)
    assert rate_of(laboratory) == 0.5
    assert session.progress is not None
    assert session.progress.changes == [Change(2, "learning_rate", 0.5)]
    laboratory.run.resume()
    laboratory.tick_until_state(State.COMPLETED)
    assert list(session.progress.learning_rate.y) == [0.1] * 2 + [0.5] * 6
    (run,) = laboratory.store.runs()
    assert run.changes == (Change(2, "learning_rate", 0.5),)


def test_a_change_of_the_batch_size_waits_for_the_next_epoch(laboratory: Laboratory) -> None:
    pause_after(laboratory, 2)
    session = laboratory.session
    laboratory.change("batch_size", 20)
    session.train_batches(1)
    laboratory.tick_until(lambda _: laboratory.step() == 3)
    assert laboratory.run.asked == {"batch_size": 20}
    laboratory.run.resume()
    laboratory.tick_until_state(State.COMPLETED)
    assert session.progress is not None
    assert session.progress.changes == [Change(4, "batch_size", 20)]
    assert session.progress.step == 6


def test_a_wish_can_be_taken_back(laboratory: Laboratory) -> None:
    pause_after(laboratory, 2)
    laboratory.change("epochs", 5)
    laboratory.change("epochs", 2)
    assert laboratory.run.asked == {}
    laboratory.run.resume()
    laboratory.tick_until_state(State.COMPLETED)
    assert laboratory.epoch() == 2


def test_what_cannot_change_is_refused(laboratory: Laboratory) -> None:
    pause_after(laboratory, 2)
    with pytest.raises(ChangeError, match="Seed cannot change during a run"):
        laboratory.change("seed", 3)
    laboratory.session.stop()
    laboratory.tick_until_state(State.STOPPED)
    assert laboratory.session.run is None, "no run is under way"


def test_batches_of_a_running_a_stopped_and_a_complete_run(laboratory: Laboratory) -> None:
    pause_after(laboratory, 3)
    session = laboratory.session
    assert session.train_batches(2)
    laboratory.tick_until(lambda s: s.state is State.PAUSED and laboratory.step() == 5)
    session.stop()
    laboratory.tick_until_state(State.STOPPED)
    assert session.train_batches(2)
    laboratory.tick_until(lambda s: s.state is State.PAUSED and laboratory.step() == 7)
    assert session.progress is not None
    assert session.progress.planned_epochs == 2, "it is still to end where it was planned to"
    laboratory.run.resume()
    laboratory.tick_until_state(State.COMPLETED)
    assert session.progress.step == 8
    assert session.train_batches(5)
    laboratory.tick_until(lambda s: s.state is State.PAUSED and laboratory.step() == 13)
    assert session.progress.planned_epochs == 4
    assert len(laboratory.store.runs()) == 1


def test_without_a_run_there_is_nothing_to_train_batches_of(laboratory: Laboratory) -> None:
    assert not laboratory.session.train_batches(5)


def test_a_resumed_run_keeps_its_changes(laboratory: Laboratory) -> None:
    laboratory.runs.weights = lambda _epoch: (np.zeros((1, 1), np.float32),)
    pause_after(laboratory, 2)
    laboratory.change("dropout", 0.5)
    laboratory.session.train_batches(1)
    laboratory.tick_until(lambda s: s.state is State.PAUSED and not laboratory.run.asked)
    laboratory.session.stop()
    laboratory.tick_until_state(State.STOPPED)
    (run,) = laboratory.store.runs()
    laboratory.session.resume_stored(run.id)
    progress = laboratory.session.progress
    assert progress is not None
    assert progress.from_store
    assert progress.hyperparameters_now.dropout == 0.5
    laboratory.tick_until_state(State.COMPLETED)
    assert laboratory.store.run(run.id).changes == (Change(2, "dropout", 0.5),)
