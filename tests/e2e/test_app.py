"""The whole main job on a real terminal: edit, run, watch, restart, quit."""

import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.terminal import Terminal
from mnist_core.store import RunState, RunStore

OpenTerminal = Callable[..., Terminal]
MNIST_TUI = Path(sys.executable).with_name("mnist-tui")
LONG = ["--epochs", "100000", "--threads", "1"]
"""A run that does not end by itself."""


@pytest.fixture
def app(real_mnist: Path | None) -> list[str | Path]:
    """The command that opens the app: on real MNIST where it is, else on synthetic digits."""
    return [MNIST_TUI, "--data", real_mnist or "synthetic", *LONG]


def type_learning_rate(terminal: Terminal, value: str) -> None:
    x, y = terminal.find("Learning rate")
    terminal.click(x + 18, y)
    terminal.send("end", "ctrl+u")
    terminal.wait_for("Takes a number above 0")
    terminal.send(value)
    terminal.wait_for(rf"Learning rate *\*?{re.escape(value)} ")


def curves(screen: str) -> str:
    """What of the screen is drawn in braille: the live curves."""
    return "".join(character for character in screen if "\u2801" <= character <= "\u28ff")


def samples_title(screen: str) -> str:
    found: list[str] = re.findall(r"run \d+ · epoch [^─│╮]*", screen)
    return found[0]


def test_train_edit_restart_and_quit(
    open_terminal: OpenTerminal, app: list[str | Path], repeats: Callable[[int, int], int]
) -> None:
    for _ in range(repeats(1, 20)):
        train_edit_restart_and_quit(open_terminal(app))


