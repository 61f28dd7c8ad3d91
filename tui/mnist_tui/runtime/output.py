"""What the program hands back: lines on standard output and error, and an exit code."""

import os
import select
import stat
from collections.abc import Callable
from io import UnsupportedOperation
from typing import TextIO

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

WriteLine = Callable[[str], None]


class OutputLost(Exception):  # noqa: N818 - like a closed pipe, not always an error
    """Standard output or error takes no more; an empty message means that the reader left."""


def line_writer(stream: TextIO) -> WriteLine:
    """A function that writes a line to `stream` at once.

    It raises OutputLost when the reader has gone or the disk is full.
    """

    def write(line: str) -> None:
        try:
            stream.write(line + "\n")
            stream.flush()
        except BrokenPipeError as error:
            raise OutputLost from error
        except OSError as error:
            raise OutputLost(f"The output could not be written: {error.strerror}.") from error

    return write


def reader_left(stream: TextIO) -> Callable[[], bool]:
    """What tells whether `stream` is a pipe that nobody reads any more.

    Who writes seldom would notice late.
    """
    try:
        descriptor = stream.fileno()
        is_pipe = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except (UnsupportedOperation, OSError):
        is_pipe = False
    if not is_pipe:
        return lambda: False
    poll = select.poll()
    poll.register(descriptor, 0)
    return lambda: any(happened & (select.POLLERR | select.POLLHUP) for _, happened in poll.poll(0))


def discard(stream: TextIO) -> None:
    """Let go of what `stream` could not write, which Python would try again at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
