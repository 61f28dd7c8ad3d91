"""How the app draws and listens where `mnist-tui serve` has started it: through two pipes."""

import os
from functools import partial
from typing import Any

from textual.app import App
from textual.drivers.web_driver import WebDriver
from textual.messages import ExitApp


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

    def run_input_thread(self) -> None:
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._app.post_message(ExitApp())


def _write_all(descriptor: int, data: bytes) -> int:
    """Write to a pipe; what nobody reads any more is dropped, since the input has ended too."""
    left = memoryview(data)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
    except BrokenPipeError:
        pass
    return len(data)
