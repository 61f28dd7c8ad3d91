"""Runs that were asked for together are trained one after the other, and stay on the charts."""

import pytest

from helpers.laboratory import TWO_EPOCHS, Laboratory, run_to_first_epoch
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.store import RunState
from mnist_tui.lab.overlay import LOOKS
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State

RECIPES = [make_hyperparameters({"learning_rate": rate}, TWO_EPOCHS) for rate in (0.1, 0.2, 0.3)]


def is_over(session: Session) -> bool:
    return session.run is None and not session.waiting


def test_they_are_trained_in_their_order_and_stay_marked(laboratory: Laboratory) -> None:
    session = laboratory.session
    session.train(*RECIPES)
    laboratory.tick_until(is_over)
    assert laboratory.runs.made == RECIPES
    runs = laboratory.store.runs()
    assert [run.state for run in runs] == [RunState.COMPLETED] * 3
    assert session.marks.ids == tuple(run.id for run in reversed(runs))
    assert not session.queue.in_turn


def test_one_run_is_no_queue(laboratory: Laboratory) -> None:
    run_to_first_epoch(laboratory, TWO_EPOCHS)
    assert not laboratory.session.queue.in_turn
    laboratory.runs.gate.set()
    laboratory.tick_until(is_over)
    assert laboratory.session.marks.ids == ()


def test_where_one_stands_is_known(laboratory: Laboratory) -> None:
    laboratory.runs.gate.clear()
    laboratory.session.train(*RECIPES)
    laboratory.tick_until(lambda _: laboratory.epoch() == 1)
    assert laboratory.session.queue.in_turn
    assert list(laboratory.session.queue.waiting) == RECIPES[1:]
    assert laboratory.session.queue.asked == 3
    laboratory.runs.gate.set()
    laboratory.tick_until(is_over)


def test_stopping_ends_all_of_them(laboratory: Laboratory) -> None:
    laboratory.runs.gate.clear()
    laboratory.session.train(*RECIPES)
    laboratory.tick_until(lambda _: laboratory.epoch() == 1)
    laboratory.session.stop()
    laboratory.runs.gate.set()
    laboratory.tick_until_state(State.STOPPED)
    assert laboratory.runs.made == RECIPES[:1]
    assert [run.state for run in laboratory.store.runs()] == [RunState.STOPPED]


def test_another_start_takes_the_place_of_those_that_wait(laboratory: Laboratory) -> None:
    session = laboratory.session
    laboratory.runs.gate.clear()
    session.train(*RECIPES)
    laboratory.tick_until(lambda _: laboratory.epoch() == 1)
    session.train(TWO_EPOCHS)
    laboratory.runs.gate.set()
    laboratory.tick_until(is_over)
    assert laboratory.runs.made == [RECIPES[0], TWO_EPOCHS]
    assert not session.marks.ids, "the one that was stopped is no part of a queue any more"


def test_one_that_diverges_is_given_up_and_the_others_get_their_turn(
    laboratory: Laboratory,
) -> None:
    laboratory.runs.diverge_at = 3
    laboratory.session.train(*RECIPES)
    laboratory.tick_until(is_over)
    assert [run.state for run in laboratory.store.runs()] == [RunState.DIVERGED] * 3


def test_the_next_queue_takes_the_marks_of_this_one_away(laboratory: Laboratory) -> None:
    session = laboratory.session
    session.train(TWO_EPOCHS)
    laboratory.tick_until(is_over)
    (first,) = laboratory.store.runs()
    session.marks.toggle(first.id)
    for _ in range(2):
        session.train(*RECIPES)
        laboratory.tick_until(is_over)
        latest = [run.id for run in laboratory.store.runs()[:3]]
        assert session.marks.ids == (first.id, *reversed(latest))


def test_where_looks_run_out_the_earliest_mark_gives_way(laboratory: Laboratory) -> None:
    recipes = [make_hyperparameters({"seed": seed}, TWO_EPOCHS) for seed in range(len(LOOKS) + 1)]
    laboratory.session.train(*recipes)
    laboratory.tick_until(is_over)
    ids = [run.id for run in reversed(laboratory.store.runs())]
    assert laboratory.session.marks.ids == tuple(ids[1:])


@pytest.mark.parametrize("batches", [1, 3])
def test_the_first_alone_pauses_after_so_many_batches(laboratory: Laboratory, batches: int) -> None:
    session = laboratory.session
    session.train(*RECIPES, batches=batches)
    laboratory.tick_until_state(State.PAUSED)
    assert laboratory.step() == batches
    laboratory.run.resume()
    laboratory.tick_until(is_over)
    assert laboratory.runs.made == RECIPES
