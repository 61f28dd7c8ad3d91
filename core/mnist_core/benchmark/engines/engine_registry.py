"""The engines by name; each library is imported only where its engine is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, cast, get_args

from mnist_core.benchmark.engines.torch_accelerator import (
    NO_ACCELERATOR,
    accelerator_found,
    accelerator_in_sight,
)
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.recipe.models.table import MODELS

if TYPE_CHECKING:
    from mnist_core.benchmark.engines.engine import Engine
    from mnist_core.benchmark.problem import Problem

EngineName = Literal["mlx", "mlx-stock", "numpy", "torch", "torch-gpu"]

ENGINES: tuple[EngineName, ...] = get_args(EngineName)
"""Ours first; mlx-stock is the published MLX loop on the BLAS that MLX's wheel brings, torch-gpu is
PyTorch on an accelerator."""

_BUSY = "+busy"


@dataclass(frozen=True, slots=True)
class Contestant:
    """An engine as it takes part; its text is the name of the entrant, such as numpy/2+busy."""

    engine: EngineName
    threads: int | None = None
    """None: those of the task."""
    busy: bool = False
    """Whether it is measured while busy loops turn."""

    @classmethod
    def of(cls, entrant: str) -> "Contestant":
        name = entrant.removesuffix(_BUSY)
        engine, _, threads = name.partition("/")
        return cls(cast(EngineName, engine), int(threads) if threads else None, name != entrant)

    def __str__(self) -> str:
        threads = "" if self.threads is None else f"/{self.threads}"
        return f"{self.engine}{threads}{_BUSY if self.busy else ''}"


PUBLISHED_SECONDS: Mapping[str, Mapping[str, float]] = {
    "mlx-wide": {"mlx": 0.21, "torch": 0.39, "torch-gpu": 0.53},
}
"""Seconds of an epoch that were published, on an Apple M1, by recipe and engine.

From "MLX 03 Multi-Layer Perceptron", for MLX, PyTorch on the CPU, and PyTorch on the GPU (mps).
"""

_PUBLISHED_EXAMPLES = 60_000
"""Those of an epoch of MNIST, which took so long."""

ITERATIONS_PER_CALL = 10
"""Iterations of a regression that mlx-fast compiles into one call, when nothing else is asked for.

It stands here because the command line, which shows it, must not wait for NumPy.
"""

_LIBRARIES: Mapping[EngineName, str] = {
    "mlx": "mlx",
    "mlx-stock": "mlx",
    "numpy": "numpy",
    "torch": "torch",
    "torch-gpu": "torch",
}

_PLAIN: frozenset[EngineName] = frozenset({"mlx-stock", "numpy"})
"""The published loop, and gradients by hand: for dense layers with a constant learning rate."""


def published_seconds(recipe: str, examples: int) -> Mapping[str, float]:
    """What `PUBLISHED_SECONDS` has for `recipe`; nothing where an epoch has other `examples`."""
    return PUBLISHED_SECONDS.get(recipe, {}) if examples == _PUBLISHED_EXAMPLES else {}


def is_importable(engine: EngineName) -> bool:
    """Whether what it needs seems to be there: its library, for torch-gpu an accelerator too.

    It answers at once and imports nothing; `why_unavailable` knows for certain.
    """
    if engine == "torch-gpu":
        return accelerator_in_sight()
    return find_spec(_LIBRARIES[engine]) is not None


def why_unavailable(engine: EngineName) -> str | None:
    """Why it cannot be used here, as a sentence; None where it can be.

    For torch-gpu, where there may be an accelerator, PyTorch is asked once, which takes seconds.
    """
    if find_spec(_LIBRARIES[engine]) is None:
        return f"The engine {engine} is not installed."
    if engine == "torch-gpu" and not accelerator_found():
        return f"The engine torch-gpu cannot be used. {NO_ACCELERATOR}"
    return None


def why_unsuited(engine: EngineName, recipe: Hyperparameters) -> str | None:
    """Why it cannot train a recipe that others can, as a sentence; None where it can."""
    if engine not in _PLAIN:
        return None
    if MODELS[recipe.model].convolutions:
        return f"The engine {engine} knows dense layers only, and {recipe.model} has convolutions."
    if recipe.schedule != "constant":
        return (
            f"The engine {engine} knows a constant learning rate only, not a {recipe.schedule} one."
        )
    return None


def make_engine(
    name: EngineName, problem: "Problem", threads: int, stock_batches: int | None
) -> "Engine":
    """Make an engine in this process, which must have made none before.

    Args:
        name: which.
        problem: what it will train.
        threads: of the matrix products; NumPy must have been told in the environment.
        stock_batches: how many batches of each epoch mlx-stock trains; None for all.

    Raises:
        BackendMissing: MLX cannot compute here, as a sentence.
        ImportError: PyTorch cannot be imported.
        ValueError: PyTorch finds no accelerator for torch-gpu, as a sentence.
    """
    match name:
        case "mlx":
            from mnist_core.benchmark.engines.mlx_engine import MlxEngine

            return MlxEngine(problem, threads)
        case "mlx-stock":
            from mnist_core.backend.installation import BackendMissing, explain_import_error_here

            try:
                from mnist_core.benchmark.engines.stock_engine import StockEngine
            except ImportError as error:
                raise BackendMissing(explain_import_error_here(error)) from error
            return StockEngine(problem, stock_batches)
        case "numpy":
            from mnist_core.benchmark.engines.numpy_engine import NumpyEngine

            return NumpyEngine(problem, threads)
        case "torch":
            from mnist_core.benchmark.engines.torch_engine import TorchEngine

            return TorchEngine(problem, threads)
        case "torch-gpu":
            from mnist_core.benchmark.engines.torch_accelerator import find_accelerator
            from mnist_core.benchmark.engines.torch_engine import TorchEngine

            accelerator = find_accelerator()
            if accelerator is None:
                raise ValueError(NO_ACCELERATOR)
            return TorchEngine(problem, threads, accelerator)
