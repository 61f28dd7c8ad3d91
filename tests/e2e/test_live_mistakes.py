"""Looking at mistakes on a real terminal, while the model learns."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.terminal import Terminal

OpenTerminal = Callable[..., Terminal]
MNIST_TUI = Path(sys.executable).with_name("mnist-tui")


def gallery_title(screen: str) -> str:
    found: list[str] = re.findall(r"(?:Wrong|All|Samples) · [^─╮]*", screen)
    return found[0]


def sample(screen: str) -> str:
    found: list[str] = re.findall(r"Sample \d+", screen)
    return found[0]


def wrong(screen: str) -> int:
    """How many mistakes the gallery tells of."""
    return int(re.findall(r"Wrong · ([\d ]+) of", screen)[0].replace(" ", ""))


@pytest.mark.parametrize(
    ("columns", "rows"), [pytest.param(80, 24, marks=pytest.mark.soak), (120, 40)]
)
def test_mistakes_of_a_run_under_way(
    open_terminal: OpenTerminal, real_mnist: Path | None, tmp_path: Path, columns: int, rows: int
) -> None:
    data = real_mnist or "synthetic"
    flags = ["--data", data, "--home", tmp_path / "home", "--epochs", "100000"]
    flags += ["--threads", "1"]
    terminal = open_terminal([MNIST_TUI, *flags], columns=columns, rows=rows)
    terminal.wait_for("idle")
    terminal.send("2")
    terminal.wait_for(r"Samples · [\d ]+ of [\d ]+ test")
    terminal.send("1", "r")
    terminal.wait_for(r"● running .* epoch ([2-9]|\d\d+)/100000")
    terminal.send("2")
    terminal.wait_for(r"Wrong · [\d ]+ of [\d ]+ test · epoch \d+")
    first = gallery_title(terminal.screen())
    terminal.wait_for(lambda screen: gallery_title(screen) != first)

    terminal.send("m")
    terminal.wait_for(r"Confusion · .* · epoch \d+ · \d\d\.\d\d % right")
    terminal.send("enter")
    terminal.wait_for(r"All · 0 as 0")
    terminal.send("esc")
    terminal.wait_for(r"Wrong · [\d ]+ of")
    before = sample(terminal.screen())
    terminal.send("[")
    terminal.send("right")
    terminal.wait_for(lambda screen: sample(screen) != before)
    terminal.send("/")
    # The run goes on, but by now an earlier epoch is looked at, which stays as it is.
    everything = wrong(terminal.wait_for("conf>0.9, loss>3"))
    terminal.send(*"true:4")
    terminal.wait_for(lambda screen: 0 < wrong(screen) < everything)
    terminal.send("enter")
    terminal.send("esc")
    terminal.wait_for(lambda screen: wrong(screen) == everything)
    terminal.send("w", "a")
    terminal.wait_for(r"All · ")

    terminal.send("1", "s")
    terminal.wait_for(r"■ stopped .* epoch \d+/100000")
    terminal.send("2")
    terminal.wait_for("All · ")
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []
    assert "Traceback" not in terminal.output()
