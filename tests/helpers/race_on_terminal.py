"""The race screen on a terminal: what is to be raced, and who takes part."""

import re

from helpers.terminal import Terminal


def tick_only(terminal: Terminal, *names: str) -> None:
    """Click the boxes until those of `names` are ticked and no others."""
    for line in terminal.screen().splitlines():
        found = re.search(r"\[([x ])\] . ([a-z0-9-]+)", line)
        if found and (found[1] == "x") != (found[2] in names):
            x, y = terminal.find(f" {found[2]} ")
            terminal.click(x + 2, y)
            box = "x" if found[2] in names else " "
            terminal.wait_for(rf"\[{box}\] . {found[2]} ")


def choose(terminal: Terminal, task: str, rounds: str) -> None:
    terminal.send("4")
    terminal.wait_for("Choose who races")
    terminal.send("e")
    terminal.wait_for("esc Chart")
    for other in ("linear", "logistic"):
        # A letter chooses the next task that begins with it.
        terminal.send("l")
        terminal.wait_for(rf"Task +{other} ")
        if other == task:
            break
    x, y = terminal.find("Rounds")
    terminal.click(x + 9, y)
    terminal.send(rounds)
    terminal.wait_for(rf"Rounds +{rounds} ")
