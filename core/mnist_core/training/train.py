"""Training, as a generator of events: no thread, no I/O, nothing drawn."""

from collections.abc import Generator
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.backend import Backend, configure
from mnist_core.data.dataset import Dataset
from mnist_core.events import Event, TrainingState
from mnist_core.recipe.changes import ChangeQueue
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.training.divergence import OnDivergence
from mnist_core.training.trainer import Trainer


def train(
    hyperparameters: Hyperparameters,
    dataset: Dataset,
    state: TrainingState | None = None,
    *,
    backend: Backend | None = None,
    until_epoch: int | None = None,
    samples: NDArray[np.uint8] | None = None,
    changes: ChangeQueue | None = None,
    on_divergence: OnDivergence = "continue",
    run_id: str | None = None,
) -> Generator[Event, None, None]:
    """Train a network, telling each batch and epoch as it is done.

    Pause by not asking for the next event. Stop and keep what was learned by throwing
    `StopTraining` in: the answer is `RunStopped`. Abandon by closing. When it tells
    `DivergenceDetected`, throw `HalveLearningRate` or `GiveUp` in to decide; asking for the next
    event leaves that to `on_divergence`.

    Args:
        hyperparameters: what to train and how, before any change.
        dataset: uint8 images of any size, with any number of classes.
        state: where to go on; None starts from the seed and evaluates epoch 0 first.
        backend: what MLX computes on; None takes the best there is, with all threads.
        until_epoch: the epoch to end with, whatever `changes.scheduled` says of epochs; None for
            those of `hyperparameters`. The schedule of the learning rate follows the planned epochs
            either way.
        samples: images (samples, height, width) to predict about twice a second.
        changes: what changes on the way, and the place to ask for more; of a run that goes on,
            also the changes before `state`, which are made without being told again.
        on_divergence: whether to go on as the recipe says, to end, or to go back and halve the
            learning rate.
        run_id: the name of this run in its events; made up if None.

    Raises:
        ValueError: a state or data set that does not fit the hyperparameters, as a sentence.
        BackendMissing: MLX cannot compute here, as a sentence.
    """
    trainer = Trainer(
        hyperparameters,
        dataset,
        state,
        backend or configure("auto", None),
        run_id or uuid4().hex[:12],
        changes or ChangeQueue(),
        until_epoch,
        samples,
        on_divergence,
    )
    yield from trainer.events()
