"""A race of engines on a real terminal: chosen, watched, kept, and left without a trace."""

import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from helpers.race_on_terminal import choose, tick_only
from helpers.terminal import PATIENCE, Terminal
from mnist_core.benchmark.kept_race import kept_races
from mnist_core.store import RaceState, RunStore

OpenTerminal = Callable[..., Terminal]
MNIST_TUI = Path(sys.executable).with_name("mnist-tui")


def curves(screen: str) -> int:
    """How many cells of the screen are drawn in braille."""
    return sum("\u2801" <= character <= "\u28ff" for character in screen)


def workers_of(home: Path, patience: float = PATIENCE) -> list[str]:
    """The engines' processes that the program with this home has left; they may be ending.

    They have sessions of their own, so the terminal does not count them. Only Linux tells.
    """
    deadline = time.monotonic() + patience
    while (left := _workers(home)) and time.monotonic() < deadline:
        select.select([], [], [], 0.05)
    return left


def _workers(home: Path) -> list[str]:
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
        if b"mnist_core.benchmark.worker" in command and str(home).encode() in environment:
            found.append(folder.name)
    return found


def test_a_race_is_watched_and_kept(open_terminal: OpenTerminal, tmp_path: Path) -> None:
    home = tmp_path / "home"
    terminal = open_terminal(
        [MNIST_TUI, "--data", "synthetic", "--home", home], env={"MNIST_TUI_HOME": str(home)}
    )
    terminal.wait_for("idle")
    choose(terminal, "linear", "2")
    tick_only(terminal, "mlx-fast", "numpy-float64")
    terminal.send("esc")
    terminal.wait_for(lambda screen: "esc Chart" not in screen)
    assert not curves(terminal.screen())

    terminal.send("r")
    terminal.wait_for(lambda screen: curves(screen) > 20)
    screen = terminal.wait_for(r"✓ completed")
    # It does not wait for who looks, but what it showed on the way has been written.
    assert re.search(r"● racing.*warming up.*[a-z0-9-]+ · round \d of 2", terminal.output(), re.S)
    assert re.search(r"● mlx-fast +\d[\d ]* +[\d ]+ to [\d ]+ +\d\.\d\d", screen)
    assert re.search(r"■ numpy-float64 +\d[\d ]*", screen)
    assert "Test error against seconds" in screen
    assert re.search(r"✓ linear +just now", screen)
    assert workers_of(home) == []

    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []
    assert terminal.stray_processes() == []
    assert "Traceback" not in terminal.output()
    (kept,) = kept_races(RunStore(home).races.all())
    assert kept.record.state is RaceState.COMPLETED
    assert len(kept.score.laps) == 4


def test_quitting_in_the_middle_ends_the_engines(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    terminal = open_terminal(
        [MNIST_TUI, "--data", "synthetic", "--home", home], env={"MNIST_TUI_HOME": str(home)}
    )
    terminal.wait_for("idle")
    choose(terminal, "logistic", "9")
    tick_only(terminal, "mlx-published", "numpy-float64")
    terminal.send("esc")
    terminal.wait_for(lambda screen: "esc Chart" not in screen)
    terminal.send("r")
    terminal.wait_for(r"● racing +[a-z0-9-]+ · round [2-9] of 9")
    engines = _workers(home)
    assert engines or not Path("/proc/self").exists()
    for engine in engines:
        # The race waits for the test, however busy the machine is.
        os.kill(int(engine), signal.SIGSTOP)

    terminal.send("1")
    terminal.wait_for("Hyperparameters")
    terminal.send("r")
    terminal.wait_for("A race is under way")
    terminal.send("q")
    terminal.wait_for("Stop and quit")
    terminal.send("enter")
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []
    assert workers_of(home) == []
    (kept,) = kept_races(RunStore(home).races.all())
    assert kept.record.state is RaceState.STOPPED
    assert kept.score.laps
