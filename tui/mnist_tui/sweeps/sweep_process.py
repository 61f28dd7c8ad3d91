"""`mnist-tui sweep --json` in a process of its own, whose lines are read without waiting.

The app never imports Optuna. The process stops and keeps what it trains when the pipe to the app
closes, however that ended.
"""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from mnist_tui.runtime.program import program_command

_PART = 1 << 16
_MOST_PARTS = 4
"""Read at a time, so that what a long study tells again does not hold up the screen."""
_LAST_WORDS = 2000
"""Bytes of what it wrote to stderr that are kept."""
_PATIENCE = 15.0
"""Seconds for it to keep its runs."""


class SweepProcess(Protocol):
    """A sweep that somebody else does; tests pass one that plays a script."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and all it told has been read."""

    def read(self) -> list[dict[str, Any]]:
        """The events since the last call as JSON values, oldest first."""

    def last_words(self) -> str:
        """What it wrote to stderr at its end."""

    def stop(self) -> None:
        """Begin no more trials; those under way go on to their ends."""

    def cut(self) -> None:
        """End at once, after `stop` or without it; what it trains is kept."""

    def close(self) -> None:
        """End it at once, and wait for that."""


SweepFactory = Callable[[Sequence[str]], SweepProcess]
"""Starts a sweep with the words that follow `mnist-tui sweep`."""


class CommandProcess(SweepProcess):
    """The real one."""

    def __init__(self, words: Sequence[str]) -> None:
        """Start it; raises OSError where that fails."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            program_command(["sweep", "--json", *words]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=True,  # what the terminal sends is for the app
        )
        assert self._process.stdout is not None, "it is a pipe"
        self._output = self._process.stdout
        os.set_blocking(self._output.fileno(), False)
        self._rest = b""
        """The beginning of a line whose end has not come yet."""
        self._is_read = False
        self._is_stopping = False

    @property
    def is_over(self) -> bool:
        return self._is_read and self._process.poll() is not None

    def read(self) -> list[dict[str, Any]]:
        for _ in range(_MOST_PARTS):
            try:
                part = os.read(self._output.fileno(), _PART)
            except BlockingIOError:
                break
            if not part:
                self._is_read = True
                break
            self._rest += part
        *lines, self._rest = self._rest.split(b"\n")
        # Anything else was printed by a library.
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def last_words(self) -> str:
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - _LAST_WORDS))
        return self._errors.read().decode(errors="replace").strip()

    def stop(self) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._send(signal.SIGINT)

    def cut(self) -> None:
        # The first one of the two is noted, the second ends it. They differ, since two of a kind
        # that come together count once.
        self.stop()
        self._send(signal.SIGTERM)

    def close(self) -> None:
        self.cut()
        # Whatever it still tells, it does not wait for a reader.
        self._output.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    def _send(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.send_signal(number)
