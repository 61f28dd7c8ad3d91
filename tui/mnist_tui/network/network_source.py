"""Which model the network screen shows: that of the epoch under the charts' cursor, or the last."""

import math

from mnist_core.store import RunStore
from mnist_tui.lab.current_model import CurrentModel, Model
from mnist_tui.lab.epoch_models import EpochModels
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State
from mnist_tui.settings.keys import sentence_key


class NetworkSource:
    """Finds the weights of an epoch: in memory where they are, else among the checkpoints."""

    def __init__(self, session: Session, store: RunStore) -> None:
        self._session = session
        purpose = "What a network has learned stands here once one is trained."
        self._current = CurrentModel(session, store, purpose)
        self._found: tuple[object, Model | str] = (None, "")
        self._models = EpochModels(store)

    def forget(self) -> None:
        """Look again at what the store says, since it may have changed."""
        self._current.forget()
        self._found = None, ""

    @property
    def is_live(self) -> bool:
        """Whether the model will be another one in a moment."""
        return self._session.state is State.RUNNING and self._session.cursor is None

    @property
    def looks_back(self) -> bool:
        """Whether an epoch was chosen."""
        return self._session.cursor is not None

    @property
    def progress(self) -> RunProgress | None:
        """The run on show."""
        return self._session.progress

    @property
    def cursor_epoch(self) -> int | None:
        """The last evaluated epoch up to the charts' cursor; None: there is no cursor."""
        return self._epoch()

    def move_cursor(self, by: int) -> None:
        """Move the cursor, which the charts share, by epochs that were evaluated."""
        progress, here = self._session.progress, self._epoch()
        if progress is not None and progress.recipe is not None:
            last = progress.evaluated_epoch
            epoch = max(0, min(last, (last if here is None else here) + by))
            self._session.cursor = float(progress.epoch_steps.end(epoch))

    def find(self) -> Model | str:
        """The model to be shown, the same one while nothing changes; or why there is none."""
        progress, epoch = self._session.progress, self._epoch()
        if progress is None or epoch is None:
            return self._latest()
        key = (id(progress), progress.name, epoch, len(progress.test_loss))
        if key != self._found[0]:
            found = self._models.at(progress, epoch)
            if isinstance(found, str):
                latest = f"{sentence_key('show_latest')} shows the model as it is now."
                found = f"{found} {latest}"
            self._found = key, found
        return self._found[1]

    def _latest(self) -> Model | str:
        model, before = self._current.find(), self._found[1]
        if isinstance(model, Model) and isinstance(before, Model):
            same = model.parameters is before.parameters and model.when == before.when
            model = before if same else model
        self._found = None, model
        return model

    def _epoch(self) -> int | None:
        """The last evaluated one up to the charts' cursor; None: there is no cursor."""
        progress, cursor = self._session.progress, self._session.cursor
        if progress is None or cursor is None or progress.recipe is None:
            return None
        at = math.floor(progress.epoch_steps.epochs(cursor) + 1e-9)
        return min(at, progress.evaluated_epoch)

    def epochs(self) -> list[int]:
        """Those of the run on show whose weights can be shown, in their order."""
        progress = self._session.progress
        if progress is None:
            return []
        return self._models.epochs(progress)

    def move_epoch(self, by: int) -> None:
        """Move the cursor, which the charts share, to the next epoch that is kept, or the one
        before; beyond the last one it stays there.
        """
        progress, epochs = self._session.progress, self.epochs()
        if progress is None or not epochs:
            return
        here = self._epoch()
        if here is None:
            # In an epoch under way, back is the end of the last one.
            here = progress.evaluated_epoch
            here += by < 0 and progress.step > progress.epoch_steps.end(here)
        beyond = [epoch for epoch in epochs if (epoch > here if by > 0 else epoch < here)]
        if beyond:
            epoch = beyond[0] if by > 0 else beyond[-1]
            self._session.cursor = float(progress.epoch_steps.end(epoch))

    def show_latest(self) -> None:
        """Take the cursor away."""
        self._session.cursor = None
