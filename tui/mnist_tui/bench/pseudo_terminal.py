"""A program on a pseudo-terminal of its own, driven and timed from outside."""

import codecs
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Self

# Escape sequences as ECMA-48 builds them, and the strings that DCS, SOS, OSC, PM and APC begin.
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*(?P<final>[@-~])|[PX\]^_].*?(?:\x07|\x1b\\)|[ -/]*[0-OQ-WYZ`-~\\])",
    re.DOTALL,
)
_MOVES = frozenset("ABCDEFGHfd")
"""Final bytes of the sequences that move the cursor: what follows stands elsewhere."""


class TerminalText:
    """The text in the order in which it was written, with a line break where the cursor jumped.

    Enough to find words that are drawn in one go, and far cheaper than a screen. Text stays when
    it is overwritten.
    """

    def __init__(self) -> None:
        self.text = ""
        self._ends: list[int] = []
        """Length of the text after each part."""
        self._times: list[float] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._unfinished = ""
        """The beginning of an escape sequence whose end has not come yet."""

    def feed(self, data: bytes, now: float) -> None:
        """Append what was read at the time `now`."""
        raw = self._unfinished + self._decoder.decode(data)
        self._unfinished = ""
        last = raw.rfind("\x1b")
        if last >= 0 and _SEQUENCE.match(raw, last) is None:
            raw, self._unfinished = raw[:last], raw[last:]
        self.text += _SEQUENCE.sub(_trace, raw)
        self._ends.append(len(self.text))
        self._times.append(now)

    def time_at(self, position: int) -> float:
        """When the character at `position` of the text was read."""
        return self._times[bisect_right(self._ends, position)]


def _trace(sequence: re.Match[str]) -> str:
    """What stays of an escape sequence."""
    return "\n" if sequence["final"] in _MOVES else ""


COLUMNS, ROWS = 140, 40

# Runs in the new process: the terminal becomes its controlling one, so that the program ends with
# this process whatever happens. A preexec_fn would do that too, but needs a fork.
_TAKE_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""

_LAST_WORDS = 200
_LONGEST_MATCH = 1000
"""Characters of the output that are searched again when more comes."""


class NotShownError(Exception):
    """The program did not show what was waited for; the message says what, and its last words."""


class PseudoTerminal:
    """Output is read only inside the waiting methods; times are those of `time.perf_counter`."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Start `argv`, whose first item is a path, with `env` beside this process's variables."""
        self.output = TerminalText()
        self._master, slave = pty.openpty()
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _TAKE_TERMINAL, *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})},
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._master)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, keys: str) -> float:
        """Type `keys`, as a terminal encodes them; the time just before."""
        now = time.perf_counter()
        os.write(self._master, keys.encode())
        return now

    def wait_for(self, pattern: str, timeout: float, start: int = 0) -> re.Match[str]:
        """Wait until a match of `pattern` is written, at `start` of the output or later.

        Raises:
            NotShownError: it was not in `timeout` seconds, or the program ended without it.
        """
        compiled = re.compile(pattern)
        deadline = time.perf_counter() + timeout
        while (match := compiled.search(self.output.text, start)) is None:
            start = max(start, len(self.output.text) - _LONGEST_MATCH)
            if not self._read(deadline):
                words = " ".join(self.output.text[-_LAST_WORDS:].split())
                raise NotShownError(
                    f"It did not show {pattern!r} in {timeout:g} seconds, but: {words}"
                )
        return match

    def time_of(self, match: re.Match[str]) -> float:
        """When the last character of a match was read."""
        return self.output.time_at(match.end() - 1)

    def read_for(self, seconds: float) -> None:
        """Take in what is written in the next `seconds`, or until the program ends."""
        deadline = time.perf_counter() + seconds
        while self._read(deadline):
            pass

    def ends_within(self, seconds: float) -> bool:
        """Take in what is written until the program has ended; False: it has not by then."""
        deadline = time.perf_counter() + seconds
        self.read_for(seconds)
        try:
            self._process.wait(max(0.0, deadline - time.perf_counter()))
        except subprocess.TimeoutExpired:
            return False
        return True

    def _read(self, deadline: float) -> bool:
        """Take in some output; False: none came before the deadline, or the program has ended."""
        remaining = max(0.0, deadline - time.perf_counter())
        ready, _, _ = select.select([self._master], [], [], remaining)
        if not ready:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # EIO: on Linux, nobody has the other side open any more
            return False
        self.output.feed(data, time.perf_counter())
        return bool(data)
