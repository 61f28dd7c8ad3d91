"""The `TrainingRun` that trains with MLX, which is imported only once such a run starts."""

from collections.abc import Generator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend import Backend
from mnist_core.dataset import Dataset
from mnist_core.events import Event, TrainingState
from mnist_core.hyperparameters import Hyperparameters
from mnist_core.run import TrainingRun


class RunFactory(Protocol):
    """Makes a run, not started yet; tests pass one that plays a script."""

    def __call__(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        state: TrainingState | None,
        *,
        until_epoch: int,
        samples: NDArray[np.uint8],
    ) -> TrainingRun:
        """See `mnist_core.training.train` for the arguments."""


def mlx_runs(backend: Backend) -> RunFactory:
    """A factory of runs that train with MLX on `backend`, and give up when they diverge."""

    def make_run(
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        state: TrainingState | None,
        *,
        until_epoch: int,
        samples: NDArray[np.uint8],
    ) -> TrainingRun:
        def events() -> Generator[Event, None, None]:
            from mnist_core.training import train

            return train(
                hyperparameters,
                dataset,
                state,
                backend=backend,
                until_epoch=until_epoch,
                samples=samples,
                on_divergence="stop",
            )

        return TrainingRun(events, at_thread_end=_clear_streams)

    return make_run


def _clear_streams() -> None:
    # A thread that used MLX and ends with its streams alive can abort the process at exit.
    from mnist_core.mlx import mx

    mx.clear_streams()
