"""The hooks of the process while `mnist-tui bench` is tested."""

import pytest


@pytest.fixture(autouse=True)
def _own_hooks(own_hooks: None) -> None:
    """Whatever a test calls, it does not leave the hooks of the command behind."""
