"""What every test of the interface shares."""

import pytest
import textual.app
import textual.pilot

from helpers.settling import settled


@pytest.fixture(autouse=True)
def _wait_no_longer_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (textual.app, textual.pilot):
        monkeypatch.setattr(module, "wait_for_idle", settled)
