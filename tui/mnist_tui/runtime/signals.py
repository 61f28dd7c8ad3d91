"""Ctrl-C, SIGTERM and a hangup: an end in good order the first time, at once the second."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopSignals:
    """What the handlers of the stop signals do: raise KeyboardInterrupt, or take note.

    Raising inside training would tear a batch or an evaluation apart and lose what was learned.
    There, the first signal is only noted; the next one raises.
    """

    def __init__(self) -> None:
        self._requested = False
        self._deferring = False
        self._ignoring = False

    @contextmanager
    def ignored(self) -> Iterator[None]:
        """Hear none, since what is done already is the end, which another one would tear apart."""
        self._ignoring = True
        try:
            yield
        finally:
            self._ignoring = False

    @contextmanager
    def deferred(self) -> Iterator[Callable[[], bool]]:
        """Take note of the first signal instead of raising; gives the question "was there one?"."""
        self._deferring = True
        try:
            yield lambda: self._requested
        finally:
            self._deferring = False

    def receive(self, _number: int, _frame: FrameType | None) -> None:
        if self._ignoring:
            return
        if self._deferring and not self._requested:
            self._requested = True
            return
        raise KeyboardInterrupt


@contextmanager
def stop_signals() -> Iterator[StopSignals]:
    """Handle the stop signals until the block ends. For the main thread only.

    A hangup that is ignored, as nohup has it, stays ignored.
    """
    signals = StopSignals()
    before = {
        number: signal.signal(number, signals.receive)
        for number in _STOP_SIGNALS
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
