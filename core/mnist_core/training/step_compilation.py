"""When the step of a learner is compiled: at once, or as soon as its kernels have been made."""

import sys

from mnist_core.backend.backend import Backend
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.network.learner import Learner
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.training.kernel_warmup import KernelWarmUp


class StepCompilation:
    """Has the kernels of a learner's step made in a process, and compiles the step with them.

    Where they do already, or need not, the step is compiled at once.
    """

    def __init__(
        self, hyperparameters: Hyperparameters, dataset: Dataset, train: Examples, backend: Backend
    ) -> None:
        self._followed = hyperparameters
        self._dataset = dataset
        self._examples = len(train)
        self._backend = backend
        self._kernels = self._missing()
        """What is being made; None: nothing, and the step is compiled."""
        self.learner = Learner(hyperparameters, dataset, train, compiled=self._kernels is None)

    def start(self) -> None:
        """Begin to make the kernels that are missing."""
        if self._kernels is not None:
            self._kernels.start()

    def look(self) -> None:
        """Compile the step if the kernels have been made meanwhile."""
        if self._kernels is not None and self._kernels.finished:
            self.learner.compile_step()
            self.close()

    def follow(self, now: Hyperparameters) -> None:
        """Let the learner take the values in force."""
        before, self._followed = self._followed, now
        self.learner.follow(now)
        if (before.dropout > 0, before.batch_size) == (now.dropout > 0, now.batch_size):
            return
        # Dropout, and batches of one example, take kernels of their own.
        self.close()
        self._kernels = self._missing()
        if self._kernels is None:
            self.learner.compile_step()
        else:
            self.learner.run_uncompiled()
            self._kernels.start()

    def close(self) -> None:
        """Stop making kernels, if that still goes on."""
        if self._kernels is not None:
            self._kernels.close()
            self._kernels = None

    def _missing(self) -> KernelWarmUp | None:
        return _kernels_to_make(self._followed, self._dataset, self._examples, self._backend)


def _kernels_to_make(
    hyperparameters: Hyperparameters, dataset: Dataset, examples: int, backend: Backend
) -> KernelWarmUp | None:
    """The kernels that would hold up the next batch for seconds; None if there are none."""
    if sys.platform != "linux" or backend.device != "cpu":
        return None
    kernels = KernelWarmUp(hyperparameters, dataset, examples)
    return kernels if kernels.possible and not kernels.ready else None
