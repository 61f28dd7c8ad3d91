"""Keeps everything but the interface off the screen while the app is up."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
