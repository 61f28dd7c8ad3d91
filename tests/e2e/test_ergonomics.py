"""What the terminal sees of NO_COLOR, the configuration file, the first launch and small sizes."""

import re
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from helpers.terminal import Terminal

OpenTerminal = Callable[..., Terminal]
MNIST_TUI = Path(sys.executable).with_name("mnist-tui")
COLOURS = re.compile(r"(?<![0-9])(3[0-8]|4[0-8]|9[0-7]|10[0-7])(?![0-9])")


def app(home: Path) -> list[str | Path]:
    return [
        MNIST_TUI,
        "--data",
        "synthetic",
        "--home",
        home,
        "--epochs",
        "100000",
        "--threads",
        "1",
    ]


def colours(output: str) -> set[str]:
    """The colours that were written, as the parameters of SGR; the terminal's own are none."""
    return {
        found
        for parameters in re.findall(r"\x1b\[([0-9;:]*)m", output)
        for found in COLOURS.findall(parameters)
    }


def quit_app(terminal: Terminal) -> None:
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []


def test_no_color_writes_none_and_empty_means_nothing(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    without = open_terminal(app(tmp_path), env={"NO_COLOR": "1"})
    without.wait_for("Learning rate")
    without.send("r")
    without.wait_for(r"epoch \d+ · \d+ of \d+ right")
    without.send("s")
    without.wait_for("■ stopped")
    for key in ("2", "3", "?"):
        without.send(key)
        without.wait_for({"2": "Confusion", "3": "Runs · 1", "?": "Help"}[key])
    without.send("esc")
    without.wait_for(lambda screen: "/ searches" not in screen)
    quit_app(without)
    assert colours(without.output()) == set()
    usual = open_terminal(app(tmp_path), env={"NO_COLOR": ""})
    usual.wait_for("Learning rate")
    quit_app(usual)
    assert "38" in colours(usual.output())


def test_launches_guide_until_there_is_a_run(open_terminal: OpenTerminal, tmp_path: Path) -> None:
    first = open_terminal(app(tmp_path), columns=80, rows=24)
    first.wait_for("trains a network")
    first.wait_for("Learning rate")
    first.send("e")
    first.wait_for(lambda screen: "trains a network" not in screen and "esc Charts" in screen)
    first.send("ctrl+r")
    first.wait_for(r"● running .* epoch")
    first.send("esc")
    first.wait_for(r"\? *Help +q *Quit")
    first.send("s")
    first.wait_for("■ stopped")
    quit_app(first)
    second = open_terminal(app(tmp_path), columns=80, rows=24)
    second.wait_for("Learning rate")
    second.wait_for("idle")
    assert "trains a network" not in second.output()
    quit_app(second)


def test_a_broken_file_is_told_and_what_is_whole_is_obeyed(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    text = 'theme = "norrd"\npreset = "mlx-wide"\n[keys]\nquit = "Q"\n'
    (tmp_path / "config.toml").write_text(text)
    terminal = open_terminal(app(tmp_path))
    notice = "config.toml, line 1: theme: 'norrd' is not usable"
    terminal.wait_for(lambda screen: notice in " ".join(screen.split()))
    terminal.wait_for("256, 256")
    terminal.send("Q")
    assert terminal.wait_exit() == 0
    assert (tmp_path / "config.toml").read_text() == text


def test_a_terminal_that_is_too_small_says_so_until_it_is_not(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    terminal = open_terminal(app(tmp_path))
    terminal.wait_for("Learning rate")
    terminal.send("r")
    terminal.wait_for(r"● running .* epoch")
    terminal.resize(50, 15)
    terminal.wait_for("this terminal has 50 x 15")
    terminal.wait_for(r"● running .* epoch")
    terminal.resize(60, 20)
    terminal.wait_for("Learning rate")
    terminal.resize(50, 15)
    terminal.wait_for("needs at least 60 columns")
    terminal.send("q")
    terminal.wait_for("Stop and quit")
    terminal.send("enter")
    assert terminal.wait_exit() == 0
    assert terminal.stray_processes() == []


def told_since(terminal: Terminal, length: int, words: str, _screen: str) -> bool:
    return words in terminal.output()[length:]


def test_a_program_that_was_stopped_from_outside_goes_on_once(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    terminal = open_terminal(app(tmp_path))
    terminal.wait_for("idle")
    threads = terminal.threads()
    for _ in range(2):
        before = len(terminal.output())
        terminal.signal(signal.SIGSTOP)
        terminal.signal(signal.SIGCONT)
        # It may have been anywhere: all is drawn anew.
        for words in ("Hyperparameters", "Quit"):
            terminal.wait_for(partial(told_since, terminal, before, words))
        assert terminal.threads() == threads
    terminal.send("r")
    terminal.wait_for("● running")
    terminal.send("s")
    terminal.wait_for("■ stopped")
    quit_app(terminal)


def test_ctrl_z_gives_the_terminal_back_until_the_program_goes_on(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    terminal = open_terminal(app(tmp_path))
    terminal.wait_for("idle")
    terminal.send("r")
    terminal.wait_for(r"● running .* epoch [2-9]")
    # Inside a field too.
    terminal.send("e")
    terminal.wait_for("moves, enter applies")
    terminal.send("ctrl+z")
    terminal.wait_for(lambda _screen: terminal.restored())
    before = terminal.output()
    assert terminal.overlook(1.0), "it still runs"
    assert terminal.output() == before, "it is halted"
    terminal.signal(signal.SIGCONT)
    # What changes by itself is drawn anyway; the frame of the form and the footer do not.
    terminal.wait_for(
        lambda _screen: all(
            words in terminal.output()[len(before) :]
            for words in ("● running", "Hyperparameters", "Momentum", "Quit")
        )
    )
    assert not terminal.restored()
    terminal.send("esc", "s")
    terminal.wait_for("■ stopped")
    quit_app(terminal)
