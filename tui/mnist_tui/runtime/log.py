"""The log file: tracebacks and stray output go there, so that people read sentences instead."""

import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TextIO

from mnist_core.user_folders import APP, NoHomeError, make_private, user_folder
from mnist_tui.runtime.terminal import open_terminal

_APPENDS = os.O_WRONLY | os.O_APPEND | os.O_CREAT
_OWN_FILE = 0o600


def log_path(home: Path | None) -> Path:
    """The log file's place: in `home` if one was asked for, else where the platform keeps state.

    Raises:
        NoHomeError: this user has no place for it.
    """
    return (user_folder("state") if home is None else home) / f"{APP}.log"


def log_outside(home: Path) -> Path:
    """The place of the log for those who may write nothing under `home`; it may hold nothing."""
    with suppress(NoHomeError):
        usual = log_path(None)
        if not usual.absolute().is_relative_to(home):
            return usual
    return Path(os.devnull)


def write_log(path: Path, text: str) -> str:
    """Append `text` to the log file, and say in a sentence where the details are."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        make_private(path.parent)
        handle = os.open(path, _APPENDS, _OWN_FILE)
        with os.fdopen(handle, "a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(f"{when}\n{text.rstrip()}\n\n")
    except OSError as error:
        return f"The details could not be written to {path}: {error.strerror}."
    return f"The details are in {path}."


def unexpected_error(error: BaseException, path: Path) -> str:
    """Log the traceback of a defect, and put it in a sentence for the user."""
    where = write_log(path, "".join(traceback.format_exception(error)))
    words = " ".join(str(error).split())
    what = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return f"Something unexpected went wrong ({what}). {where}"


def log_uncaught_errors(path: Path) -> None:
    """From now on, an error that nothing caught is a sentence on stderr and a log entry."""

    def on_error(
        _kind: type[BaseException], error: BaseException, _traceback: TracebackType | None
    ) -> None:
        sys.stderr.write(f"mnist-tui: {unexpected_error(error, path)}\n")

    def on_thread_error(args: threading.ExceptHookArgs) -> None:
        # stderr may be under the interface's screen here, so a thread's error is only logged.
        if args.exc_value is not None:
            unexpected_error(args.exc_value, path)

    sys.excepthook = on_error
    threading.excepthook = on_thread_error


@contextmanager
def stray_output_logged(log: Path, hung_up: Callable[[], None]) -> Iterator[None]:
    """Send what C libraries write to file descriptors 1 and 2 to the file `log`.

    Textual draws through `sys.__stderr__` and reads its size from `sys.__stdout__`, so these keep
    the terminal under other descriptors; `hung_up` is called when that has been closed, in any
    thread. If the log cannot be opened, stray output is dropped.
    """
    target = open_log(log)
    streams = {1: sys.__stdout__, 2: sys.__stderr__}
    terminals = {number: open_terminal(number, hung_up) for number in streams}
    with ExitStack() as restoring:
        for number, terminal in terminals.items():
            saved = os.dup(number)
            restoring.callback(os.close, saved)
            restoring.callback(os.dup2, saved, number)
            restoring.callback(terminal.close)
            os.dup2(target, number)
        os.close(target)
        restoring.callback(_use_streams, streams[1], streams[2])
        _use_streams(terminals[1], terminals[2])
        yield


def _use_streams(stdout: TextIO | None, stderr: TextIO | None) -> None:
    sys.__stdout__, sys.__stderr__ = stdout, stderr  # type: ignore[assignment,misc]


def open_log(log: Path) -> int:
    """A file descriptor that appends to the log; where it cannot be opened, one to nowhere."""
    try:
        make_private(log.parent)
        return os.open(log, _APPENDS, _OWN_FILE)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)
