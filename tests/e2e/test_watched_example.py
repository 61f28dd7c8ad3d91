"""A loop of somebody else's is watched on a real terminal while it goes on in its own process."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from helpers.imagined_machine import CHECKOUT
from helpers.terminal import Terminal

MNIST_TUI = Path(sys.executable).with_name("mnist-tui")
EXAMPLE = CHECKOUT / "examples" / "mlx_mnist.py"


def step(screen: str) -> int:
    """Where the recording is, as its first line says."""
    found = re.search(r"mlx docs +step ([\d ]+?)  ", screen)
    return int(found[1].replace(" ", "")) if found else -1


def test_an_example_is_watched_live(open_terminal: Callable[..., Terminal], tmp_path: Path) -> None:
    home = tmp_path / "home"
    with subprocess.Popen(
        [sys.executable, EXAMPLE, "--samples", "500", "--epochs", "1000000"],
        env={**os.environ, "MNIST_TUI_HOME": str(home)},
        stdout=subprocess.DEVNULL,
    ) as example:
        try:
            flags = ["--data", "synthetic", "--home", home, "--threads", "1"]
            terminal = open_terminal([MNIST_TUI, *flags], columns=120, rows=40)
            terminal.wait_for("idle")
            terminal.send("3")
            terminal.wait_for(r"● running +mlx docs")
            terminal.send("enter")
            first = step(terminal.wait_for(lambda screen: step(screen) > 0))
            assert "train/loss" in terminal.wait_for("test/accuracy")
            terminal.wait_for(lambda screen: step(screen) > first)
            example.send_signal(signal.SIGKILL)
            terminal.wait_for(r"⊘ interrupted +mlx docs")
        finally:
            example.kill()
    terminal.send("escape")
    terminal.wait_for(r"⊘ interrupted +mlx docs +lr 0.1")
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert "Traceback" not in terminal.output()
