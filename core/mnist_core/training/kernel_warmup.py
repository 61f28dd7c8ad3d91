"""Compiling the kernels of a step ahead, in a process of its own, which can be killed at any time.

On a Linux CPU MLX runs g++ for each kernel of a step, which takes seconds the first time and
milliseconds once the kernels lie in their folder. So a run starts uncompiled, this process fills
the folder meanwhile, and the run switches over; both steps give the same bits.
"""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnist_core.backend.backend import Backend, configure
from mnist_core.backend.kernel_cache import install_kernel_cache
from mnist_core.backend.kernel_files import all_whole, vouch
from mnist_core.backend.mlx import mx
from mnist_core.backend.python_process import python_command
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.network.learner import COMPILED_AS_ZERO_OR_NOT, CompiledForm
from mnist_core.network.parameters import initial_parameters
from mnist_core.network.rank_learner import Rounds, make_learner
from mnist_core.network.shape import NetworkShape
from mnist_core.recipe.hyperparameters import Hyperparameters

_NOT_COMPILED = {"learning_rate", "epochs", "patience", "target_accuracy", "seed", "schedule",
                 "warmup_steps", "shuffle", "validation", "pixel_scaling"}  # fmt: skip
"""Hyperparameters that enter the step as arrays, or not at all."""
_NICENESS = 10
"""On a core that training shares with the compiler, nine parts in ten are for training."""


class _Rehearsal(NamedTuple):
    """The sums of the first of so many ranks that nobody else takes part in."""

    size: int
    rank: int = 0

    def sum(self, part: mx.array) -> mx.array:
        return part


