"""Signals at random moments: a run is stopped and kept, or goes on as if nothing had been."""

import random
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from helpers.terminal import Terminal
from helpers.training_process import COMMAND, TrainingProcess, losses
from mnist_core.data.dataset import Dataset
from mnist_core.store import RunState, RunStore

Repeats = Callable[[int, int], int]
Tally = Callable[..., None]
LONG = "--epochs=100000"


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGHUP,
        pytest.param(signal.SIGTERM, marks=pytest.mark.soak),
        pytest.param(signal.SIGINT, marks=pytest.mark.soak),
    ],
)
def test_signals_stop_and_keep(
    number: signal.Signals, digits: Path, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    moments, count, lost = random.Random(3), repeats(1, 12), list[str]()
    for attempt in range(count):
        with TrainingProcess(digits, tmp_path / str(attempt), LONG) as process:
            process.wait_for_epoch(moments.randrange(1, 100))
            code = process.end(number)
        lost += losses(process, process.epochs()[-1]["epoch"])
        if code != 130 or process.events()[-1]["event"] != "run_stopped":
            lost.append(f"exit code {code}, at last {process.events()[-1]}")
        lost += states_but(process.home, RunState.STOPPED)
    assert lost == []
    tally(f"{number.name} without the app", count, len(lost))


@pytest.mark.soak
def test_storms_of_signals(
    digits: Path, dataset: Dataset, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    """The second one ends at once, wherever that is; what was kept opens and goes on."""
    moments, count, lost = random.Random(4), repeats(1, 30), list[str]()
    for attempt in range(count):
        with TrainingProcess(digits, tmp_path / str(attempt), LONG) as process:
            process.wait_for_epoch(moments.randrange(0, 60))
            kept = process.wait_until_kept() if attempt % 3 == 0 else 0
            while process.process.poll() is None:
                chosen = moments.choice((signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
                process.process.send_signal(chosen)
                time.sleep(moments.uniform(0, 0.02))
            code = process.end()
        lost += losses(process, kept, dataset)
        if code != 130 or "Traceback" in process.complaints():
            lost.append(f"exit code {code}: {process.complaints()}")
    assert lost == []
    tally("storms of signals without the app", count, len(lost))


@pytest.mark.soak
def test_a_terminal_that_is_closed_over_training(
    digits: Path, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    """What it still says has nowhere to go; the run is kept."""
    moments, count, lost = random.Random(5), repeats(1, 12), list[str]()
    for attempt in range(count):
        home = tmp_path / str(attempt)
        command = [*COMMAND, "train", f"--data={digits}", f"--home={home}", LONG, "--threads=1"]
        with Terminal(command, env={"MLX_DISABLE_COMPILE": "1"}) as terminal:
            terminal.wait_for(r"epoch +[1-9]|[1-9]\d*/100000")
            terminal.overlook(moments.uniform(0, 1))
            terminal.hang_up()
            code = terminal.wait_exit()
            if terminal.stray_processes():
                lost.append("a process is left")
        if code not in (1, 130):
            lost.append(f"exit code {code}")
        lost += states_but(home, RunState.STOPPED)
    assert lost == []
    tally("terminals closed over training without the app", count, len(lost))


def test_a_process_that_is_halted_goes_on_where_it_was(
    digits: Path, dataset: Dataset, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    moments, count, lost = random.Random(6), repeats(1, 8), list[str]()
    for attempt in range(count):
        with TrainingProcess(digits, tmp_path / str(attempt), LONG) as process:
            process.wait_for_epoch(moments.randrange(1, 60))
            process.process.send_signal(signal.SIGSTOP)
            told = process.epochs()[-1]["epoch"]
            time.sleep(repeats(1, 20))
            # Others see it as it is, and may not take it.
            lost += states_but(process.home, RunState.RUNNING)
            process.process.send_signal(signal.SIGCONT)
            process.wait_for_epoch(told + 5)
            code = process.end(signal.SIGTERM)
        lost += losses(process, process.epochs()[-1]["epoch"], dataset)
        if code != 130:
            lost.append(f"exit code {code}: {process.complaints()}")
    assert lost == []
    tally("halts by SIGSTOP", count, len(lost))


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_storms_of_signals_in_the_app(
    number: signal.Signals, digits: Path, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    moments, count, lost = random.Random(7), repeats(1, 10), list[str]()
    for attempt in range(count):
        home = tmp_path / str(attempt)
        command = [*COMMAND, f"--data={digits}", f"--home={home}", LONG, "--threads=1"]
        with Terminal(command, env={"MLX_DISABLE_COMPILE": "1"}) as app:
            app.wait_for("idle")
            app.send("r")
            app.wait_for(r"● running .* epoch [1-9]")
            app.overlook(moments.uniform(0, 1))
            app.signal(number)
            while app.overlook(moments.uniform(0, 0.05)):
                app.signal(number)
            code = app.wait_exit()
            if (code, app.unrestored(), app.stray_processes()) != (0, [], []):
                lost.append(f"exit code {code}: {app.unrestored()}, {app.screen()}")
        lost += states_but(home, RunState.STOPPED)
    assert lost == []
    tally(f"storms of {number.name} in the app", count, len(lost))


def states_but(home: Path, expected: RunState) -> list[str]:
    """How the one run at home stands, if it is not as expected."""
    with closing(RunStore(home)) as store:
        states = [run.state for run in store.runs()]
    return [] if states == [expected] else [f"{states} in place of {expected}"]
