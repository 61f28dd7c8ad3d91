"""The model at hand: weights of the run on show, and when they were such."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset, Examples
from mnist_core.events import TrainingState
from mnist_core.network.evaluation import logits, probabilities
from mnist_core.network.parameters import check_parameters
from mnist_core.network.shape import NetworkShape
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store import RunStore, StoreError
from mnist_tui.lab.run_progress import RunProgress
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State
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
    test: Examples
    """What it is tested on."""
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

    def __init__(self, session: Session, store: RunStore, purpose: str) -> None:
        """`purpose`: what a model is needed for, as the sentence where no run is on show."""
        self._session = session
        self._store = store
        self._purpose = purpose
        self._stored: tuple[tuple[RunProgress, int], TrainingState | str] | None = None
        """The stored run on show and its last epoch, with that checkpoint or why there is none."""

    @property
    def dataset(self) -> Dataset | None:
        """The data set of the run, or the one that is loaded."""
        progress = self._session.progress
        return progress.dataset if progress is not None else self._session.data.dataset

    def forget(self) -> None:
        """Look again at what the store says, since it may have changed."""
        self._session.follow_name()
        self._stored = None

    def find(self) -> Model | str:
        """The model as it is now, or why there is none, in sentences."""
        progress = self._session.progress
        if progress is None:
            return (
                f"{self._purpose} "
                f"Press {key_hint('show_screen_train')}, then {key_hint('run')}, to train one; or "
                f"{key_hint('show_screen_runs')} to open a run that is kept."
            )
        found = self._weights(progress)
        if isinstance(found, str):
            return found
        return model_of(progress, *found)

    def _weights(self, progress: RunProgress) -> tuple[Parameters, str] | str:
        """The weights and when they were such, or why there are none."""
        state = progress.state
        if state is not None and state.parameters:
            return state.parameters, after_text(state)
        if progress.parameters:
            return progress.parameters, self._now(progress)
        if self._session.run is not None or not progress.run_id:
            return _NOT_YET
        stored = self._last_checkpoint(progress)
        return stored if isinstance(stored, str) else (stored.parameters, after_text(stored))

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
        """That of a stored run, which is read once, or why it cannot be used."""
        key = progress, progress.evaluated_epoch
        if self._stored is None or self._stored[0] != key:
            self._stored = key, stored_model(self._store, progress)
        return self._stored[1]


def model_of(progress: RunProgress, parameters: Parameters, when: str) -> Model:
    """A model of a run that had these weights at a time, in words."""
    when = f"{progress.name} · {when}" if progress.name else when
    return Model(parameters, progress.hyperparameters, progress.dataset, progress.test, when)


def stored_model(
    store: RunStore, progress: RunProgress, epoch: int | None = None
) -> TrainingState | str:
    """The checkpoint of an epoch of a run, the last one if None; or why it cannot be used."""
    dataset = progress.dataset
    try:
        state = store.model(progress.run_id, epoch)
        shape = NetworkShape.of(progress.hyperparameters, dataset.image_shape, dataset.class_count)
        check_parameters(state.parameters, shape)
    except (StoreError, ValueError) as error:
        return str(error)
    return state


def after_text(state: TrainingState) -> str:
    """How far the training of a model came that is not trained now."""
    return f"in epoch {state.epoch + 1}" if state.batch else f"after epoch {state.epoch}"
