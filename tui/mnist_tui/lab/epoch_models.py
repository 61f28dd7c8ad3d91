"""The models of the epochs of the run on show: in memory where they are, else checkpoints."""

from mnist_core.events import TrainingState
from mnist_core.store import RunStore
from mnist_tui.lab.current_model import Model, after_text, model_of, stored_model
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.settings.keys import key_hint

_MOST_STATES = 4
"""Of a run, that are kept in memory so that going back and forth reads none twice."""


class EpochModels:
    """Finds the weights of an epoch, of the run that was asked about last."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._states: dict[int, TrainingState] = {}
        """Those looked at last, by epoch."""
        self._states_of: object = None
        """Curves, which are others where the run is another one or has gone back."""

    def at(self, progress: RunProgress, epoch: int) -> Model | str:
        """The model after an epoch; or why there is none, in sentences."""
        if self._states_of is not progress.test_loss:
            self._states_of, self._states = progress.test_loss, {}
        # What has been found stays, though a run that goes on keeps its file no longer.
        state: TrainingState | str | None = self._states.get(epoch)
        state = state or _in_memory(progress).get(epoch)
        if state is None:
            kept = self.epochs(progress)
            if epoch not in kept:
                return _not_kept(epoch, kept)
            state = stored_model(self._store, progress, epoch)
        if isinstance(state, str):
            return state
        if epoch not in self._states and len(self._states) >= _MOST_STATES:
            self._states.pop(next(iter(self._states)))
        self._states[epoch] = state
        return model_of(progress, state.parameters, after_text(state))

    def epochs(self, progress: RunProgress) -> list[int]:
        """Those whose weights can be shown, in their order."""
        kept = self._store.model_epochs(progress.run_id) if progress.run_id else []
        known = {epoch for epoch in kept if epoch <= progress.evaluated_epoch}
        return sorted(known.union(_in_memory(progress)))


def _in_memory(progress: RunProgress) -> dict[int, TrainingState]:
    """The states at the end of an epoch that the run has told of, by epoch."""
    states = (progress.epoch.state if progress.epoch is not None else None, progress.state)
    return {
        state.epoch: state
        for state in states
        if state is not None and state.parameters and not state.batch
    }


def _not_kept(epoch: int, kept: list[int]) -> str:
    if not kept:
        return f"The weights of epoch {epoch} are not kept, nor are any others."
    named = ", ".join(map(str, kept))
    which = f"epoch {named} are" if len(kept) == 1 else f"epochs {named} are"
    back, forward = key_hint("move_epoch_back"), key_hint("move_epoch_forward")
    return (
        f"The weights of epoch {epoch} are not kept. Those of {which}, since of a run the best "
        f"epoch and the last one stay: {back} and {forward} go there."
    )
