"""Notices that a run with several threads waits for cores that other programs have taken."""

from statistics import median

_WINDOW = 50
"""Steps that are looked at together: their median passes over a few that were held up, and over a
process that was suspended."""
_SLOW = 4.0
"""Times as long as the run's fastest steps. Beside one busy process on two cores, steps took 2 to
31 times as long with two threads, and at most 1.4 times with one (docs/results.md)."""
_ROWS = 3
"""Windows in a row that must be slow."""


class StallGuard:
    """Fed with the seconds of each step, it tells once that they have become far slower.

    With one thread nobody waits for a thread that has no core, so it never tells.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._window: list[float] = []
        self._fastest = float("inf")
        self._slow = 0
        self._told = threads == 1

    def after_step(self, seconds: float) -> str:
        """Why steps are slow and what to do, in sentences; empty: they are not, or it was told."""
        if self._told:
            return ""
        self._window.append(seconds)
        if len(self._window) < _WINDOW:
            return ""
        usual = median(self._window)
        self._window.clear()
        self._fastest = min(self._fastest, usual)
        factor = usual / self._fastest
        self._slow = self._slow + 1 if factor >= _SLOW else 0
        if self._slow < _ROWS:
            return ""
        self._told = True
        return (
            f"Steps take {factor:.0f} times as long as before. With {self._threads} threads, each "
            "waits for those whose core another program uses. Start the next run with --threads 1."
        )
