"""A run that diverges waits for a decision."""

import pytest

from helpers.laboratory import TWO_EPOCHS, Laboratory, rate_of
from mnist_core.recipe.changes import Change
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.store import RunState
from mnist_core.training.training_run import Decision
from mnist_tui.lab.state import State


def diverge(laboratory: Laboratory, at: int = 3) -> None:
    laboratory.runs.diverge_at = at
    laboratory.session.train(TWO_EPOCHS)
    laboratory.tick_until(lambda session: session.divergence is not None)


def test_a_run_that_diverges_pauses_and_waits(laboratory: Laboratory) -> None:
    diverge(laboratory)
    session = laboratory.session
    assert session.state is State.PAUSED
    assert session.divergence is not None
    assert session.divergence.step == 3
    for go_on in (laboratory.run.resume, session.one_more_epoch, lambda: session.train_batches(1)):
        go_on()
        session.tick()
        assert session.divergence is not None, "it must be decided about"
    session.stop()
    assert session.divergence is None
    assert session.state is State.STOPPING
    laboratory.tick_until_state(State.DIVERGED)


def test_with_half_the_rate_it_goes_on_from_where_it_was_healthy(laboratory: Laboratory) -> None:
    diverge(laboratory)
    session = laboratory.session
    laboratory.run.decide(Decision.HALVE_LEARNING_RATE)
    laboratory.tick_until_state(State.COMPLETED)
    assert rate_of(laboratory) == 0.05
    assert session.progress is not None
    assert session.progress.changes == [Change(1, "learning_rate", 0.05)]
    assert list(session.progress.train_loss.x("step")) == list(range(1, 9))
    assert session.progress.divergence is None
    (run,) = laboratory.store.runs()
    assert run.state is RunState.COMPLETED
    assert run.changes == (Change(1, "learning_rate", 0.05),)


def test_a_wish_of_before_holds_after_going_back(laboratory: Laboratory) -> None:
    diverge(laboratory)
    laboratory.change("momentum", 0.5)
    laboratory.run.decide(Decision.HALVE_LEARNING_RATE)
    laboratory.tick_until_state(State.COMPLETED)
    assert laboratory.session.progress is not None
    now = laboratory.session.progress.hyperparameters_now
    assert (now.learning_rate, now.momentum) == (0.05, 0.5)


def test_it_can_be_restarted(laboratory: Laboratory) -> None:
    diverge(laboratory)
    calm = make_hyperparameters({"learning_rate": 0.01}, TWO_EPOCHS)
    laboratory.runs.diverge_at = None
    laboratory.session.train(calm)
    laboratory.tick_until_state(State.COMPLETED)
    assert laboratory.runs.made == [TWO_EPOCHS, calm]
    states = [run.state for run in laboratory.store.runs()]
    assert states == [RunState.COMPLETED, RunState.DIVERGED]


@pytest.mark.parametrize("leave", ["stop", "close"])
def test_left_while_it_waits_it_is_kept_as_diverged_and_can_be_resumed(
    laboratory: Laboratory, leave: str
) -> None:
    diverge(laboratory, at=7)
    if leave == "stop":
        laboratory.session.stop()
        laboratory.tick_until_state(State.DIVERGED)
        assert not laboratory.session.can_continue, "its last weights are ruined"
    laboratory.session.close()
    (run,) = laboratory.store.runs()
    assert run.state is RunState.DIVERGED
    point = laboratory.store.resume_point(run.id)
    assert point.state is not None
    assert (point.state.epoch, point.state.step) == (1, 4)
