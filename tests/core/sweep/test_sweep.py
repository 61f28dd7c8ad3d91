"""A sweep with workers that train nothing: what it tells, and how many trials it does."""

import json
import math
from collections import Counter

import pytest

from core.sweep.conftest import OpenStudy
from helpers.scripted_sweeps import Script, order, plan, told
from mnist_core.sweep.events import (
    ImportanceMeasured,
    SweepCompleted,
    SweepEvent,
    SweepFailed,
    SweepStarted,
    SweepStopped,
    SweepStopping,
    TrialCompleted,
    TrialFailed,
    TrialPruned,
    TrialReported,
    TrialStarted,
    sweep_event_to_json,
)
from mnist_core.sweep.trial import TrialEnded


def only(events: list[SweepEvent], kind: type[SweepEvent]) -> list[SweepEvent]:
    return [event for event in events if isinstance(event, kind)]


def numbers(events: list[SweepEvent], kind: type[SweepEvent]) -> list[int]:
    return [event.number for event in only(events, kind)]  # type: ignore[union-attr]


def test_a_sweep_does_so_many_trials_and_tells_of_each(opened: OpenStudy, script: Script) -> None:
    events = told(opened(), order(5))
    assert isinstance(events[0], SweepStarted)
    (end,) = only(events, SweepCompleted)
    assert end is events[-1]
    assert isinstance(end, SweepCompleted)
    assert (end.completed, end.pruned, end.failed) == (5, 0, 0)
    assert numbers(events, TrialStarted) == [0, 1, 2, 3, 4]
    assert sorted(numbers(events, TrialCompleted)) == [0, 1, 2, 3, 4]
    assert Counter(numbers(events, TrialReported)) == dict.fromkeys(range(5), 2)
    rates = [job.recipes[0].learning_rate for job in script.begun]
    assert end.best is not None
    assert end.best.value == pytest.approx(max(rates) + 0.02)
    assert end.best.parameters["learning_rate"] == max(rates)
    assert end.best.recipe["learning_rate"] == max(rates)
    measured = only(events, ImportanceMeasured)[-1]
    assert isinstance(measured, ImportanceMeasured)
    assert measured.trials == 5
    assert {job.place.study for job in script.begun} == {"one"}


def test_seeds_give_a_mean_and_a_spread(opened: OpenStudy, script: Script) -> None:
    script.value = lambda _job, run, epoch: (0.5, 0.75, 1.0)[run] if epoch == 2 else 0.0
    events = told(opened(plan(seeds=3)), order(1))
    (completed,) = only(events, TrialCompleted)
    assert isinstance(completed, TrialCompleted)
    assert completed.values == (0.5, 0.75, 1.0)
    assert (completed.value, completed.spread) == (0.75, 0.25)
    reported = [(each.seed, each.epoch) for each in events if isinstance(each, TrialReported)]
    assert reported == [(run, epoch) for run in range(3) for epoch in (1, 2)]
    assert [recipe.seed for recipe in script.begun[0].recipes] == [0, 1, 2]


def test_a_trial_below_the_others_is_pruned_and_counts(opened: OpenStudy, script: Script) -> None:
    script.value = lambda job, _run, _epoch: 0.9 if job.place.number < 5 else 0.1
    events = told(opened(plan(pruner="median")), order(7, jobs=1))
    assert numbers(events, TrialPruned) == [5, 6]
    (pruned, _) = only(events, TrialPruned)
    assert isinstance(pruned, TrialPruned)
    assert (pruned.value, pruned.epoch) == (0.1, 1)
    end = events[-1]
    assert isinstance(end, SweepCompleted)
    assert (end.completed, end.pruned) == (5, 2)


def test_the_trial_of_a_dead_worker_is_done_once_more(opened: OpenStudy, script: Script) -> None:
    script.ends = {1: None}
    events = told(opened(), order(3, jobs=1))
    (failed,) = only(events, TrialFailed)
    assert isinstance(failed, TrialFailed)
    assert (failed.number, failed.message) == (1, "Its process ended with signal 9.")
    assert failed.traceback == "the last words"
    again = [e for e in events if isinstance(e, TrialStarted) and e.again is not None]
    assert [(each.number, each.again) for each in again] == [(2, 1)]
    assert script.begun[2].recipes == script.begun[1].recipes
    end = events[-1]
    assert isinstance(end, SweepCompleted)
    assert (end.completed, end.failed) == (3, 1)