def train_edit_restart_and_quit(terminal: Terminal) -> None:
    terminal.wait_for("idle")
    assert not curves(terminal.screen())

    type_learning_rate(terminal, "0.05")
    terminal.send("enter")
    terminal.wait_for(r"● running .* epoch \d+/100000")
    terminal.wait_for(lambda screen: len(curves(screen)) > 20)
    first = terminal.screen()
    terminal.wait_for(lambda screen: curves(screen) != curves(first))
    terminal.wait_for(r"epoch \d+ · \d+ of \d+ right")
    looked = terminal.screen()
    terminal.wait_for(lambda screen: samples_title(screen) != samples_title(looked))

    type_learning_rate(terminal, "0.2")
    terminal.send("ctrl+r")
    terminal.wait_for("A run is under way")
    terminal.send("enter")
    terminal.wait_for("before: lr 0.05")
    terminal.wait_for(r"● running .* epoch \d+/100000")

    terminal.send("esc")
    terminal.wait_for("^ r Run")
    terminal.send("q")
    terminal.wait_for("Stop and quit")
    terminal.send("enter")
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []
    assert terminal.stray_processes() == []
    assert "Traceback" not in terminal.output()


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (200, 60)])
def test_other_sizes_and_a_resize_while_training(
    open_terminal: OpenTerminal, app: list[str | Path], columns: int, rows: int
) -> None:
    terminal = open_terminal(app, columns, rows)
    terminal.wait_for("idle")
    assert "Learning rate" in terminal.screen()
    terminal.send("r")
    terminal.wait_for(r"● running .* epoch \d+/100000")
    terminal.resize(rows + 40, columns // 3)
    terminal.wait_for(r"● running .* epoch \d+/100000")
    terminal.resize(columns, rows)
    terminal.wait_for(r"● running .* epoch \d+/100000")
    terminal.wait_for("right ─")
    terminal.send("s")
    terminal.wait_for("stopped")
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert terminal.restored()


def test_wrong_samples_are_marked_by_sign_and_colour(
    open_terminal: OpenTerminal, app: list[str | Path]
) -> None:
    # A learning rate this small keeps the network guessing.
    terminal = open_terminal([*app, "--learning-rate", "0.00001"])
    terminal.wait_for("idle")
    terminal.send("r")
    terminal.wait_for("✗")
    x, y = terminal.find("✗")
    red, green, blue = (int(terminal.cell(x, y).fg[i : i + 2], 16) for i in (0, 2, 4))
    assert red > 1.3 * green
    assert red > 1.3 * blue
    terminal.send("ctrl+q")
    terminal.wait_for("Stop and quit")
    terminal.send("enter")
    assert terminal.wait_exit() == 0


def test_data_that_are_not_there_are_a_sentence_on_the_screen(
    open_terminal: OpenTerminal, tmp_path: Path
) -> None:
    terminal = open_terminal([MNIST_TUI, "--data", tmp_path / "nowhere"])
    terminal.wait_for("failed")
    terminal.wait_for("nowhere")
    assert "Traceback" not in terminal.screen()
    terminal.send("q")
    assert terminal.wait_exit() == 0


def test_a_killed_run_is_offered_and_goes_on(
    open_terminal: OpenTerminal, real_mnist: Path | None, tmp_path: Path
) -> None:
    data = real_mnist or "synthetic"
    flags = ["--data", data, "--home", tmp_path / "home", *LONG]
    terminal = open_terminal([MNIST_TUI, *flags])
    terminal.wait_for("idle")
    terminal.send("r")
    terminal.wait_for(r"● running .* epoch ([3-9]|\d\d+)/100000")
    store = RunStore(tmp_path / "home")
    terminal.wait_for(lambda _screen: [run.epoch for run in store.runs() if run.epoch >= 2])
    terminal.signal(signal.SIGKILL)
    terminal.wait_exit()

    terminal = open_terminal([MNIST_TUI, *flags])
    terminal.wait_for(r"run 1 was interrupted in epoch \d+/100000. Press R to go on with it")
    terminal.send("R")
    terminal.wait_for(r"● running .* epoch \d+/100000")
    terminal.wait_for(lambda screen: len(curves(screen)) > 20)
    terminal.send("s")
    terminal.wait_for("stopped")
    terminal.send("3")
    terminal.wait_for(r"■ stopped +run 1 ")
    terminal.send("1")
    terminal.wait_for(r"■ stopped .* epoch \d+/100000")
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGHUP,
        pytest.param(signal.SIGTERM, marks=pytest.mark.soak),
        pytest.param(signal.SIGINT, marks=pytest.mark.soak),
    ],
)
def test_a_signal_stops_and_keeps_the_run(
    open_terminal: OpenTerminal, app: list[str | Path], tmp_path: Path, number: int
) -> None:
    terminal = open_terminal([*app, "--home", tmp_path / "home"])
    terminal.wait_for("idle")
    terminal.send("r")
    terminal.wait_for(r"● running .* epoch ([2-9]|\d\d+)/100000")
    terminal.signal(number)
    assert terminal.wait_exit() == 0
    assert terminal.unrestored() == []
    (run,) = RunStore(tmp_path / "home").runs()
    assert run.state is RunState.STOPPED


@pytest.mark.parametrize("running", [True, False])
def test_an_app_whose_terminal_vanishes_without_a_signal_ends(
    open_terminal: OpenTerminal, app: list[str | Path], tmp_path: Path, running: bool
) -> None:
    """Idle it draws nothing that would fail, and reads an end of file that is no key, for ever."""
    home = tmp_path / "home"
    terminal = open_terminal([*app, "--home", home], controlling=False)
    terminal.wait_for("idle")
    if running:
        terminal.send("r")
        terminal.wait_for(r"● running .* epoch [1-9]")
    terminal.hang_up()
    assert terminal.wait_exit() == 0
    assert [run.state for run in RunStore(home).runs()] == [RunState.STOPPED] * running


def test_ctrl_c_while_the_app_ends_does_not_cut_that_short(
    open_terminal: OpenTerminal, app: list[str | Path], tmp_path: Path
) -> None:
    terminal = open_terminal([*app, "--home", tmp_path / "home"])
    terminal.wait_for("idle")
    terminal.send("r")
    terminal.wait_for(r"● running .* epoch \d+/100000")
    terminal.send("ctrl+q")
    terminal.wait_for("Stop and quit")
    terminal.send("enter")
    while terminal.overlook(0.005):
        # A key while the app is up, a signal as soon as the terminal is the shell's again.
        terminal.send("ctrl+c")
    assert terminal.wait_exit() == 0
    (run,) = RunStore(tmp_path / "home").runs()
    assert run.state is RunState.STOPPED
