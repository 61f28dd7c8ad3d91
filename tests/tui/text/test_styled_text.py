"""Signs of states."""

from enum import StrEnum

import pytest

from mnist_core.store import RunState
from mnist_core.store.races import RaceState
from mnist_tui.lab.state import State
from mnist_tui.race.race_session import RaceStage
from mnist_tui.text.styled_text import STATE_SIGNS


@pytest.mark.parametrize("states", [State, RunState, RaceState, RaceStage])
def test_every_state_has_a_sign(states: type[StrEnum]) -> None:
    assert set(states) <= STATE_SIGNS.keys()


@pytest.mark.parametrize("states", [RunState, RaceState, RaceStage])
def test_no_two_states_of_a_thing_share_a_sign(states: type[StrEnum]) -> None:
    assert len({STATE_SIGNS[state][0] for state in states}) == len(states)


def test_the_laboratory_may_be_left_with_a_run_in_any_state() -> None:
    assert {state.value for state in RunState} <= {state.value for state in State}
