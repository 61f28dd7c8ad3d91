"""Where the mistakes screen finds what it shows: the run at hand, and one to compare with."""

import math

from mnist_core.store import RunStore, StoreError
from mnist_tui.mistakes.inspection import Inspection, Other
from mnist_tui.run_progress import RunProgress
from mnist_tui.runs.marks import Marks
from mnist_tui.session import Session


class Sources:
    """Gives the same `Inspection` again until there is something else to show."""

    def __init__(self, session: Session, store: RunStore, marks: Marks) -> None:
        self._session = session
        self._store = store
        self._marks = marks
        self._key: object = None
        self._inspection: Inspection | None = None
        self._other: tuple[object, Other | None] = (None, None)

    def forget(self) -> None:
        """Look again at the run to compare with, since it may be another one."""
        self._key, self._other = None, (None, None)

    def inspection(self, *, train: bool = False) -> Inspection | None:
        """What is to be shown now; None without data.

        Before a run has answered, and for the training samples, they are shown as they are.
        """
        session = self._session
        progress = session.progress
        if progress is not None and progress.history.epochs and not train:
            return self._of_run(progress)
        if session.dataset is None:
            return None
        key = (id(session.dataset), train)
        if key != self._key:
            self._key = key
            self._inspection = Inspection.of_data(session.dataset, train=train)
        return self._inspection

    def move_epoch(self, by: int) -> None:
        """Move the cursor, which the charts share, by `by` evaluated epochs."""
        progress = self._session.progress
        if progress is None or not progress.history.epochs:
            return
        epochs = progress.history.epochs
        place = epochs.index(self._epoch(progress)) + by
        self.show_epoch(epochs[max(0, min(place, len(epochs) - 1))])

    def show_epoch(self, epoch: int) -> None:
        """Move the cursor to the end of an epoch."""
        progress = self._session.progress
        if progress is not None:
            self._session.cursor = float(progress.epoch_steps.end(epoch))

    def _of_run(self, progress: RunProgress) -> Inspection | None:
        epoch, epochs = self._epoch(progress), progress.history.epochs
        other = self._other_run(progress)
        key = (id(progress), epoch, epochs[-1], len(epochs), id(other))
        if key != self._key:
            self._key = key
            self._inspection = Inspection.of_run(
                progress.dataset, progress.test, progress.history, epoch, other
            )
        return self._inspection

    def _epoch(self, progress: RunProgress) -> int:
        """The epoch under the charts' cursor, or the last one that answered."""
        epochs = progress.history.epochs
        if self._session.cursor is None or not progress.steps_per_epoch:
            return epochs[-1]
        at = math.floor(progress.epoch_steps.epochs(self._session.cursor) + 1e-9)
        return max((epoch for epoch in epochs if epoch <= at), default=epochs[0])

    def _other_run(self, progress: RunProgress) -> Other | None:
        """The pinned run, else the one before, if it was measured on the same samples."""
        pinned, ghost = self._marks.pinned, self._session.ghost
        key = (id(progress), pinned, id(ghost))
        if key != self._other[0]:
            found = self._pinned(pinned, progress) if pinned is not None else None
            self._other = (key, found or self._ghost(ghost, progress))
        return self._other[1]

    def _pinned(self, run_id: str, progress: RunProgress) -> Other | None:
        try:
            record = self._store.run(run_id)
            answers = self._store.answers(record.id, record.epoch)
        except StoreError:
            return None
        same = (
            record.id != progress.run_id
            and record.test_examples == len(progress.test)
            and record.fingerprint == progress.dataset.fingerprint
        )
        if not same or answers is None:
            return None
        return Other(record.name, answers.epoch, answers.predictions)

    def _ghost(self, ghost: RunProgress | None, progress: RunProgress) -> Other | None:
        latest = ghost.history.latest if ghost is not None else None
        if ghost is None or latest is None or ghost is progress:
            return None
        if ghost.dataset is not progress.dataset or len(ghost.test) != len(progress.test):
            return None
        return Other("the run before", latest.epoch, latest.predictions)
