"""Looking into the network on a real terminal, while a preset trains."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from helpers.terminal import Terminal

OpenTerminal = Callable[..., Terminal]
MNIST_TUI = Path(sys.executable).with_name("mnist-tui")
COLUMNS, ROWS = 120, 40

Picture = tuple[tuple[str, str], ...]
"""The colours of the half-blocks above a caption, from left to right and top to bottom."""


def pictures(terminal: Terminal) -> dict[int, Picture]:
    """Those of the units on the page, by index: each stands above its caption, such as 12 1.98."""
    screen = terminal.screen().splitlines()
    edge = screen[0].index("╮")
    captions = [
        (int(found[1]), found.start(), found.end(), y)
        for y, line in enumerate(screen)
        for found in re.finditer(r"▸?\b(\d+) (?:∅ )?\d+\.\d\d\b", line[:edge])
    ]
    lines_with = sorted({y for *_, y in captions})
    found = {}
    for unit, left, right, y in captions:
        above = max((line for line in lines_with if line < y), default=0)
        middle = (left + right) // 2
        columns = range(max(1, middle - 6), middle + 6)
        cells = [terminal.cell(x, row) for row in range(above + 1, y) for x in columns]
        found[unit] = tuple((cell.fg, cell.bg) for cell in cells if cell.data == "▀")
    return found


def test_the_pictures_of_units_are_there_and_follow_the_training(
    open_terminal: OpenTerminal, real_mnist: Path | None, tmp_path: Path
) -> None:
    data = real_mnist or "synthetic"
    flags = ["--preset", "mlx-docs", "--data", data, "--home", tmp_path / "home"]
    flags += ["--epochs", "100000", "--threads", "1"]
    terminal = open_terminal([MNIST_TUI, *flags], columns=COLUMNS, rows=ROWS)
    terminal.wait_for("idle")
    terminal.send("r")
    terminal.wait_for(r"● running .* epoch ([2-9]|\d\d+)/100000")
    terminal.send("6")
    terminal.wait_for(r"Layer 1/2 · 32 units · \d+ dead")
    terminal.wait_for("Unit .* training")
    before = pictures(terminal)
    assert len(before) >= 4
    for unit, picture in before.items():
        assert len(picture) >= 40, f"unit {unit} has no picture"
        # A picture of weights, not a plain ground: many shades, of blue and of orange.
        assert len(set(picture)) >= 8, f"unit {unit} is a smudge"

    def all_others(_screen: str) -> bool:
        now = pictures(terminal)
        return now.keys() == before.keys() and all(now[each] != before[each] for each in before)

    terminal.wait_for(all_others)

    terminal.send("1", "s")
    terminal.wait_for(r"■ stopped .* epoch \d+/100000")
    terminal.send("6")
    terminal.wait_for("Unit .*(?:in|after) epoch")
    at_rest = pictures(terminal)
    assert all(len(set(picture)) >= 8 for picture in at_rest.values())
    shown = terminal.screen()
    terminal.send("right")
    terminal.wait_for(lambda screen: screen != shown)
    assert pictures(terminal).keys() == at_rest.keys()
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []
    assert "Traceback" not in terminal.output()
