"""The model that reads a drawn digit: that of the run at hand, as it is now."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset
from mnist_core.events import TrainingState
from mnist_core.network.evaluation import logits, probabilities
from mnist_core.network.parameters import check_parameters, layer_sizes
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import RunStore, StoreError
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.lab.session import Session, State
from mnist_tui.settings.keys import key_hint

_NOT_YET = "The model appears here with the first epoch."

Parameters = tuple[NDArray[np.float32], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Weights, and what they were trained with."""

    parameters: Parameters
    """Weight (inputs, outputs) and bias (outputs,) of each layer in turn."""
    hyperparameters: Hyperparameters
    dataset: Dataset
    when: str
    """Of which run and epoch it is, text from outside in it."""

    def probabilities(self, ink: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(classes,) of a drawn image (height, width), full ink = 255.

        All are NaN where the weights are no longer finite numbers.
        """
        image = 255 - ink if self.dataset.dark_on_light else ink
        answer = logits(self.parameters, image[None], self.hyperparameters, self.dataset)
        return np.asarray(probabilities(answer)[0])


class CurrentModel:
    """Finds the model of the run at hand; the weights of a stored one are read when asked for."""

    def __init__(self, session: Session, store: RunStore) -> None:
        self._session = session
        self._store = store
        self._name = ("", "")
        """A run's id, and what it is called."""
        self._stored: tuple[RunProgress, TrainingState | str] | None = None
        """The stored run on show, with its last checkpoint or why there is none."""
        self.reason = _no_run()
        """Why the last call of `find` gave nothing, in sentences."""

    @property
    def dataset(self) -> Dataset | None:
        """The data set of the run, or the one that is loaded."""
        progress = self._session.progress
        return progress.dataset if progress is not None else self._session.data.dataset

    def forget(self) -> None:
        """Look again at what the store says, since it may have changed."""
        self._name, self._stored = ("", ""), None

    def find(self) -> Model | None:
        """The model as it is now; None with a `reason`."""
        progress = self._session.progress
        if progress is None:
            self.reason = _no_run()
            return None
        found = self._weights(progress)
        if isinstance(found, str):
            self.reason = found
            return None
        parameters, when = found
        name = self._name_of(progress.run_id)
        when = f"{name} · {when}" if name else when
        return Model(parameters, progress.hyperparameters, progress.dataset, when)

    def _weights(self, progress: RunProgress) -> tuple[Parameters, str] | str:
        """The weights and when they were such, or why there are none."""
        state = progress.state
        if state is not None and state.parameters:
            return state.parameters, _after(state)
        if progress.parameters:
            return progress.parameters, self._now(progress)
        if self._session.state.is_active or not progress.run_id:
            return _NOT_YET
        stored = self._last_checkpoint(progress)
        return stored if isinstance(stored, str) else (stored.parameters, _after(stored))

    def _now(self, progress: RunProgress) -> str:
        epoch = f"epoch {progress.epoch_under_way}"
        match self._session.state:
            case State.RUNNING:
                return f"{epoch}, training"
            case State.PAUSED | State.STOPPING as state:
                return f"{epoch}, {state.value}"
            case _:
                return epoch

    def _last_checkpoint(self, progress: RunProgress) -> TrainingState | str:
        if self._stored is None or self._stored[0] is not progress:
            self._stored = progress, self._read(progress)
        return self._stored[1]

    def _read(self, progress: RunProgress) -> TrainingState | str:
        dataset = progress.dataset
        hidden = progress.hyperparameters.hidden_sizes
        try:
            state = self._store.model(progress.run_id)
            sizes = layer_sizes(dataset.input_size, hidden, dataset.class_count)
            check_parameters(state.parameters, sizes)
        except (StoreError, ValueError) as error:
            return str(error)
        return state

    def _name_of(self, run_id: str) -> str:
        """What the run is called; empty as long as the store does not know it."""
        if run_id and self._name[0] != run_id:
            try:
                self._name = run_id, self._store.run(run_id).name
            except StoreError:
                return ""
        return self._name[1] if run_id else ""


def _after(state: TrainingState) -> str:
    """How far the training of a model came that is not trained now."""
    return f"in epoch {state.epoch + 1}" if state.batch else f"after epoch {state.epoch}"


def _no_run() -> str:
    return (
        "A model has to be trained before it can read digits. "
        f"Press {key_hint('show_screen_train')}, then {key_hint('run')}, to train one."
    )
