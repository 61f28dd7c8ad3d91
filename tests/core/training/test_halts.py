"""A process that is halted does not train meanwhile."""

import itertools
import time
from types import SimpleNamespace

import pytest

from helpers.recorded_runs import hyperparameters
from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted
from mnist_core.training.halts import seconds_at_work
from mnist_core.training.train import train


@pytest.mark.parametrize(
    ("wall", "cpu", "usual", "expected"),
    [
        (0.002, 0.002, 0.001, 0.002),
        (6.0, 0.003, 0.001, 0.003),
        (6.0, 0.0005, 0.001, 0.001),
        (6.0, 5.9, 0.001, 6.0),
        (0.9, 0.001, 0.001, 0.9),
        (6.0, 0.5, 0.9, 6.0),
        (6.0, 0.1, 0.0, 6.0),
    ],
    ids=["usual", "halted", "halted, and hardly worked", "worked all the while",
         "waited for a core", "steps are so slow", "the first step"],
)  # fmt: skip
def test_a_halt_is_time_without_computing_in_a_far_longer_step(
    wall: float, cpu: float, usual: float, expected: float
) -> None:
    assert seconds_at_work(wall, cpu, usual) == expected


@pytest.mark.usefixtures("uncompiled")
def test_the_seconds_of_a_run_leave_a_halt_out(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look at the clock is a thousandth later; before the end of one step lies a minute."""
    looks = itertools.count()
    halted_at = 14

    def now() -> float:
        look = next(looks)
        return 0.001 * look + 60.0 * (look >= halted_at)

    clocks = SimpleNamespace(perf_counter=now, process_time=lambda: 0.0, monotonic=time.monotonic)
    monkeypatch.setattr("mnist_core.training.train.time", clocks)
    events = list(train(hyperparameters(), tiny))
    seconds = [event.seconds for event in events if isinstance(event, BatchCompleted)]
    assert next(looks) > halted_at
    assert 0 < seconds[-1] < 0.1
    assert all(later > earlier for earlier, later in itertools.pairwise(seconds))
