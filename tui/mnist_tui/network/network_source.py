"""Which model the network screen shows: that of the epoch under the charts' cursor, or the last."""

import math

from mnist_core.events import TrainingState
from mnist_core.store import RunStore
from mnist_tui.lab.current_model import CurrentModel, Model, after_text, model_of, stored_model
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State
from mnist_tui.settings.keys import key_hint, sentence_key

_MOST_STATES = 4
"""Of a run, that are kept in memory so that going back and forth reads none twice."""


class NetworkSource:
    """Finds the weights of an epoch: in memory where they are, else among the checkpoints."""

    def __init__(self, session: Session, store: RunStore) -> None:
        self._session = session
        self._store = store
        purpose = "What a network has learned stands here once one is trained."
        self._current = CurrentModel(session, store, purpose)
        self._found: tuple[object, Model | str] = (None, "")
        self._states: dict[int, TrainingState] = {}
        """Those looked at last, by epoch."""
        self._states_of: object = None
        """Curves, which are others where the run is another one or has gone back."""

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
            self._found = key, self._of_epoch(progress, epoch)
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

    def _of_epoch(self, progress: RunProgress, epoch: int) -> Model | str:
        if self._states_of is not progress.test_loss:
            self._states_of, self._states = progress.test_loss, {}
        # What has been found stays, though a run that goes on keeps its file no longer.
        state: TrainingState | str | None = self._states.get(epoch)
        state = state or self._in_memory(progress).get(epoch)
        if state is None:
            kept = self.epochs()
            if epoch not in kept:
                return _not_kept(epoch, kept)
            state = stored_model(self._store, progress, epoch)
        if isinstance(state, str):
            return state
        if epoch not in self._states and len(self._states) >= _MOST_STATES:
            self._states.pop(next(iter(self._states)))
        self._states[epoch] = state
        return model_of(progress, state.parameters, after_text(state))

    def _in_memory(self, progress: RunProgress) -> dict[int, TrainingState]:
        """The states at the end of an epoch that the run has told of, by epoch."""
        states = (progress.epoch.state if progress.epoch is not None else None, progress.state)
        return {
            state.epoch: state
            for state in states
            if state is not None and state.parameters and not state.batch
        }

    def epochs(self) -> list[int]:
        """Those of the run on show whose weights can be shown, in their order."""
        progress = self._session.progress
        if progress is None:
            return []
        kept = self._store.model_epochs(progress.run_id) if progress.run_id else []
        known = {epoch for epoch in kept if epoch <= progress.evaluated_epoch}
        return sorted(known.union(self._in_memory(progress)))

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


def _not_kept(epoch: int, kept: list[int]) -> str:
    latest = f"{sentence_key('show_latest')} shows the model as it is now."
    if not kept:
        return f"The weights of epoch {epoch} are not kept, nor are any others. {latest}"
    named = ", ".join(map(str, kept))
    which = f"epoch {named} are" if len(kept) == 1 else f"epochs {named} are"
    back, forward = key_hint("move_epoch_back"), key_hint("move_epoch_forward")
    return (
        f"The weights of epoch {epoch} are not kept. Those of {which}, since of a run the best "
        f"epoch and the last one stay: {back} and {forward} go there. {latest}"
    )
