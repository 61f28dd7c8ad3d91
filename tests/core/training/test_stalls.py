"""Steps that become slow are told of once, and only where threads wait for each other."""

from collections.abc import Iterable

import pytest

from mnist_core.backend.backend import configure
from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted, StepsStalled
from mnist_core.network.learner import Learner
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.training.stalls import StallGuard
from mnist_core.training.train import train


def told(seconds: Iterable[float], threads: int = 2) -> list[tuple[int, str]]:
    guard = StallGuard(threads)
    words = ((step, guard.after_step(each)) for step, each in enumerate(seconds, 1))
    return [(step, sentence) for step, sentence in words if sentence]


def test_steps_that_stay_slow_are_told_of_once() -> None:
    ((step, sentence),) = told([0.001] * 100 + [0.009] * 1000)
    assert step == 250
    assert sentence.startswith("Steps take 9 times as long as before. With 2 threads, each waits")


@pytest.mark.parametrize(
    "seconds",
    [
        [0.001] * 1000,
        [0.009] * 1000,  # slow from the start is how long its steps take
        [0.001] * 100 + [0.003] * 1000,  # as beside another program with one thread
        [0.001] * 100 + ([0.009] * 100 + [0.001] * 50) * 9,
        # Suspended, or held up by a compiler or a disk, now and then.
        ([0.001] * 30 + [600.0] * 20) * 30,
    ],
)
def test_what_is_no_stall_is_not_told_of(seconds: list[float]) -> None:
    assert told(seconds) == []


def test_with_one_thread_nothing_waits() -> None:
    assert told([0.001] * 100 + [0.009] * 1000, threads=1) == []


def test_a_run_tells_it_and_goes_on_as_it_would_have(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = configure("cpu", 2)
    if backend.threads != 2:
        pytest.skip("this BLAS cannot be told its threads")
    chosen = make_hyperparameters({"epochs": 60, "batch_size": 8})
    quiet = [e for e in train(chosen, tiny, backend=backend) if isinstance(e, BatchCompleted)]
    now, update = 0.0, Learner.update
    monkeypatch.setattr("time.perf_counter", lambda: now)

    def slow(self: Learner, *arguments: object) -> tuple[float, int]:
        nonlocal now
        now += 0.001 if now < 0.2 else 0.05
        return update(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "update", slow)
    events = list(train(chosen, tiny, backend=backend))
    (stalled,) = [event for event in events if isinstance(event, StepsStalled)]
    assert 300 <= stalled.step <= 400
    assert "Start the next run with --threads 1." in stalled.message
    losses = [event.loss for event in events if isinstance(event, BatchCompleted)]
    assert losses == [event.loss for event in quiet]
