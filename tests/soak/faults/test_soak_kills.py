"""kill -9, at random moments and within each single write: what was kept opens and goes on."""

import random
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from helpers.faulty_system import Fault, FaultySystem
from helpers.terminal import Terminal
from helpers.training_process import (
    COMMAND,
    TrainingProcess,
    count_calls,
    four_at_a_time,
    losses,
    unusable,
)
from mnist_core.data.dataset import Dataset
from mnist_core.store import RunStore

Repeats = Callable[[int, int], int]
Tally = Callable[..., None]
LONG = "--epochs=100000"
"""A run that does not end by itself."""


def test_killed_at_random_moments(
    digits: Path, dataset: Dataset, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    moments, count, lost = random.Random(1), repeats(1, 60), list[str]()
    for attempt in range(count):
        home = tmp_path / str(attempt)
        with TrainingProcess(digits, home, LONG) as process:
            kept = 0
            if attempt % 4:  # a fourth of them die as they begin
                process.wait_for_epoch(moments.randrange(1, 200))
            if attempt % 2 == 0:
                process.wait_for_epoch(0)
                kept = process.wait_until_kept()
            time.sleep(moments.random())
            process.kill()
        lost += losses(process, kept, dataset)
    assert lost == []
    tally("kills at random moments, without the app", count, len(lost))


@pytest.mark.parametrize("fault", [Fault.KILL, pytest.param(Fault.TORN, marks=pytest.mark.soak)])
def test_killed_within_each_write(
    fault: Fault,
    digits: Path,
    dataset: Dataset,
    faulty: FaultySystem,
    tmp_path: Path,
    repeats: Repeats,
    tally: Tally,
) -> None:
    """At the n-th write, sync or renaming of a whole life, for every n in the soak."""
    killed, lost = 0, list[str]()
    calls = count_calls(digits, tmp_path, faulty) if repeats(0, 1) else 120
    chosen = range(calls if repeats(0, 1) == 0 else 1, calls + 1)

    def start(call: int) -> TrainingProcess:
        home = tmp_path / str(call)
        harm = faulty.files(home, fault, first=call)
        return TrainingProcess(digits, home, "--epochs=2", env=harm)

    for call, process in four_at_a_time(chosen, start):
        killed += process.end() == -signal.SIGKILL
        lost += [f"{fault} at call {call} of {calls}: {each}"
                 for each in losses(process, dataset=dataset)]  # fmt: skip
    assert lost == []
    # How often it writes depends on how soon the recorder comes to its turn.
    assert killed >= len(chosen) * 3 // 4
    tally(f"kills within a write ({fault})", killed, len(lost))


def test_killed_at_random_moments_in_the_app(
    digits: Path, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    moments, count, lost = random.Random(2), repeats(1, 40), list[str]()
    for attempt in range(count):
        home = tmp_path / str(attempt)
        flags = [f"--data={digits}", f"--home={home}", LONG, "--threads=1"]
        with ExitStack() as opened:
            app = opened.enter_context(
                Terminal([*COMMAND, *flags], env={"MLX_DISABLE_COMPILE": "1"})
            )
            app.wait_for("idle")
            app.send("r")
            app.wait_for(r"● running .* epoch [1-9]")
            store = opened.enter_context(closing(RunStore(home)))
            app.overlook(moments.uniform(0, repeats(1, 3)))
            (seen,) = store.runs()
            app.signal(signal.SIGKILL)
            app.wait_exit()
            assert app.stray_processes() == []
            (run,) = store.runs()
            lost += unusable(store, run.id)
            if run.epoch < seen.epoch or store.notice:
                lost.append(f"{seen} became {run}: {store.notice}")
    assert lost == []
    tally("kills at random moments, in the app", count, len(lost))