def test_a_trial_that_fails_by_itself_is_not_repeated(opened: OpenStudy, script: Script) -> None:
    script.ends = {0: TrialEnded("failed", message="Too large.", traceback="Traceback")}
    events = told(opened(), order(2, jobs=1))
    assert numbers(events, TrialFailed) == [0]
    assert all(each.again is None for each in events if isinstance(each, TrialStarted))
    end = events[-1]
    assert isinstance(end, SweepCompleted)
    assert (end.completed, end.failed) == (2, 1)


def test_a_sweep_whose_trials_all_fail_ends(opened: OpenStudy, script: Script) -> None:
    script.ends = dict.fromkeys(range(9), TrialEnded("failed", message="Too large."))
    end = told(opened(), order(5, jobs=1))[-1]
    assert isinstance(end, SweepFailed)
    assert end.message == "3 trials failed in a row. Too large."


def test_a_diverged_trial_is_the_worst(opened: OpenStudy, script: Script) -> None:
    script.ends = {0: TrialEnded("completed", (math.inf,))}
    events = told(opened(plan(metric="loss")), order(2, jobs=1))
    end = events[-1]
    assert isinstance(end, SweepCompleted)
    assert end.best is not None
    assert end.best.number == 1
    lines = [json.dumps(sweep_event_to_json(event), allow_nan=False) for event in events]
    diverged = json.loads(next(line for line in lines if "trial_completed" in line))
    assert (diverged["value"], diverged["values"]) == (None, [None])


def test_a_stop_lets_running_trials_end(opened: OpenStudy, script: Script) -> None:
    events = told(opened(), order(9, jobs=1), stops=[False, False, True])
    (stopping,) = only(events, SweepStopping)
    assert stopping == SweepStopping(1)
    end = events[-1]
    assert isinstance(end, SweepStopped)
    assert end.completed == len(script.begun) == 1


def test_a_sweep_that_is_cut_has_its_trials_done_again(opened: OpenStudy, script: Script) -> None:
    from mnist_core.sweep.sweep import Sweep

    study = opened()
    sweep = Sweep(study, order(3, jobs=1), lambda: False)
    for event in sweep.events():
        if isinstance(event, TrialReported):
            break
    events = list(sweep.cut())
    assert numbers(events, TrialFailed) == [0]
    assert isinstance(events[-1], SweepStopped)
    study.close()
    events = told(opened(), order(3, jobs=1))
    assert script.begun[1].recipes == script.begun[0].recipes
    end = events[-1]
    assert isinstance(end, SweepCompleted)
    assert (end.completed, end.failed) == (3, 1)


def test_a_resumed_sweep_goes_on_to_exactly_so_many(opened: OpenStudy, script: Script) -> None:
    first = told(opened(), order(4))
    again = told(opened(), order(7))
    end = again[-1]
    assert isinstance(end, SweepCompleted)
    assert end.completed == 7
    # All that was before is told too, so that it can be drawn.
    assert numbers(again, TrialStarted) == list(range(7))
    before = [each for each in again if isinstance(each, TrialReported) and each.number < 4]
    assert sorted(before, key=str) == sorted(only(first, TrialReported), key=str)
    assert len(script.begun) == 7
    assert len({job.recipes[0].learning_rate for job in script.begun}) == 7
    done = told(opened(), order(5))
    assert isinstance(done[-1], SweepCompleted)
    assert len(script.begun) == 7


def test_two_sweeps_share_a_study(opened: OpenStudy, script: Script) -> None:
    from mnist_core.sweep.sweep import Sweep

    one, other = (Sweep(opened(), order(9), lambda: False) for _ in range(2))
    running = [one.events(), other.events()]
    ends: list[SweepEvent] = []
    while running:
        for events in list(running):
            # All else is told by both, turn by turn.
            event = next(each for each in events if not isinstance(each, ImportanceMeasured))
            if isinstance(event, SweepCompleted):
                running.remove(events)
                ends.append(event)
    one.close()
    other.close()
    assert len(script.begun) == 9
    assert [end.completed for end in ends if isinstance(end, SweepCompleted)] == [9, 9]


def test_a_grid_ends_with_its_last_combination(opened: OpenStudy, script: Script) -> None:
    grid = plan("learning_rate=0.1|0.2|0.4", "hidden_sizes=8|16", sampler="grid")
    script.ends = {2: None}
    end = told(opened(grid), order(100))[-1]
    assert isinstance(end, SweepCompleted)
    assert (end.completed, end.failed) == (6, 1)
    done = [job.recipes[0] for job in script.begun if job.place.number != 2]
    assert len({(recipe.learning_rate, recipe.hidden_sizes) for recipe in done}) == 6
