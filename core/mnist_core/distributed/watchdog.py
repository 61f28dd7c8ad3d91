"""Ends this process when another rank keeps it waiting for too long.

A rank that waits for another one does so inside MLX, where neither Ctrl-C nor an exception reaches
it. So a thread looks on, which is the one way out: it says why, and ends the process.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mnist_core.backend.python_process import python_command

_TICK = 0.25
"""Seconds between two looks. Time is counted in looks: those of a process that is suspended itself
do not take place, so it is not late when it goes on."""
DEFAULT_PATIENCE = 60.0


class Watchdog:
    """Looks on while this process waits for other ranks."""

    def __init__(self, patience: float, tell: Callable[[str], None]) -> None:
        """
        Args:
            patience: seconds that a wait may take.
            tell: called with a sentence, in a thread of its own, before the process ends with 1.
        """
        self.tell = tell
        self._patience = patience
        self._waiting = ""
        """For what; empty: for nothing."""
        self._waits = 0
        self._times = 1.0
        threading.Thread(target=self._look, name="watchdog", daemon=True).start()

    @contextmanager
    def waiting(self, what: str, times: float = 1) -> Iterator[None]:
        """The block waits for other ranks; `what` they have not done begins the sentence.

        It may take so many `times` as long as others.
        """
        self._waits += 1
        self._times = times
        self._waiting = what
        try:
            yield
        finally:
            self._waiting = ""

    @contextmanager
    def meeting(self) -> Iterator[None]:
        """The block meets the other ranks, in which MLX lets no other thread of Python run.

        So another process looks on, which writes the sentence to standard error, and kills this.
        """
        sentence = _sentence("The other ranks have not arrived", self._patience)
        arguments = str(os.getpid()), str(self._patience), sentence
        guard = subprocess.Popen(
            python_command(_GUARD, *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=sys.stderr,
        )
        try:
            yield
        finally:
            # It ends with its standard input, as when this process dies.
            guard.communicate()

    def _look(self) -> None:
        looks, seen = 0, 0
        while True:
            time.sleep(_TICK)
            waits, what = self._waits, self._waiting
            looks = looks + 1 if what and waits == seen else 0
            seen = waits
            patience = self._patience * self._times
            if looks * _TICK >= patience:
                try:
                    self.tell(_sentence(what, patience))
                finally:
                    os._exit(1)


def _sentence(what: str, patience: float) -> str:
    return (
        f"{what} for {patience:g} seconds: a rank is suspended, hangs, or cannot be reached. This "
        "rank ends, and with it the job."
    )


_GUARD = """
import os, select, signal, sys
number, patience, sentence = sys.argv[1:]
if not select.select([0], [], [], float(patience))[0]:
    sys.stderr.write(sentence + "\\n")
    os.kill(int(number), signal.SIGKILL)
"""
