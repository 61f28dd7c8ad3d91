"""What a benchmark asks of an engine, and what every engine tells."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mnist_core.backend.backend import Backend

WARM_UP_BATCHES = 20
"""Batches trained and forgotten before the first epoch, while threads and kernels are set up."""


@dataclass(frozen=True, slots=True)
class EpochTrained:
    """One epoch, or the first batches of one."""

    epoch: int
    """From 1."""
    examples: int
    """How many were trained on: fewer than there are when only a part was timed."""
    seconds: float
    """Training alone, choosing the batches included, evaluation apart."""
    train_loss: float | None
    """Mean over the examples, each before its batch's update; None: the engine measures none."""
    train_accuracy: float | None
    """Share of right predictions among them; None: the engine measures none."""
    test_loss: float
    """Mean cross-entropy of the test examples after these batches."""
    test_accuracy: float
    """Share of right predictions among them."""


def thread_count(threads: int) -> str:
    """2 as "2 threads"."""
    return f"{threads} thread{'' if threads == 1 else 's'}"


def mlx_description(backend: "Backend") -> str:
    """MLX with its version, device, BLAS and threads, as it was configured."""
    threads = f", {thread_count(backend.threads)}" if backend.device == "cpu" else ""
    return f"MLX {backend.mlx_version} on the {backend.device}, {backend.blas}{threads}"


class Engine(Protocol):
    """Trains one `Problem`, epoch by epoch."""

    @property
    def description(self) -> str:
        """The library with its version, device, BLAS and number of threads, for people."""

    def warm_up(self) -> None:
        """Train `WARM_UP_BATCHES` or more, and forget them."""

    def train_epoch(self) -> EpochTrained:
        """Train the next epoch; the first one starts from the problem's initial parameters."""
