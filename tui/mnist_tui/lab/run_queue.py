"""Runs that were asked for together, and are trained one after the other."""

from collections import deque
from collections.abc import Sequence

from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_tui.lab.overlay import Marks


class RunQueue:
    """What is still to be trained, and the marks of what has been, so that its curves stay."""

    def __init__(self, marks: Marks) -> None:
        self.waiting: deque[Hyperparameters] = deque()
        """To be trained, the next one first."""
        self.asked = 0
        """How many were asked for at once, those that have been trained included."""
        self.in_turn = False
        """Whether the run under way is one of several."""
        self._marks = marks
        self._marked: list[str] = []
        self._pause_after: int | None = None

    def ask(self, recipes: Sequence[Hyperparameters], pause_after: int | None) -> None:
        """Wait for these instead; the first pauses after so many batches, if that is said.

        Of several, those that have ended stay marked until several are asked for again.
        """
        self.waiting, self._pause_after = deque(recipes), pause_after
        self.asked, self.in_turn = len(recipes), False
        if len(recipes) > 1:
            for run_id in set(self._marked) & set(self._marks.ids):
                self._marks.toggle(run_id)
            self._marked = []

    def take(self) -> tuple[Hyperparameters, int | None]:
        """The next one, and after how many batches it is to pause."""
        pause_after, self._pause_after = self._pause_after, None
        return self.waiting.popleft(), pause_after

    def mark(self, run_id: str) -> None:
        """Mark a run that has ended; where there are no more looks, the first one gives its own."""
        marks = self._marks
        if run_id and run_id not in marks.ids:
            if marks.is_full:
                marks.toggle(marks.ids[0])
            marks.toggle(run_id)
            self._marked.append(run_id)
