"""How the app draws and listens where `mnist-tui serve` has started it: through two pipes."""

import os
import select
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from textual.app import App
from textual.drivers._input_reader import InputReader
from textual.drivers.web_driver import WebDriver

_LAST_WORDS = 1024
"""Bytes that are still read when the tab is closed: keys that were pressed just before."""


class BrowserDriver(WebDriver):
    """Textual's driver for browsers, for which the end of its input is the end of the app.

    Input ends when the tab is closed, and also when the server is killed: no app outlives its
    page.
    """

    def __init__(
        self,
        app: App[Any],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._write = partial(_write_all, self.fileno)
        self._input_reader = TabInput()

    def run_input_thread(self) -> None:
        super().run_input_thread()
        if not self.exit_event.is_set():
            # At once, and not after all that was typed: the app drops it once it is to exit.
            with suppress(RuntimeError):  # the loop has ended, so the app has
                self._loop.call_soon_threadsafe(self._app.exit)


class TabInput(InputReader):
    """Input that ends when the tab is closed, not after everything that came before."""

    def __iter__(self) -> Iterator[bytes]:
        descriptor = self._fileno
        events = select.poll()
        events.register(descriptor, 0)  # whatever is asked for, the end of the writer is told
        for data in super().__iter__():
            yield data
            if events.poll(0):
                yield os.read(descriptor, _LAST_WORDS)
                return


def _write_all(descriptor: int, data: bytes) -> int:
    """Write to a pipe; what nobody reads any more is dropped, since the input has ended too."""
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except BrokenPipeError:
        pass
    return len(data)
