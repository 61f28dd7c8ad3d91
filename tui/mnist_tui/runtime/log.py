"""The log file: where tracebacks go, so that people read sentences instead."""

import sys
import threading
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

_APP = "mnist-tui"


def log_path(home: Path | None) -> Path:
    """The log file's place: in `home` if one was asked for, else where the platform keeps state."""
    if home is not None:
        return home / f"{_APP}.log"
    from platformdirs import user_state_path

    return user_state_path(_APP, appauthor=False) / f"{_APP}.log"


def write_log(path: Path, text: str) -> str:
    """Append `text` to the log file, and say in a sentence where the details are."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
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
