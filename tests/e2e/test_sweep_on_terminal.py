"""A sweep on a real terminal: begun from typed ranges, its best run opened and forked."""

import re
import select
import signal
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from helpers.terminal import PATIENCE, Terminal
from mnist_core.store import RunStore

OpenTerminal = Callable[..., Terminal]
MNIST_TUI = Path(sys.executable).with_name("mnist-tui")


def left_of(home: Path) -> list[str]:
    """The processes that sweep for this home: the command, and its workers. Only Linux tells."""
    found: list[str] = []
    if not Path("/proc/self").exists():
        return found
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            command = (folder / "cmdline").read_bytes()
            environment = (folder / "environ").read_bytes()
        except OSError:  # it ended since the folder was listed, or is another user's
            continue
        sweeps = b"mnist_core.sweep.worker" in command or b"--json" in command
        if sweeps and str(home).encode() in environment:
            found.append(folder.name)
    return found


def open_sweeps(open_terminal: OpenTerminal, home: Path, *flags: str) -> Terminal:
    terminal = open_terminal(
        [MNIST_TUI, "--data", "synthetic", "--home", home, *flags],
        env={"MNIST_TUI_HOME": str(home)},
    )
    terminal.wait_for("idle")
    terminal.send("5")
    terminal.wait_for("next: hidden layers, learning rate")
    return terminal


def test_a_sweep_is_begun_watched_opened_and_forked(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    assert find_spec("optuna"), "the tests need what dev installs"
    home = tmp_path / "home"
    terminal = open_sweeps(open_terminal, home, "--epochs", "1")
    terminal.send("e", "end", "|", "16")
    terminal.wait_for(re.escape("32|64|128|16"))
    x, y = terminal.find("(20; grid")
    terminal.click(x + 1, y)
    terminal.send("3", "enter")
    terminal.wait_for(r"● running +sweep-1")
    screen = terminal.wait_for(r"✓ completed +sweep-1  3/3 finished · best 0\.\d+ \(trial \d\)")
    assert re.search(r"1 +\d +0\.\d{4} +1/1 +(16|32|64|128) ", screen)
    assert left_of(home) == []
    runs = RunStore(home).runs()
    assert len(runs) == 3

    terminal.send("enter")
    terminal.wait_for(r"✓ completed +run \d  epoch 1/1")
    terminal.send("5")
    terminal.wait_for("3/3 finished")
    terminal.send("f")
    screen = terminal.wait_for("The form has the values of run")
    shown = re.search(r"Learning rate +([0-9.]+)", screen)
    assert shown is not None
    rates = [run.hyperparameters.learning_rate for run in runs]
    # The field shows the end of a long number.
    assert any(shown[1] in f"{rate:.12g}" for rate in rates)

    terminal.send("esc", "q")
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []
    assert terminal.stray_processes() == []


def test_nothing_of_a_sweep_outlives_an_app_that_is_killed(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    terminal = open_sweeps(open_terminal, home, "--epochs", "100000")
    terminal.send("r")
    terminal.wait_for(r"● +\d +0\.\d{4} +\d+/100000")
    if Path("/proc/self").exists():
        assert len(left_of(home)) >= 2, "the command and a worker"
    terminal.signal(signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while left_of(home) and time.monotonic() < deadline:
        select.select([], [], [], 0.05)
    assert left_of(home) == []
    assert {run.state.value for run in RunStore(home).runs()} == {"stopped"}, "they are kept"
