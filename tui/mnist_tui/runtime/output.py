"""What the program hands back: lines on standard output and error, and an exit code."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
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


def discard(stream: TextIO) -> None:
    """Let go of what `stream` could not write, which Python would try again at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def stray_output_logged(log: Path) -> Iterator[None]:
    """Send what C libraries write to file descriptors 1 and 2 to the file `log`.

    Textual draws through `sys.__stderr__` and reads its size from `sys.__stdout__`, so these keep
    the terminal under other descriptors. If the log cannot be opened, such output is dropped.
    """
    target = _open_log(log)
    streams = {1: sys.__stdout__, 2: sys.__stderr__}
    saved = {number: os.dup(number) for number in streams}
    terminals = {
        number: os.fdopen(os.dup(number), "w", encoding="utf-8", errors="replace")
        for number in streams
    }
    sys.__stdout__, sys.__stderr__ = terminals[1], terminals[2]  # type: ignore[misc]
    for number in streams:
        os.dup2(target, number)
    os.close(target)
    try:
        yield
    finally:
        for number, terminal in terminals.items():
            terminal.flush()
            os.dup2(saved[number], number)
            os.close(saved[number])
            terminal.close()
        sys.__stdout__, sys.__stderr__ = streams[1], streams[2]  # type: ignore[misc]


def _open_log(log: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        return os.open(log, flags, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)
