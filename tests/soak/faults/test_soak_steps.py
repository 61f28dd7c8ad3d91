"""A step that fails: an error of MLX, no memory, a thread that cannot start."""

import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from helpers.faulty_system import FaultySystem
from helpers.terminal import Terminal
from helpers.training_process import COMMAND, TrainingProcess, four_at_a_time, losses
from mnist_core.data.dataset import Dataset
from mnist_core.store import RunState, RunStore

Repeats = Callable[[int, int], int]
Tally = Callable[..., None]

FAILING = """
import itertools, sys
import mnist_core.network.learner as learner
update, calls = learner.Learner.update, itertools.count(1)
def failing(self, *arguments, **options):
    if next(calls) == {call}:
        {failure}
    return update(self, *arguments, **options)
learner.Learner.update = failing
from mnist_tui.cli import main
main()
"""
"""The program with an update that fails."""
FAILURES = {
    "a shape": "learner.mx.eval(learner.mx.ones((2, 3)) @ learner.mx.ones((2, 3)))",
    "an unknown error": "raise RuntimeError('[metal::Device] it is gone')",
    "memory": "raise RuntimeError('[malloc] Unable to allocate 68719476736 bytes.')",
    "memory of Python": "raise MemoryError",
}


@pytest.mark.soak
@pytest.mark.parametrize("failure", FAILURES)
def test_an_update_that_fails(
    failure: str, digits: Path, dataset: Dataset, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    lost, calls = list[str](), [1, 2, 7, 20, 51][: repeats(1, 5)]
    for call in calls:
        command = program(failure, call)
        with TrainingProcess(digits, tmp_path / str(call), "--epochs=60", command=command) as run:
            code = run.end()
        end = run.events()[-1]
        if code != 1 or end["event"] != "run_failed" or "Traceback" in run.complaints():
            lost.append(f"{call}: {code}, {end}, {run.complaints()}")
        if "memory" in failure and "not enough memory" not in end["message"]:
            lost.append(f"{call}: {end}")
        lost += losses(run, run.epochs()[-1]["epoch"], dataset)
        with closing(RunStore(run.home)) as store:
            if [each.state for each in store.runs()] != [RunState.FAILED]:
                lost.append(f"{call}: {store.runs()}")
    assert lost == []
    tally(f"updates that fail with {failure}", len(calls), len(lost))


@pytest.mark.soak
def test_an_update_that_fails_in_the_app(
    digits: Path, tmp_path: Path, repeats: Repeats, tally: Tally
) -> None:
    """It says so, and the next run is as good as any."""
    lost, failures = list[str](), list(FAILURES)[: repeats(1, 4)]
    for failure in failures:
        home = tmp_path / failure
        flags = [f"--data={digits}", f"--home={home}", "--epochs=100000", "--threads=1"]
        env = {"MLX_DISABLE_COMPILE": "1"}
        with Terminal([*program(failure, 30), *flags], env=env) as app:
            app.wait_for("idle")
            app.send("r")
            app.wait_for(r"failed .* epoch \d+")
            app.send("r")
            app.wait_for(r"● running .* epoch \d\d+/")
            app.send("s")
            app.wait_for("stopped")
            app.send("q")
            if app.wait_exit() != 0 or app.unrestored():
                lost.append(f"{failure}: the app does not end well")
        with closing(RunStore(home)) as store:
            states = {run.state for run in store.runs()}
        if states != {RunState.FAILED, RunState.STOPPED}:
            lost.append(f"{failure}: {states}")
    assert lost == []
    tally("updates that fail in the app", len(failures), len(lost))


@pytest.mark.soak
def test_a_limit_on_memory(digits: Path, dataset: Dataset, tmp_path: Path, tally: Tally) -> None:
    """MLX may end the process, as a kill would; what was kept before is there."""
    lost, limits = list[str](), range(300, 3100, 200)

    def start(megabytes: int) -> TrainingProcess:
        limited = ["bash", "-c", f'ulimit -v {megabytes * 1000}; exec "$@"', "-", *COMMAND]
        wide = ["--hidden-sizes=4000,4000", "--optimizer=adam", "--epochs=3"]
        return TrainingProcess(digits, tmp_path / str(megabytes), *wide, command=limited)

    for megabytes, run in four_at_a_time(limits, start):
        code = run.end()
        lost += [f"{megabytes} MB: {each}" for each in losses(run)]
        if code not in (0, 1, -signal.SIGSEGV, -signal.SIGABRT):
            lost.append(f"{megabytes} MB: exit code {code}")
        ended = run.events()[-1:]
        if code == 1 and not (ended and ended[0]["event"] in ("run_failed", "run_diverged")):
            lost.append(f"{megabytes} MB: {ended} {run.complaints()}")
    assert lost == []
    tally("limits on memory", len(limits), len(lost))


@pytest.mark.soak
def test_threads_that_cannot_start(
    digits: Path, dataset: Dataset, faulty: FaultySystem, tmp_path: Path, tally: Tally
) -> None:
    """The n-th and all after it; OpenBLAS ends the process by itself where it is its own."""
    lost, numbers = list[str](), range(1, 12)

    def start(number: int) -> TrainingProcess:
        return TrainingProcess(
            digits, tmp_path / str(number), "--epochs=2", env=faulty.threads(number)
        )

    for number, run in four_at_a_time(numbers, start):
        code = run.end()
        lost += [f"{number}: {each}" for each in losses(run, dataset=dataset)]
        said = run.complaints()
        if code not in (0, 1, 130) or "Traceback" in said or "unexpected" in said:
            lost.append(f"{number}: exit code {code}: {said}")
        if code == 0 and "Kept as run" not in said and "not kept" not in said:
            lost.append(f"{number}: {said}")
    assert lost == []
    tally("threads that cannot start", len(numbers), len(lost))


@pytest.mark.soak
def test_threads_that_cannot_start_in_the_app(
    digits: Path, faulty: FaultySystem, tmp_path: Path, tally: Tally
) -> None:
    """It opens and says what it cannot do, or ends with a sentence."""
    lost, numbers = list[str](), range(1, 14)
    for number in numbers:
        home = tmp_path / str(number)
        flags = [f"--data={digits}", f"--home={home}", "--epochs=100000", "--threads=1"]
        env = {"MLX_DISABLE_COMPILE": "1", **faulty.threads(number)}
        # The variables are for the program alone, not for what takes the terminal for it.
        command = ["env", *(f"{name}={value}" for name, value in env.items()), *COMMAND, *flags]
        with Terminal(command) as app:
            app.overlook(2)
            app.resize(120, 41)
            if app.overlook(3):
                app.send("r")
                if app.overlook(3):
                    app.send("s")
                    app.overlook(1)
                    app.send("q")
                    app.overlook(1)
                    app.send("ctrl+q", "enter")
            code = app.wait_exit()
            if code not in (0, 1, 130) or app.unrestored() or "Traceback" in app.screen():
                lost.append(f"{number}: exit code {code}: {app.unrestored()} {app.screen()}")
        with closing(RunStore(home)) as store:
            if not {run.state for run in store.runs()} <= {RunState.STOPPED, RunState.FAILED}:
                lost.append(f"{number}: {store.runs()}")
    assert lost == []
    tally("threads that cannot start in the app", len(numbers), len(lost))


def program(failure: str, call: int) -> list[str]:
    code = FAILING.format(call=call, failure=FAILURES[failure])
    return [*COMMAND[:2], code]
