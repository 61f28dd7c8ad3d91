"""Random keys and window sizes for the real app on a real terminal: it lives, and leaves tidily."""

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.random_input import RandomInput, Resized, Typed, Waited, code
from helpers.terminal import Terminal

OpenTerminal = Callable[..., Terminal]
MNIST_TUI = Path(sys.executable).with_name("mnist-tui")

SIZE = (120, 40)
STEPS_BACK = 12
"""Escapes that lead out of everything that can be open."""
REFUSALS = re.compile(r"^ValueError: .*validation", re.IGNORECASE)
"""Runs that fail since their values do not fit the data: the user is told, the log has it all."""


def test_random_keys_and_sizes_for_a_while(
    open_terminal: OpenTerminal, tmp_path: Path, repeats: Callable[[int, int], int]
) -> None:
    inputs = RandomInput(7, SIZE)
    try:
        terminal = opened(open_terminal, tmp_path)
        end = time.monotonic() + repeats(5, 120)
        while time.monotonic() < end:
            if not give(terminal, inputs):
                assert_left_tidily(terminal)
                terminal = opened(open_terminal, tmp_path)
        leave(terminal)
        assert_left_tidily(terminal)
        assert errors_in(tmp_path / "home" / "mnist-tui.log") == []
    except AssertionError as error:
        pytest.fail(f"{inputs.told()}\n{error}")


def opened(open_terminal: OpenTerminal, folder: Path) -> Terminal:
    flags = ["--data", "synthetic", "--home", folder / "home", "--threads", "1"]
    terminal = open_terminal([MNIST_TUI, *flags], *SIZE)
    terminal.wait_for("Learning rate")
    return terminal


def give(terminal: Terminal, inputs: RandomInput) -> bool:
    """Give it the next inputs; False: it has ended."""
    terminal.wake()
    for each in inputs.take():
        match each:
            case Typed(text):
                terminal.send(text)
            case Resized(columns, rows):
                terminal.resize(columns, rows)
            case Waited(seconds):
                if not terminal.overlook(seconds):
                    return False
    # About as fast as a key that is held down.
    return terminal.overlook(0.02)


def leave(terminal: Terminal) -> None:
    """Get out of whatever is open, and quit with ctrl+q."""
    terminal.wake()
    terminal.resize(*SIZE)
    for _ in range(STEPS_BACK):
        terminal.send(code("escape"))
        if not terminal.overlook(0.1):
            return
    terminal.send("ctrl+q")
    if not terminal.overlook(2.0):
        return
    terminal.send("enter")


def assert_left_tidily(terminal: Terminal) -> None:
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []
    assert terminal.stray_processes() == []


def errors_in(log: Path) -> list[str]:
    """The last lines of the tracebacks that should not be there."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [
        line for line in lines if re.match(r"\w*(Error|Exception)\b", line)
        and not REFUSALS.match(line)
    ]  # fmt: skip
