"""Events of a sweep as JSON, and back."""

import json
import math

import pytest

from helpers.scripted_sweep_process import rest, started, under_way
from mnist_core.sweep.events import (
    SweepFailed,
    SweepStopped,
    TrialCompleted,
    TrialReported,
    sweep_event_from_json,
    sweep_event_to_json,
)

EVENTS = [*under_way(), *rest(), SweepStopped("s", 0, 0, 0, None, 1.0), SweepFailed("Why.")]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_from_its_line(event: object) -> None:
    line = json.dumps(sweep_event_to_json(event))  # type: ignore[arg-type]
    assert sweep_event_from_json(json.loads(line)) == event


def test_a_loss_that_is_not_finite_comes_back_as_infinite() -> None:
    for event in (TrialReported(0, 0, 1, math.nan), TrialReported(0, 0, 1, math.inf)):
        back = sweep_event_from_json(sweep_event_to_json(event))
        assert back == TrialReported(0, 0, 1, math.inf)
    completed = TrialCompleted(0, math.inf, None, (math.inf, 1.0), 1.0)
    assert sweep_event_from_json(sweep_event_to_json(completed)) == completed


def test_what_another_version_tells_is_passed_over_or_refused() -> None:
    assert sweep_event_from_json({"event": "trial_paused"}) is None
    values = sweep_event_to_json(started())
    assert sweep_event_from_json(values | {"new": 1}) == started()
    del values["trials"]
    with pytest.raises(ValueError, match="sweep_started lacks something"):
        sweep_event_from_json(values)