class KernelWarmUp:
    """The kernels of one recipe: are they there, and if not, a process that makes them."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        examples: int,
        ranks: int = 1,
        *,
        halved: bool = False,
    ) -> None:
        """`examples` is the number of training examples, which decides the last batch's size."""
        forms = {
            name: 0.5 if getattr(hyperparameters, name) else 0.0 for name in COMPILED_AS_ZERO_OR_NOT
        }
        compiled = hyperparameters.model_copy(update=forms)
        recipe = compiled.model_dump_json(exclude=_NOT_COMPILED)
        height, width = dataset.image_shape
        numbers = height, width, dataset.class_count, examples, int(halved), ranks
        self._arguments = [recipe, *map(str, numbers)]
        self._process: subprocess.Popen[bytes] | None = None
        self._marker = _marker(self._arguments)

    @property
    def missing(self) -> bool:
        """Whether no process has made the kernels yet, though there is a folder for them.

        So it is too where one of them is gone or damaged; then it is removed.
        """
        if self._marker is None:
            return False
        try:
            return not all_whole(self._marker)
        except OSError:  # whoever makes them again finds out what is wrong
            return True

    def start(self) -> None:
        """Begin to make them, out of the way of what else runs.

        Raises:
            OSError: the system starts no process for it.
        """
        self._process = subprocess.Popen(
            python_command(
                # Before what it imports, which takes a second of a core by itself.
                f"import os, sys; os.nice({_NICENESS}); from {__name__} import main; "
                "main(sys.argv[1:])",
                *self._arguments,
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that g++ can be killed with it
        )

    @property
    def finished(self) -> bool:
        """Whether the process has ended, with or without success."""
        return self._process is not None and self._process.poll() is not None

    def wait(self, timeout: float) -> None:
        """Block until the process has ended, at most `timeout` seconds.

        Raises:
            subprocess.TimeoutExpired: it has not.
        """
        if self._process is not None:
            self._process.wait(timeout)

    def close(self) -> None:
        """Kill the process if it still runs."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def _marker(arguments: list[str]) -> Path | None:
    """The file that says that the kernels for these arguments are there."""
    folder = install_kernel_cache().folder
    if folder is None:
        return None
    # The step is this program's, and another version of it may have other kernels.
    versions = [metadata.version(name) for name in ("mnist-tui", "mlx")]
    name = "\n".join([*versions, *arguments])
    return folder / f"ready-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


class StepCompilation:
    """Has the kernels of a learner's step made in a process, and compiles the step with them.

    Where they do already, or need not, the step is compiled at once.
    """

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        train: Examples,
        backend: Backend,
        rounds: Rounds | None = None,
        *,
        halved: bool,
    ) -> None:
        self._followed = hyperparameters
        self._dataset = dataset
        self._examples = len(train)
        self._backend = backend
        self._ranks = 1 if rounds is None else rounds.size
        self._halved = halved
        self._kernels = self._kernels_to_make()
        """What is being made; None: nothing, and the step is compiled."""
        self.learner = make_learner(
            hyperparameters, dataset, train, rounds, compiled=self._kernels is None, halved=halved
        )

    def start(self) -> None:
        """Begin to make the kernels that are missing."""
        # The first time, MLX has a shell look for g++, and a Ctrl-C meanwhile is lost. So that is
        # done before the run tells anything, and not when its kernels are there.
        mx.compile(lambda array: array)(mx.array(0))
        if self._kernels is not None:
            self._make()

    def look(self) -> None:
        """Compile the step if the kernels have been made meanwhile."""
        if self._kernels is not None and self._kernels.finished:
            self.learner.compile_step()
            self.close()

    def follow(self, now: Hyperparameters) -> None:
        """Let the learner take the values in force."""
        before, self._followed = self._followed, now
        self.learner.follow(now)
        same_form = CompiledForm.of(before) == CompiledForm.of(now)
        if same_form and before.batch_size == now.batch_size:
            return
        # Another form, and batches of one example, take kernels of their own.
        self.close()
        self._kernels = self._kernels_to_make()
        if self._kernels is None:
            self.learner.compile_step()
        else:
            self.learner.run_uncompiled()
            self._make()

    def close(self) -> None:
        """Stop making kernels, if that still goes on."""
        if self._kernels is not None:
            self._kernels.close()
            self._kernels = None

    def _make(self) -> None:
        # Without a process for it the step stays uncompiled, which gives the same figures.
        if self._kernels is not None:
            with contextlib.suppress(OSError):
                self._kernels.start()

    def _kernels_to_make(self) -> KernelWarmUp | None:
        """Those that would hold up the next batch for seconds; None if there are none."""
        if sys.platform != "linux" or self._backend.device != "cpu":
            return None
        kernels = KernelWarmUp(
            self._followed, self._dataset, self._examples, self._ranks, halved=self._halved
        )
        return kernels if kernels.missing else None


def main(arguments: list[str]) -> None:
    """Run the compiled step once with each size of batch, which makes its kernels."""
    configure("cpu", 1)
    recipe, height, width, classes, examples, halved, ranks = arguments
    hyperparameters = Hyperparameters.model_validate_json(recipe)
    batch_size = min(hyperparameters.batch_size, int(examples))
    last = int(examples) % batch_size
    images = np.zeros((batch_size, int(height), int(width)), np.uint8)
    train = Examples(images, np.zeros(batch_size, np.uint16))
    names = tuple(str(label) for label in range(int(classes)))
    dataset = Dataset("blank", train, train, names, tuple(range(int(classes))))
    sizes = NetworkShape.of(hyperparameters, dataset.image_shape, dataset.class_count)
    rounds = None if ranks == "1" else _Rehearsal(int(ranks))
    learner = make_learner(
        hyperparameters, dataset, train, rounds, compiled=True, halved=halved == "1"
    )
    learner.load(initial_parameters(sizes, 0), None)
    for step, size in enumerate((batch_size, last) if last else (batch_size,)):
        learner.update(np.arange(size, dtype=np.int32), step, 0.1)
    marker = _marker(arguments)
    if marker is not None and learner.take_compile_failure() is None:
        vouch(marker)
