"""Changing a run on a real terminal while it trains, and rescuing one that diverges."""

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.idx_folder import write_idx_folder
from helpers.terminal import Terminal
from mnist_core.recipe.changes import Change
from mnist_core.store import RunRecord, RunState, RunStore
from mnist_tui.lab.recipe_text import command_line

OpenTerminal = Callable[..., Terminal]
MNIST_TUI = Path(sys.executable).with_name("mnist-tui")
SMALL = ["--batch-size", "32", "--hidden-sizes", "8", "--threads", "1"]


def replayed(run: RunRecord, home: Path) -> dict[str, Any]:
    """The last event of the command that reproduces `run`."""
    command, *arguments = shlex.split(command_line(run))
    assert command == "mnist-tui"
    done = subprocess.run(
        [MNIST_TUI, *arguments, "--home", home, "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return last


def words(screen: str) -> str:
    """The screen with single blanks, so that lines may end anywhere."""
    return " ".join(screen.replace("│", " ").split())


def to_field(terminal: Terminal, label: str, downs: int) -> None:
    """Move down the form to a field, which is explained below once it has the focus."""
    if downs:
        terminal.send(*["down"] * downs)
    terminal.wait_for(rf"^│ +{label} +│")


@pytest.mark.parametrize(
    ("columns", "rows"), [pytest.param(80, 24, marks=pytest.mark.soak), (120, 40)]
)
def test_the_learning_rate_of_a_run_under_way(
    open_terminal: OpenTerminal, real_mnist: Path | None, tmp_path: Path, columns: int, rows: int
) -> None:
    home = tmp_path / "home"
    flags = ["--data", real_mnist or "synthetic", "--home", home, "--epochs", "100000"]
    flags += ["--threads", "1"]
    terminal = open_terminal([MNIST_TUI, *flags], columns=columns, rows=rows)
    terminal.wait_for("idle")
    terminal.send("r")
    terminal.wait_for(r"● running .* epoch [1-9]\d*/100000")
    terminal.send("e")
    terminal.wait_for("Charts")
    to_field(terminal, "Learning rate", 0)
    terminal.send("0.02")
    terminal.wait_for("enter applies; now 0.1")
    terminal.send("enter")
    terminal.wait_for(r"since step \d+")
    terminal.wait_for(r"● running")
    terminal.wait_for(r"lr 0.02")
    terminal.send("esc")
    terminal.wait_for("^ r ?Run")
    terminal.send("s")
    terminal.wait_for("stopped")
    (run,) = RunStore(home).runs()
    assert [(change.field, change.value) for change in run.changes] == [("learning_rate", 0.02)]
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []


def test_a_changed_run_is_repeated_by_its_command(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    digits, home = write_idx_folder(tmp_path / "digits"), tmp_path / "home"
    flags = ["--data", digits, "--home", home, "--epochs", "20", *SMALL]
    terminal = open_terminal([MNIST_TUI, *flags])
    terminal.wait_for("idle")
    terminal.send("n")
    terminal.wait_for("Train on how many batches")
    terminal.send("30")
    terminal.wait_for(r"│ +30 +│")
    terminal.send("enter")
    terminal.wait_for(r"‖ paused .* epoch 3/20 .* batch +4/13")
    terminal.send("e")
    terminal.wait_for("Charts")
    to_field(terminal, "Momentum", 1)
    terminal.send("0.9")
    terminal.wait_for("enter applies; now 0")
    to_field(terminal, "Batch size", 4)
    terminal.send("100")
    terminal.wait_for("enter applies; now 32")
    terminal.send("enter")
    terminal.wait_for("from epoch 4; now 32")
    terminal.send("esc")
    terminal.wait_for("^ r Run")
    terminal.send("p")
    terminal.wait_for("completed")
    terminal.send("q")
    assert terminal.wait_exit() == 0
    (run,) = RunStore(home).runs()
    assert run.changes == (Change(30, "momentum", 0.9), Change(39, "batch_size", 100))
    again = replayed(run, tmp_path / "again")
    assert (again["event"], again["epoch"]) == ("run_completed", 20)
    assert (again["test_accuracy"], again["test_loss"]) == (run.test_accuracy, run.test_loss)


def test_a_run_that_diverges_is_rescued(open_terminal: OpenTerminal, tmp_path: Path) -> None:
    digits, home = write_idx_folder(tmp_path / "digits"), tmp_path / "home"
    flags = ["--data", digits, "--home", home, "--epochs", "10", "--pixel-scaling", "none"]
    # Each update multiplies every weight by 1 - 2 * 10, until that overflows.
    rate = ["--learning-rate", "2", "--weight-decay", "10", "--activation", "leaky_relu"]
    terminal = open_terminal([MNIST_TUI, *flags, *SMALL, *rate], columns=80, rows=24)
    terminal.wait_for("idle")
    terminal.send("r")
    screen = terminal.wait_for("How is the run to go on")
    assert "paused" in screen
    assert "Pixels of 0 to 255 make large gradients" in screen
    # The choice can be put off, and asked for again.
    terminal.send("esc")
    terminal.wait_for(lambda screen: "press p to choose how to go on" in words(screen))
    terminal.send("p")
    halved = 0
    while True:
        screen = terminal.wait_for(r"Halve the learning rate|completed")
        if "completed" in screen:
            break
        terminal.send("enter")
        halved += 1
        rate_now = f"{2 / 2**halved:.12g}"

        def went_on(screen: str, now: str = rate_now) -> bool:
            return f"instead of {now}." in words(screen) or "completed" in screen

        terminal.wait_for(went_on)
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []
    (run,) = RunStore(home).runs()
    assert run.state is RunState.COMPLETED
    assert run.changes[-1].field == "learning_rate"
    assert run.changes[-1].value == 2 / 2**halved
    again = replayed(run, tmp_path / "again")
    assert again["event"] == "run_completed"
    assert (again["test_accuracy"], again["test_loss"]) == (run.test_accuracy, run.test_loss)
