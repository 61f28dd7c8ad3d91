"""The engines by name; each library is imported only where its engine is made."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from mnist_core.benchmark.engine import Engine
    from mnist_core.benchmark.problem import Problem

EngineName = Literal["mlx", "mlx-stock", "numpy", "torch"]

ENGINES: tuple[EngineName, ...] = get_args(EngineName)
"""Ours first; mlx-stock is the published MLX loop on the BLAS that MLX's wheel brings."""

_LIBRARIES = {"mlx": "mlx", "mlx-stock": "mlx", "numpy": "numpy", "torch": "torch"}


def is_importable(engine: EngineName) -> bool:
    """Whether its library is installed."""
    return find_spec(_LIBRARIES[engine]) is not None


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
    """
    match name:
        case "mlx":
            from mnist_core.benchmark.mlx_engine import MlxEngine

            return MlxEngine(problem, threads)
        case "mlx-stock":
            from mnist_core.installation import BackendMissing, explain_import_error_here

            try:
                from mnist_core.benchmark.stock_engine import StockEngine
            except ImportError as error:
                raise BackendMissing(explain_import_error_here(error)) from error
            return StockEngine(problem, stock_batches)
        case "numpy":
            from mnist_core.benchmark.numpy_engine import NumpyEngine

            return NumpyEngine(problem, threads)
        case "torch":
            from mnist_core.benchmark.torch_engine import TorchEngine

            return TorchEngine(problem, threads)
