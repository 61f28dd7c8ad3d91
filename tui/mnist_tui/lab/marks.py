"""Which runs are laid over each other in charts, each with a look of its own."""

from collections.abc import Container
from dataclasses import dataclass

from mnist_tui.charts.plot import LineStyle


@dataclass(frozen=True, slots=True)
class Look:
    """How a run's curves are drawn; the sign stands in tables and for points, so that no two runs
    differ in colour alone.
    """

    color: str
    sign: str
    line: LineStyle = LineStyle.SOLID


LOOKS = (
    Look("#d16ba5", "◆"),
    Look("#1fa39a", "▲"),
    Look("#b8901c", "■"),
    Look("#9a7fe0", "▼"),
    Look("#7a9e2f", "★"),
    Look("#b07850", "✚"),
)
"""Readable on dark and light, and unlike the colours of the run that is being trained."""

REFERENCE = Look("$foreground", "○", LineStyle.DASHED)


class Marks:
    """The marked runs in the order they were marked, and the pinned reference."""

    def __init__(self) -> None:
        self._looks: dict[str, Look] = {}
        self._pinned: str | None = None
        self.changes = 0
        """Counts up whenever something here changes."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The marked runs, the first one first; the pinned one only if it is marked too."""
        return tuple(self._looks)

    @property
    def pinned(self) -> str | None:
        """The run that others are compared with."""
        return self._pinned

    @property
    def is_full(self) -> bool:
        return len(self._looks) == len(LOOKS)

    def look(self, run_id: str) -> Look | None:
        """The look of a marked or pinned run; a mark keeps its look until it is taken away."""
        if run_id in self._looks:
            return self._looks[run_id]
        return REFERENCE if run_id == self._pinned else None

    def toggle(self, run_id: str) -> bool:
        """Mark a run or take its mark away; False: every look is taken."""
        if run_id in self._looks:
            del self._looks[run_id]
        elif self.is_full:
            return False
        else:
            taken = set(self._looks.values())
            self._looks[run_id] = next(look for look in LOOKS if look not in taken)
        self.changes += 1
        return True

    def pin(self, run_id: str) -> None:
        """Make a run the reference, or no run if it is that already."""
        self._pinned = None if self._pinned == run_id else run_id
        self.changes += 1

    def keep_only(self, run_ids: Container[str]) -> None:
        """Forget runs that are no longer there."""
        kept = {run_id: look for run_id, look in self._looks.items() if run_id in run_ids}
        pinned = self._pinned if self._pinned is not None and self._pinned in run_ids else None
        if (len(kept), pinned) != (len(self._looks), self._pinned):
            self._looks, self._pinned = kept, pinned
            self.changes += 1
