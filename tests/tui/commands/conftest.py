"""What tests of the command line share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.stored_runs import put_run
from mnist_tui.cli import run
from mnist_tui.runtime.startup import LaunchOptions

Answer = tuple[int, str, str]
"""Exit code, standard output and standard error."""


@pytest.fixture(autouse=True)
def _own_hooks(own_hooks: None) -> None:
    """Whatever a test calls, it does not leave the hooks of a command behind."""


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[LaunchOptions]:
    """The options that `mnist-tui train` was started with, which trains nothing here."""
    seen: list[LaunchOptions] = []

    def train_headless(options: LaunchOptions, _flags: object) -> int:
        seen.append(options)
        return 0

    monkeypatch.setattr("mnist_tui.commands.train.train_headless", train_headless)
    return seen


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Answer]:
    """`ask("list")` runs `mnist-tui runs list` on the home folder tmp_path / "home"."""

    def ask(command: str, *arguments: str) -> Answer:
        code = run(["runs", command, *arguments, "--home", str(tmp_path / "home")])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return ask


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with three runs."""
    home = tmp_path / "home"
    put_run(home, "aaaa0001", "run 1", accuracies=(0.1, 0.7, 0.9))
    put_run(home, "aaaa0002", "run 2", accuracies=(0.1, 0.8), validation=(0.1, 0.85),
            state="stopped", learning_rate=0.3, note="too fast", tags=("fast", "first try"),
            started=1_760_000_000.0)  # fmt: skip
    put_run(home, "bbbb0003", "wide", accuracies=(0.1, 0.6), hidden_sizes="64", epochs=1)
    return home
