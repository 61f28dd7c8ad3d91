"""One process trains headless, and another watches it on a terminal without leaving a trace."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from helpers.terminal import Terminal

MNIST_TUI = Path(sys.executable).with_name("mnist-tui")


def epoch(screen: str) -> int:
    """Where the run is, as the status line says."""
    found = re.search(r"running +run 1 +epoch (\d+)/", screen)
    return int(found[1]) if found else -1


def listing(home: Path) -> dict[Path, tuple[int, int]]:
    """Size and time of change of everything in it."""
    found = ((path, path.stat()) for path in [home, *home.rglob("*")])
    return {path: (state.st_size, state.st_mtime_ns) for path, state in found}


def test_a_headless_run_is_watched_to_its_end(
    open_terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    home = tmp_path / "home"
    watch = [MNIST_TUI, "--home", home, "watch", "--readonly"]
    terminal = open_terminal(watch, columns=120, rows=40)
    terminal.wait_for("There is no run in .* yet")
    assert not home.exists()
    train = [MNIST_TUI, "train", "--home", home, "--data", "synthetic", "--epochs", "100000"]
    with subprocess.Popen(list(map(str, train)), stdout=subprocess.DEVNULL) as training:
        try:
            first = epoch(terminal.wait_for(lambda screen: epoch(screen) > 0))
            screen = terminal.wait_for(lambda screen: epoch(screen) > first)
            assert re.search(r"batch +\d+/\d+ +[\d.]+[kM]? ex/s", screen)
            assert f"which process {training.pid} on" in screen
            assert re.search(r"run 1 · epoch \d+ · \d+ of \d+ right", screen)
            training.send_signal(signal.SIGINT)
            assert training.wait() == 130
        finally:
            training.kill()
    terminal.wait_for(r"■ stopped +run 1")
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert terminal.restored()

    folders = [home, *(path for path in home.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    before = listing(home)
    terminal = open_terminal([*watch, "run 1"], columns=120, rows=40)
    terminal.wait_for(r"■ stopped +run 1")
    terminal.send("v", "2")
    terminal.wait_for("Confusion")
    terminal.send("3")
    terminal.wait_for("differs in")
    terminal.send("q")
    assert terminal.wait_exit() == 0
    assert listing(home) == before
    for folder in folders:
        folder.chmod(0o755)


def test_what_is_not_there_cannot_be_watched(
    open_terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    terminal = open_terminal([MNIST_TUI, "watch", "7", "--home", tmp_path, "--readonly"])
    assert terminal.wait_exit() == 1
    assert f"There is no run '7' in {tmp_path}" in terminal.output().replace("\r\n", "")
    assert list(tmp_path.iterdir()) == []
