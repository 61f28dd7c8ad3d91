"""What tests of the command line share."""

import sys
import threading

import pytest

from mnist_tui.runtime.startup import LaunchOptions


@pytest.fixture(autouse=True)
def _own_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    # The commands install their own; these put back those of the tests.
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[LaunchOptions]:
    """The options that `mnist-tui train` was started with, which trains nothing here."""
    seen: list[LaunchOptions] = []

    def train_headless(options: LaunchOptions, _flags: object) -> int:
        seen.append(options)
        return 0

    monkeypatch.setattr("mnist_tui.commands.train.train_headless", train_headless)
    return seen
