"""Engines training the same recipe in turns, an epoch at a time."""

from collections.abc import Generator
from contextlib import ExitStack
from dataclasses import dataclass

from mnist_core.benchmark.engines import EngineName
from mnist_core.benchmark.messages import Assignment
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.processes import EngineProcess, ProcessGroup


@dataclass(frozen=True, slots=True)
class Race:
    """Which engines train what, how often."""

    recipe: str
    """The name of the problem's recipe."""
    problem: Problem
    engines: tuple[EngineName, ...]
    rounds: int
    """Turns that each engine gets. They continue one run, so accuracy grows from round to round."""
    epochs: int
    """Epochs in a turn."""
    threads: int
    """CPU threads of each engine's matrix products."""
    stock_batches: int | None
    """How many batches of each epoch mlx-stock trains; None for all."""


@dataclass(frozen=True, slots=True)
class EngineDescribed:
    """An engine is warmed up and waits for its turn."""

    recipe: str
    engine: EngineName
    description: str


@dataclass(frozen=True, slots=True)
class EpochMeasured:
    """One epoch of one engine, evaluation apart."""

    recipe: str
    engine: EngineName
    round: int
    """From 1."""
    epoch: int
    """From 1, over all rounds."""
    timed_examples: int
    """How many were trained on while the clock ran."""
    timed_seconds: float
    epoch_examples: int
    """How many a whole epoch has."""
    train_loss: float | None
    """Mean over the timed examples; None where the engine measures none."""
    train_accuracy: float | None
    test_loss: float
    test_accuracy: float

    @property
    def seconds(self) -> float:
        """Of a whole epoch, at the speed that was timed."""
        return self.timed_seconds * self.epoch_examples / self.timed_examples


RaceEvent = EngineDescribed | EpochMeasured


def run_race(race: Race, group: ProcessGroup | None = None) -> Generator[RaceEvent, None, None]:
    """Start the engines, then let each train in turn, round after round.

    Turns alternate, so that what else the machine does hits all engines alike. Closing the
    generator ends the processes; killing `group`, which they join, does so from another thread.

    Raises:
        EngineError: an engine failed.
    """
    epoch_examples = len(race.problem.split.train)
    with ExitStack() as started:
        processes: list[EngineProcess] = []
        for engine in race.engines:
            assignment = Assignment(engine, race.problem, race.threads, race.stock_batches)
            process = started.enter_context(EngineProcess(assignment, group))
            # One after the other: none warms up while another one does.
            yield EngineDescribed(race.recipe, engine, process.wait_until_ready())
            processes.append(process)
        for round_ in range(1, race.rounds + 1):
            for process in processes:
                for _ in range(race.epochs):
                    trained = process.train_epoch()
                    yield EpochMeasured(
                        recipe=race.recipe,
                        engine=process.engine,
                        round=round_,
                        epoch=trained.epoch,
                        timed_examples=trained.examples,
                        timed_seconds=trained.seconds,
                        epoch_examples=epoch_examples,
                        train_loss=trained.train_loss,
                        train_accuracy=trained.train_accuracy,
                        test_loss=trained.test_loss,
                        test_accuracy=trained.test_accuracy,
                    )
