"""A real pseudo-terminal with a program on it, for tests to type into and to read."""

import codecs
import contextlib
import fcntl
import io
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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pyte.screens import Char

from helpers.display import Display
from helpers.escapes import Csi, Splitter
from helpers.keyboard import ESCAPE, encode, encode_click
from helpers.processes import members_of_group

PATIENCE = 120.0
"""Seconds to wait for anything by default: never reached unless something is wrong."""

# Runs in the new process. A controlling terminal is what resizing and ctrl+c reach a program by;
# a preexec_fn would set it too, but needs a fork, which MLX does not survive. Signals that a
# background job ignores, such as one that runs these tests, would be ignored by the program too.
_TAKE_TERMINAL = """\
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""

_ALTERNATE_SCREEN = frozenset({47, 1047, 1049})
_CURSOR = 25
_SYNCHRONIZED = 2026
_MODES_TO_RESET = {
    **dict.fromkeys(_ALTERNATE_SCREEN, "alternate screen"),
    **dict.fromkeys((9, 1000, 1001, 1002, 1003, 1005, 1006, 1015, 1016), "mouse"),
    1: "application cursor keys",
    1004: "focus reports",
    2004: "bracketed paste",
    2048: "resize reports",
    _SYNCHRONIZED: "synchronized output",
}


class Terminal:
    """A program on a pseudo-terminal of its own, in a session of its own.

    Output is read only inside the waiting methods, so a screen stays as it is between them. Of a
    program's questions it answers whether it shows synchronized output in one go: it does, so a
    test never sees half a frame. And what attributes it has: none, or what a test has it answer.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        columns: int = 120,
        rows: int = 40,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        *,
        controlling: bool = True,
        attributes: str = "\x1b[?62c",
    ) -> None:
        """Start `argv`, with the variables of `env` beside those of this process.

        `attributes` is the answer to the question for them, with those to what was asked before.
        Without `controlling` the program is told of no hangup, as one that `setsid` begins.
        """
        self._output = io.StringIO()
        self._primary = Display(columns, rows)
        self._alternate = Display(columns, rows)
        self._visible = self._primary
        self._splitter = Splitter()
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._modes: dict[int, bool] = {}
        self._keyboard_protocols = 0
        self._attributes = attributes
        self._ended = False

        self._master, slave = pty.openpty()
        self._set_size(columns, rows)
        self._line_settings = termios.tcgetattr(slave)
        first = [sys.executable, "-I", "-S", "-c", _TAKE_TERMINAL] if controlling else []
        self._process = subprocess.Popen(
            [*first, *map(str, argv)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill what is left of the program."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.hang_up()

    # What a person does

    def send(self, *keys: str) -> None:
        """Press keys in turn: named ones such as `enter` or `ctrl+q`; other text is typed.

        Textual types text into a field before it runs the bindings of keys that came just before:
        wait for what a key does, then send text.
        """
        for key in keys:
            code = encode(key)
            if code == ESCAPE and self._keyboard_protocols:
                # A bare escape, with another key right behind it, would mean alt and that key;
                # a program that asked for kitty's keyboard protocol is told which it was.
                code = "\x1b[27u"
            os.write(self._master, code.encode())

    def click(self, x: int, y: int) -> None:
        """Click the left button on the cell in column `x` of row `y`, both counted from 0."""
        os.write(self._master, encode_click(x, y).encode())

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size. It is blank until the program has drawn it anew."""
        for screen in (self._primary, self._alternate):
            screen.resize(rows, columns)
            screen.erase_in_display(2)
        self._set_size(columns, rows)

    def signal(self, number: int) -> None:
        """Send a signal to the program."""
        self._process.send_signal(number)

    def threads(self) -> int:
        """How many the program has; 0 where the system does not tell."""
        tasks = Path(f"/proc/{self._process.pid}/task")
        return len(list(tasks.iterdir())) if tasks.exists() else 0

    def wake(self) -> None:
        """Have it go on if it is halted, as the command for ctrl+z leaves it."""
        status = ["ps", "-o", "state=", "-p", str(self._process.pid)]
        if subprocess.run(status, capture_output=True, check=False).stdout.startswith(b"T"):
            self.signal(signal.SIGCONT)

    def hang_up(self) -> None:
        """Close the terminal, whatever the program does."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
            self._ended = True

    # What a person sees

    def screen(self) -> str:
        """The lines on the screen, without the blanks at their ends."""
        return "\n".join("".join(line).rstrip() for line in self._cells())

    def output(self) -> str:
        """Everything that the program has written so far, escape sequences included."""
        return self._output.getvalue()

    def cell(self, x: int, y: int) -> Char:
        """The character in column `x` of row `y`, both counted from 0, with its attributes.

        `fg` and `bg` are a name (`red`), six hexadecimal digits (`ff0000`) or `default`.
        """
        return self._visible.buffer[y][x]

    def find(self, text: str) -> tuple[int, int]:
        """Column and row of the first `text` on the screen, as `click` and `cell` count them.

        Raises:
            AssertionError: it is not there; shows the screen.
        """
        for y, line in enumerate(self._cells()):
            position = "".join(line).find(text)
            if position >= 0:
                starts = [x for x, character in enumerate(line) for _ in character]
                return starts[position], y
        raise AssertionError(self._report(f"{text!r} is not on the screen"))

    def wait_for(self, expected: str | Callable[[str], object], timeout: float = PATIENCE) -> str:
        """Wait until the screen has `expected`, and return the screen.

        Args:
            expected: a regular expression to find in the screen, or a function of the screen that
                returns something true.
            timeout: in seconds.

        Raises:
            AssertionError: it did not come before the time was over or the program ended; shows
                the screen.
        """
        deadline = time.monotonic() + timeout
        while True:
            if not self._modes.get(_SYNCHRONIZED) and _matches(expected, screen := self.screen()):
                return screen
            name = repr(expected) if isinstance(expected, str) else "what was expected"
            if self._ended:
                raise AssertionError(self._report(f"the program ended without {name}"))
            if not self._read(deadline):
                raise AssertionError(self._report(f"no {name} in {timeout:g} seconds"))

    def wait_exit(self, timeout: float = PATIENCE) -> int:
        """Wait until the program has ended, and return its exit code; negative for a signal.

        Raises:
            AssertionError: it did not end before the time was over; shows the screen.
        """
        deadline = time.monotonic() + timeout
        while not self._ended and self._read(deadline):
            pass
        try:
            return self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            message = self._report(f"the program has not ended in {timeout:g} seconds")
            raise AssertionError(message) from None

    def overlook(self, seconds: float) -> bool:
        """Take in the output of some time without drawing it; False: the program has ended.

        What is on the screen is right again once the program has drawn all of it, as after
        `resize`.
        """
        deadline = time.monotonic() + seconds
        while not self._ended and time.monotonic() < deadline:
            self._read(deadline, draw=False)
        return not self._ended

    # What it leaves behind

    def unrestored(self) -> list[str]:
        """What the program changed in the terminal and did not put back, in words."""
        left = {name for mode, name in _MODES_TO_RESET.items() if self._modes.get(mode)}
        if not self._modes.get(_CURSOR, True):
            left.add("hidden cursor")
        if self._keyboard_protocols:
            left.add("keyboard protocol")
        if termios.tcgetattr(self._master) != self._line_settings:
            left.add("line settings")
        return sorted(left)

    def restored(self) -> bool:
        """Whether the terminal is as the program found it."""
        return not self.unrestored()

    def stray_processes(self, patience: float = PATIENCE) -> list[str]:
        """The processes of the program that are still there, with their numbers.

        Args:
            patience: for how many seconds they may be ending; closing a terminal kills with a
                signal, which takes a moment.
        """
        deadline = time.monotonic() + patience
        while (left := self._members()) and time.monotonic() < deadline:
            select.select([], [], [], 0.02)
        return left

    # Inside

    def _cells(self) -> list[list[str]]:
        """The character of each cell; the second cell of a wide character holds nothing."""
        screen = self._visible
        return [
            [screen.buffer[y][x].data for x in range(screen.columns)] for y in range(screen.lines)
        ]

    def _members(self) -> list[str]:
        return [
            f"{number} {command}"
            for number, command in members_of_group(self._process.pid)
            if number != self._process.pid or self._process.poll() is None
        ]

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self, deadline: float, *, draw: bool = True) -> bool:
        """Take in some output, or the end of it; False: none came before the deadline."""
        remaining = max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select([self._master], [], [], remaining)
        if not ready:
            return False
        try:
            data = os.read(self._master, 1 << 16)
        except OSError:  # EIO: on Linux, nobody has the other side open any more
            data = b""
        self._ended = not data
        text = self._decoder.decode(data)
        self._output.write(text)
        for piece in self._splitter.pieces(text):
            if isinstance(piece, Csi):
                self._obey(piece)
            if draw:
                self._visible.take(piece)
        return True

    def _obey(self, sequence: Csi) -> None:
        """Do what pyte does not: modes, the alternate screen, the answers."""
        match sequence.private, sequence.final:
            case "?", "h" | "l":
                for mode in sequence.numbers:
                    self._set_mode(mode, sequence.final == "h")
            case ">", "u":
                self._keyboard_protocols += 1
            case "<", "u":
                popped = sequence.numbers[0] if sequence.numbers else 1
                self._keyboard_protocols = max(0, self._keyboard_protocols - popped)
            case "?", "$p" if sequence.numbers == (_SYNCHRONIZED,):
                os.write(self._master, f"\x1b[?{_SYNCHRONIZED};2$y".encode())
            case "", "c":
                os.write(self._master, self._attributes.encode())

    def _set_mode(self, mode: int, on: bool) -> None:
        if mode in _ALTERNATE_SCREEN and on and not self._modes.get(mode):
            self._alternate.reset()
        self._modes[mode] = on
        alternate = any(self._modes.get(mode) for mode in _ALTERNATE_SCREEN)
        self._visible = self._alternate if alternate else self._primary

    def _report(self, problem: str) -> str:
        screen = self._visible
        edge = "+" + "-" * screen.columns + "+"
        lines = [f"|{''.join(line)}|" for line in self._cells()]
        code = self._process.poll()
        state = "still running" if code is None else f"ended with exit code {code}"
        return "\n".join([f"{problem}; the program is {state}, its screen:", edge, *lines, edge])


def _matches(expected: str | Callable[[str], object], screen: str) -> bool:
    if isinstance(expected, str):
        return re.search(expected, screen, re.MULTILINE) is not None
    return bool(expected(screen))
