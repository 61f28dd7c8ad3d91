"""Terminals that are closed when their test ends."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from helpers.terminal import Terminal


@pytest.fixture
def open_terminal() -> Iterator[Callable[..., Terminal]]:
    """`open_terminal(argv, ...)` is `Terminal(argv, ...)`; what it starts ends with the test."""
    with ExitStack() as opened:
        yield lambda *args, **kwargs: opened.enter_context(Terminal(*args, **kwargs))
