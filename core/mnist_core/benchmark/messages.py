"""What is said between a benchmark and the process of an engine."""

from dataclasses import dataclass

from mnist_core.benchmark.engine import EpochTrained
from mnist_core.benchmark.engines import EngineName
from mnist_core.benchmark.problem import Problem


@dataclass(frozen=True, slots=True)
class Assignment:
    """The first message to the process."""

    engine: EngineName
    problem: Problem
    threads: int
    stock_batches: int | None


@dataclass(frozen=True, slots=True)
class TrainEpoch:
    """Every message after it."""


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The answer to the assignment."""

    description: str
    """The engine's library, device and threads, for people."""


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """The last answer of an engine that cannot go on."""

    message: str
    """A sentence for the user."""
    traceback: str
    """For the log file."""


Reply = EngineReady | EpochTrained | EngineFailed
