"""What readings say of a machine: shares, and whether others hold training up."""

from dataclasses import replace

import pytest

from helpers.scripted_machine import IDLE, ScriptedMachine
from mnist_tui.lab.machine_load import MachineWatch, load_between


def test_shares_are_of_the_cores_that_may_be_used() -> None:
    later = replace(IDLE, capacity=4.0, busy=3.0, own=1.0)
    load = load_between(IDLE, later)
    assert load is not None
    assert (load.own, load.others, load.total) == (0.25, 0.5, 0.75)


@pytest.mark.parametrize(("capacity", "cores"), [(0.0, 2.0), (-1.0, 2.0), (4.0, 1.0)])
def test_without_time_between_or_with_other_cores_nothing_is_said(
    capacity: float, cores: float
) -> None:
    assert load_between(IDLE, replace(IDLE, capacity=capacity, cores=cores)) is None


def test_clocks_that_differ_a_little_give_no_impossible_shares() -> None:
    load = load_between(IDLE, replace(IDLE, capacity=1.0, busy=1.1, own=1.2))
    assert load is not None
    assert (load.own, load.others) == (1.0, 0.0)


def judged(machine: ScriptedMachine, watch: MachineWatch, others: float, looks: int) -> list[bool]:
    machine.others = others
    found = []
    for _ in range(looks):
        watch.look()
        found.append(watch.is_crowded)
    return found


def test_it_takes_some_looks_to_say_that_others_are_in_the_way_and_more_that_not() -> None:
    machine = ScriptedMachine()
    watch = MachineWatch(machine)
    assert judged(machine, watch, 0.0, 3) == [False] * 3
    assert judged(machine, watch, 1.4, 3) == [False, False, True]
    assert judged(machine, watch, 0.5, 5) == [True, True, True, True, False]


def test_a_load_at_the_edge_changes_nothing() -> None:
    machine = ScriptedMachine()
    watch = MachineWatch(machine)
    between = 1.15  # of two cores: 0.85 is left
    judged(machine, watch, 0.0, 2)
    assert judged(machine, watch, between, 10) == [False] * 10
    judged(machine, watch, 1.5, 3)
    assert judged(machine, watch, between, 10) == [True] * 10


def test_a_load_that_comes_and_goes_does_not_make_the_words_come_and_go() -> None:
    machine = ScriptedMachine()
    watch = MachineWatch(machine)
    judged(machine, watch, 0.0, 1)
    for _ in range(5):
        assert not any(judged(machine, watch, 2.0, 2) + judged(machine, watch, 0.0, 1))
    judged(machine, watch, 2.0, 3)
    for _ in range(5):
        assert all(judged(machine, watch, 0.0, 4) + judged(machine, watch, 2.0, 1))


def test_one_busy_neighbour_on_two_cores_is_in_the_way_of_two_threads_only() -> None:
    for threads, crowded in ((1, False), (2, True)):
        machine = ScriptedMachine()
        watch = MachineWatch(machine, threads)
        assert judged(machine, watch, 1.0, 5)[-1] is crowded


def test_where_nothing_can_be_read_it_says_why_and_goes_on_later() -> None:
    machine = ScriptedMachine()
    watch = MachineWatch(machine)
    judged(machine, watch, 2.0, 4)
    assert watch.is_crowded
    machine.hidden = "The system does not say."
    watch.look()
    assert (watch.problem, watch.load, watch.is_crowded) == (
        "The system does not say.",
        None,
        False,
    )
    machine.hidden = ""
    watch.look()
    assert (watch.problem, watch.load) == ("", None)
    watch.look()
    assert watch.load is not None
