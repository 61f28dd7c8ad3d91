"""Workers of a sweep that train nothing: what they tell follows from what was chosen."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from multiprocessing import Pipe
from pathlib import Path

from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.sweep.events import SweepEvent
from mnist_core.sweep.plan import SweepPlan
from mnist_core.sweep.ranges import parse_ranges
from mnist_core.sweep.study import SweepStudy
from mnist_core.sweep.sweep import Sweep, SweepOrder
from mnist_core.sweep.trial import EpochMeasured, TrialEnded, TrialJob
from mnist_core.sweep.worker import Message, WorkerReady, Workplace

PLACE = Workplace(Path("home"), "data", False, Path("cache"), "cpu", 1, None)


def plan(*ranges: str, **values: object) -> SweepPlan:
    """One of learning rates and sizes that prunes nothing, unless `values` say otherwise."""
    base = Hyperparameters(epochs=2)
    usual: dict[str, object] = {
        "ranges": parse_ranges(ranges or ("learning_rate=0.01:1:log", "hidden_sizes=8|16"), base),
        "base": base,
        "metric": "accuracy",
        "rank_on": "validation",
        "seeds": 1,
        "sampler": "random",
        "pruner": "none",
        "dataset": "digits",
        "data": "synthetic",
        "transposed": False,
        "fingerprint": "f",
    }
    return SweepPlan(**usual | values)  # type: ignore[arg-type]


def order(trials: int, jobs: int = 2) -> SweepOrder:
    return SweepOrder(trials, jobs, PLACE, "a file", "digits", 10, True)


@dataclass
class Script:
    """How the trials of all workers go."""

    value: Callable[[TrialJob, int, int], float] = lambda job, run, epoch: (
        job.recipes[run].learning_rate + epoch / 100
    )
    """Of a trial, a run and an epoch."""
    ends: dict[int, TrialEnded | None] = field(default_factory=dict)
    """Trials by number that end so in place of their first epoch; None: the worker dies."""
    at_begin: Callable[[TrialJob], None] = lambda job: None
    at_close: Callable[[], None] = lambda: None
    begun: list[TrialJob] = field(default_factory=list)

    def worker(self, _place: Workplace) -> "ScriptedWorker":
        return ScriptedWorker(self)


class ScriptedWorker:
    """In the place of `Worker`; each message is there as soon as the one before was answered."""

    def __init__(self, script: Script) -> None:
        self.ready = False
        self.connection, self._own = Pipe()
        self._script = script
        self._job: TrialJob | None = None
        self._measured: list[EpochMeasured] = []
        self._own.send(WorkerReady())

    def begin(self, job: TrialJob) -> None:
        self.ready = False
        self._job, self._measured = job, []
        self._script.begun.append(job)
        self._script.at_begin(job)
        if job.place.number in self._script.ends:
            end = self._script.ends[job.place.number]
            self._own.close() if end is None else self._own.send(end)
        else:
            self._measure(0, 1)

    def answer(self, *, pruned: bool) -> None:
        assert self._job is not None
        last, epochs = self._measured[-1], self._job.plan.base.epochs
        if pruned:
            self._own.send(TrialEnded("pruned"))
        elif last.epoch < epochs:
            self._measure(last.run, last.epoch + 1)
        elif last.run + 1 < len(self._job.runs):
            self._measure(last.run + 1, 1)
        else:
            values = tuple(each.value for each in self._measured if each.epoch == epochs)
            self._own.send(TrialEnded("completed", values))

    def receive(self) -> Message | None:
        try:
            message: Message = self.connection.recv()
        except EOFError:
            return None
        self.ready = isinstance(message, WorkerReady | TrialEnded)
        return message

    def last_words(self) -> tuple[str, str]:
        return "signal 9", "the last words"

    def leave(self) -> None:
        self.connection.close()

    def close(self) -> None:
        self._script.at_close()
        self.connection.close()
        self._own.close()

    def _measure(self, run: int, epoch: int) -> None:
        assert self._job is not None
        value = self._script.value(self._job, run, epoch)
        self._measured.append(EpochMeasured(run, epoch, value))
        self._own.send(self._measured[-1])


def told(study: SweepStudy, order: SweepOrder, stops: Iterable[bool] = ()) -> list[SweepEvent]:
    """All that a sweep tells; `stops` answers whether it is to stop, then no."""
    answers = iter(stops)
    sweep = Sweep(study, order, lambda: next(answers, False))
    try:
        return list(sweep.events())
    finally:
        sweep.close()
