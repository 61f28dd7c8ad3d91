"""The `TrainingRun` that trains with MLX, which is imported only once such a run starts."""

from collections.abc import Generator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.backend import Backend, configure
from mnist_core.data.dataset import Dataset
from mnist_core.events import Event, TrainingState
from mnist_core.recipe.changes import Change, ChangeQueue
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.store.recorder import RunRecorder, recorded_by
from mnist_core.store.records import Environment
from mnist_core.training.training_run import TrainingRun


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
        recorder: RunRecorder | None = None,
        environment: Environment | None = None,
        changes: Sequence[Change] = (),
    ) -> TrainingRun:
        """See `mnist_core.training.train.train` for the arguments.

        `changes` are those that are known before; the run takes more. What it tells goes to
        `recorder`. A run that is continued takes the device and the threads
        of its `environment`, since other ones would give other figures.
        """


def mlx_runs(backend: Backend, *, hold: bool = False) -> RunFactory:
    """A factory of runs that train with MLX on `backend`.

    When one diverges, it gives up; with `hold` it waits for `TrainingRun.decide` instead.
    """
    configured = backend

    def make_run(
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        state: TrainingState | None,
        *,
        until_epoch: int,
        samples: NDArray[np.uint8],
        recorder: RunRecorder | None = None,
        environment: Environment | None = None,
        changes: Sequence[Change] = (),
    ) -> TrainingRun:
        asked = ChangeQueue(changes)

        def events() -> Generator[Event, None, None]:
            return recorded_by(recorder, trained())

        def trained() -> Generator[Event, None, None]:
            from mnist_core.training.train import train

            nonlocal configured
            device, threads = backend.device, backend.threads
            if environment is not None:
                device = "gpu" if environment.device == "gpu" else "cpu"
                threads = environment.threads
            if (device, threads) != (configured.device, configured.threads):
                configured = configure(device, threads)
            yield from train(
                hyperparameters,
                dataset,
                state,
                backend=configured,
                until_epoch=until_epoch,
                samples=samples,
                changes=asked,
                on_divergence="continue" if hold else "stop",
                run_id=recorder.run_id if recorder is not None else None,
            )

        run = TrainingRun(events, at_thread_end=_clear_streams, changes=asked, hold=hold)
        if recorder is not None:
            recorder.is_paused = lambda: run.paused
        return run

    return make_run


def _clear_streams() -> None:
    # A thread that used MLX and ends with its streams alive can abort the process at exit.
    from mnist_core.backend.mlx import mx

    mx.clear_streams()
