"""The walk of a person who has never seen the program: only keys that the screen shows."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.terminal import Terminal

OpenTerminal = Callable[..., Terminal]
MNIST_TUI = Path(sys.executable).with_name("mnist-tui")

NAMED = {"⏎": "enter", "↓": "down", "↑": "up", "esc": "esc", "enter": "enter", "space": "space"}


class Newcomer:
    """Presses a key only after reading it off the screen, beside the words for what it does."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    def press(self, command: str) -> None:
        """Press the key that the footer shows with `command`."""
        pattern = rf"(?:^|\s)(\S+) {command}(?:\s|$)"
        self.see(lambda screen: re.search(pattern, _footer(screen)))
        found = re.search(pattern, _footer(self.terminal.screen()))
        assert found is not None
        self.terminal.send(_key(found[1]))

    def press_as_told(self, words: str, which: int = 0) -> None:
        """Press one of the keys that stand before `words`, such as "↑↓ moves"."""
        pattern = rf"(\S+) {words}\b"
        found = re.search(pattern, self.see(pattern))
        assert found is not None
        keys = found[1] if found[1] in NAMED else list(found[1])[which]
        self.terminal.send(_key(keys))

    def see(self, wanted: str | Callable[[str], object]) -> str:
        """Wait for it on the screen, and return the screen."""
        return self.terminal.wait_for(wanted)

    def go_to_row(self, label: str) -> None:
        """Go down through the form to a row, whose label is bold once it is there."""
        x, _ = self.terminal.find(label)
        here = self._wait_for_row(x, but=-1)
        for _ in range(30):
            if self.terminal.find(label)[1] == here:
                return
            self.press_as_told("moves", which=1)
            here = self._wait_for_row(x, but=here)
        pytest.fail(f"{label} cannot be reached:\n{self.terminal.screen()}")

    def _wait_for_row(self, x: int, but: int) -> int:
        """Wait until a row has its label, in column `x`, in bold, and not that which had it before.

        So has the help about it, further down.
        """

        def bold() -> list[int]:
            # The first lines have the state and the title, the last one the footer.
            lines = range(3, len(self.terminal.screen().splitlines()) - 1)
            return [y for y in lines if self.terminal.cell(x, y).bold]

        self.see(lambda _screen: len(found := bold()) == 2 and found[0] != but)
        return bold()[0]


def _footer(screen: str) -> str:
    return screen.splitlines()[-1]


def _key(shown: str) -> str:
    return f"ctrl+{shown[1:]}" if re.fullmatch(r"\^[a-z]", shown) else NAMED.get(shown, shown)


@pytest.mark.parametrize(("columns", "rows"), [(120, 40), (80, 24)])
def test_a_newcomer_runs_compares_finds_the_worst_mistake_and_quits(
    open_terminal: OpenTerminal, real_mnist: Path | None, tmp_path: Path, columns: int, rows: int
) -> None:
    home = tmp_path / "home"
    flags = ["--data", real_mnist or "synthetic", "--home", home, "--epochs", "2"]
    flags += ["--threads", "1"]
    terminal = open_terminal([MNIST_TUI, *flags], columns=columns, rows=rows)
    newcomer = Newcomer(terminal)

    newcomer.see("trains a network")
    newcomer.see("idle")
    newcomer.press("Run")
    newcomer.see(r"✓ completed .* epoch 2/2")

    newcomer.press("Edit")
    newcomer.see("moves, enter runs")
    newcomer.go_to_row("Learning rate")
    terminal.send("0.05")
    newcomer.see(r"Learning rate *\*?0\.05 ")
    newcomer.press_as_told("runs")
    newcomer.see("before: lr 0.1 · test")
    newcomer.see(r"✓ completed .* epoch 2/2")

    newcomer.press("Runs")
    newcomer.see(r"✓ completed +run 2 .*\n.*✓ completed +run 1 ")
    newcomer.see(r"lr 0\.05" if columns < 100 else r"Learning +0\.05 +0\.1\b")
    newcomer.press("Mark")
    newcomer.press_as_told("moves", which=1)
    newcomer.see(lambda screen: all(re.search(rf"━\S run {run} \d", screen) for run in (1, 2)))

    newcomer.press("Mistakes")
    screen = newcomer.see(r"loss \d+\.\d+")
    seen = re.search(r"test (\d+) · true (\S+) · says (\S+) ✗ ([\d.]+) %", screen)
    loss = re.search(r"loss (\d+\.\d+)", screen)
    assert seen is not None, screen
    assert loss is not None, screen

    newcomer.press("Train")
    newcomer.see("before: lr 0.1 · test")
    newcomer.press("Find")
    newcomer.see(r" 49, 4>9, conf>0\.9")
    terminal.send("49")
    newcomer.see("true 4 · says 9 ✗")
    terminal.send("enter")

    newcomer.press("Quit")
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []

    runs = told("runs", "list", "--home", home)
    latest = next(run for run in runs if run["name"] == "run 2")
    assert latest["hyperparameters"]["learning_rate"] == 0.05
    (worst,) = told("runs", "mistakes", latest["id"], "--top", "1", "--home", home)
    assert [str(worst[key]) for key in ("index", "true", "predicted")] == list(seen.groups()[:3])
    assert float(loss[1]) == pytest.approx(worst["loss"], abs=1e-4)
    assert float(seen[4]) == pytest.approx(100 * worst["confidence"], abs=0.05)


def told(*arguments: str | Path) -> list[dict[str, Any]]:
    """The objects that a command prints with --json."""
    command = [MNIST_TUI, *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
