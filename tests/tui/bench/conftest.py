"""The hooks of the process while `mnist-tui bench` is tested."""

import sys
import threading

import pytest


@pytest.fixture(autouse=True)
def _hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    # The command installs its own; these put back those of the tests.
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
