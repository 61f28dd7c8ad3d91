"""Ends this process when another rank keeps it waiting for too long.

A rank that waits for another one does so inside MLX, where neither Ctrl-C nor an exception reaches
it. So a thread looks on, which is the one way out: it says why, and ends the process.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
        self._over = threading.Event()
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

    def close(self) -> None:
        """Look no longer."""
        self._over.set()

    def _look(self) -> None:
        looks, seen = 0, 0
        while not self._over.wait(_TICK):
            waits, what = self._waits, self._waiting
            looks = looks + 1 if what and waits == seen else 0
            seen = waits
            patience = self._patience * self._times
            if looks * _TICK >= patience:
                try:
                    self.tell(
                        f"{what} for {patience:g} seconds: a rank is suspended, hangs, or cannot "
                        "be reached. This rank ends, and with it the job."
                    )
                finally:
                    os._exit(1)
