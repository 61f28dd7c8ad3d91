"""The terminal that the app draws on, which may be gone from one moment to the next."""

import errno
import fcntl
import os
import select
import signal
import struct
import termios
from collections.abc import Callable
from io import BufferedWriter, FileIO, TextIOWrapper
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


_USUAL_SIZE = 24, 80
"""Lines and columns."""


class _Terminal(FileIO):
    def __init__(self, descriptor: int, hung_up: Callable[[], None]) -> None:
        super().__init__(descriptor, "w")
        self._hung_up: Callable[[], None] | None = hung_up

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        tell, self._hung_up = self._hung_up, None
        if tell is not None:
            tell()
        return memoryview(data).nbytes


def open_terminal(descriptor: int, hung_up: Callable[[], None]) -> TextIOWrapper:
    """A text stream to a copy of `descriptor`.

    What is written to it once the terminal has been closed goes nowhere: the app still has a run to
    keep. `hung_up` is called the first time, in the thread that writes; the system may tell of it
    with a signal too, but tells only the programs whose own terminal it is.
    """
    terminal = _Terminal(os.dup(descriptor), hung_up)
    return TextIOWrapper(
        BufferedWriter(terminal),
        encoding="utf-8",
        errors="replace",
        line_buffering=terminal.isatty(),
    )


def hung_up_check(descriptor: int) -> Callable[[], bool]:
    """What tells whether the terminal at `descriptor` has been closed; it never says so of what is
    no terminal now.

    Who only reads would not notice: from then on there is nothing to read, at once and for ever.
    """
    if not os.isatty(descriptor):
        return lambda: False
    poll = select.poll()
    poll.register(descriptor, 0)
    return lambda: any(happened & select.POLLHUP for _, happened in poll.poll(0))


def ensure_size(descriptor: int) -> None:
    """Give a terminal that tells no size, such as a serial line, the usual one.

    Textual takes 24 lines in one place then and 25 in another, and lays out for ever.
    """
    try:
        size = os.get_terminal_size(descriptor)
        if not (size.columns and size.lines):
            fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", *_USUAL_SIZE, 0, 0))
    except OSError:
        return  # it is no terminal


def guard_continuation(suspend: Callable[[], None], show_anew: Callable[[], object]) -> None:
    """Have SIGCONT after SIGSTOP, which no program is told of, begin nothing a second time.

    Textual's handler, in place by now, begins to read and write: beside the threads that do, unless
    SIGTSTP had it end them. `suspend` ends them, `show_anew` draws on a terminal that others used.
    """
    halt, resume = signal.getsignal(signal.SIGTSTP), signal.getsignal(signal.SIGCONT)
    if not (callable(halt) and callable(resume)):
        return
    halted = False

    def on_halt(number: int, frame: FrameType | None) -> None:
        nonlocal halted
        halted = True
        halt(number, frame)

    def on_continuation(number: int, frame: FrameType | None) -> None:
        nonlocal halted
        was_halted, halted = halted, False
        if not was_halted:
            suspend()
        resume(number, frame)
        if not was_halted:
            show_anew()

    signal.signal(signal.SIGTSTP, on_halt)
    signal.signal(signal.SIGCONT, on_continuation)
