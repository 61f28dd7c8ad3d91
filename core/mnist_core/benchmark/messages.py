"""What is said between a benchmark and the process of an engine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from mnist_core.benchmark.engine import EpochTrained
from mnist_core.benchmark.engines import EngineName, make_engine
from mnist_core.benchmark.problem import Problem

Answer = TypeVar("Answer", covariant=True)


@dataclass(frozen=True, slots=True)
class Begun(Generic[Answer]):
    """A job whose engine is made and warmed up; it stays in its process."""

    description: str
    """The engine's library, device and threads, for people."""
    measure: Callable[[], Answer]
    """Do the work once more, and tell what it took."""
    trace: Callable[[], Any] | None = None
    """Tell, untimed, what the work led through; None: that cannot be told."""


class Job(Protocol[Answer]):
    """The first message to the process: what it is to measure whenever it is asked."""

    @property
    def engine(self) -> str:
        """What a failure is told of."""

    @property
    def threads(self) -> int:
        """CPU threads of the matrix products."""

    def begin(self) -> Begun[Answer]:
        """Make the engine in this process, which must have made none before, and warm it up."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """The job of training a problem, epoch by epoch."""

    engine: EngineName
    problem: Problem
    threads: int
    stock_batches: int | None

    def begin(self) -> Begun[EpochTrained]:
        engine = make_engine(self.engine, self.problem, self.threads, self.stock_batches)
        engine.warm_up()
        return Begun(engine.description, engine.train_epoch)


@dataclass(frozen=True, slots=True)
class Measure:
    """A message after it: measure once more."""


@dataclass(frozen=True, slots=True)
class Trace:
    """A message after it: tell what the work leads through."""


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The answer to the job."""

    description: str
    """As of what has begun."""


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """The last answer of an engine that cannot go on."""

    message: str
    """A sentence for the user."""
    traceback: str
    """For the log file."""
