"""Runs a race: entrants in processes of their own, taking turns; in a thread, if that is wanted."""

import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing, nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

from mnist_core.benchmark.busy_loops import BusyLoops
from mnist_core.benchmark.race import CurveReached, EntrantReady, Lap, Race, RaceProgress
from mnist_core.benchmark.worker import EngineError, Job, JobProcess, ProcessGroup
from mnist_core.events import Mailbox, failure_sentence


class Task(ABC):
    """What is raced for: how its entrants are started, and what their laps are."""

    new_process_per_lap: ClassVar[bool] = False
    """Whether each lap needs a process that has done nothing before."""

    @abstractmethod
    def race(self, entrants: tuple[str, ...], rounds: int) -> Race:
        """The race of these entrants for it."""

    @abstractmethod
    def job(self, entrant: str) -> Job[Any]:
        """What the process of `entrant` is to do."""

    @abstractmethod
    def lap(self, entrant: str, round_: int, measured: Any) -> Lap:
        """A lap from what the process of `entrant` has `measured`."""

    @property
    def laps_per_turn(self) -> int:
        return 1

    def busy_loops(self, _entrant: str) -> int:
        """How many processes that do nothing else keep the machine busy beside its laps."""
        return 0

    def curve_before(self, entrant: str) -> CurveReached | None:
        """What is known of its curve before its first lap."""
        return None

    def curve_after(self, lap: Lap, trace: Callable[[], Any]) -> CurveReached | None:
        """How its curve goes on after `lap`; `trace` asks its process what the work led through."""
        return None


def run_race(
    task: Task, race: Race, group: ProcessGroup | None = None, *, with_curves: bool = False
) -> Generator[RaceProgress, None, None]:
    """Start the entrants, then let each do its laps in turn, round after round.

    Turns alternate, so that what else the machine does hits all alike. Closing the generator ends
    the processes; killing `group`, which they join, does so from another thread. Curves are not
    timed; without them, what is measured stays the same.

    Raises:
        EngineError: an entrant failed.
    """
    if task.new_process_per_lap:
        yield from _run_anew(task, race, group)
        return
    group = group or ProcessGroup()
    with ExitStack() as started:
        processes: list[JobProcess[Any]] = []
        counts = [task.busy_loops(entrant) for entrant in race.entrants]
        loops = started.enter_context(BusyLoops(max(counts), group))
        for entrant in race.entrants:
            process = started.enter_context(JobProcess(task.job(entrant), group))
            # One after the other: none warms up while another one does.
            yield EntrantReady(entrant, process.wait_until_ready())
            processes.append(process)
            if with_curves and (curve := task.curve_before(entrant)):
                yield curve
        for round_ in range(1, race.rounds + 1):
            for entrant, process, busy in zip(race.entrants, processes, counts, strict=True):
                for _ in range(task.laps_per_turn):
                    with loops.turning() if busy else nullcontext():
                        measured = process.measure()
                    lap = task.lap(entrant, round_, measured)
                    yield lap
                    if with_curves and (curve := task.curve_after(lap, process.trace)):
                        yield curve


def _run_anew(
    task: Task, race: Race, group: ProcessGroup | None
) -> Generator[RaceProgress, None, None]:
    for round_ in range(1, race.rounds + 1):
        for entrant in race.entrants:
            with JobProcess(task.job(entrant), group) as process:
                yield EntrantReady(entrant, process.wait_until_ready())
                yield task.lap(entrant, round_, process.measure())


@dataclass(frozen=True, slots=True)
class RaceCompleted:
    """Every round was raced."""


@dataclass(frozen=True, slots=True)
class RaceStopped:
    """The user ended it."""


@dataclass(frozen=True, slots=True)
class RaceFailed:
    """An entrant could not go on, and with it the race."""

    message: str
    """A sentence for the user."""
    traceback: str
    """For the log file."""


RaceEnded = RaceCompleted | RaceStopped | RaceFailed
RaceEvent = RaceProgress | RaceEnded


class RaceRun:
    """Drives a race in a thread of its own; `drain` it a few times a second.

    The thread ends after exactly one of `RaceEnded`, which is the last event.
    """

    def __init__(
        self, make_events: Callable[[ProcessGroup], Generator[RaceProgress, None, None]]
    ) -> None:
        """`make_events` is called in the thread, with the group that its processes must join."""
        self._make_events = make_events
        self._group = ProcessGroup()
        self._mailbox = Mailbox[RaceEvent]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="race", daemon=True)

    def start(self) -> None:
        """Begin; where the system starts no thread for it, the race has failed at once."""
        try:
            self._thread.start()
        except RuntimeError as error:
            self._mailbox.post(_failure(error))

    def stop(self) -> None:
        """End it at once, also in the middle of a measurement: its processes are killed."""
        self._stop.set()
        self._group.kill()

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for and the thread has not ended yet."""
        return self._stop.is_set() and self.alive

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the thread to end; False if it has not after `timeout` seconds."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self.alive

    def drain(self) -> list[RaceEvent]:
        """The events since the last call, oldest first."""
        return self._mailbox.drain()

    def _work(self) -> None:
        try:
            with closing(self._make_events(self._group)) as events:
                for event in events:
                    self._mailbox.post(event)
                    if self._stop.is_set():
                        break
                else:
                    self._mailbox.post(RaceCompleted())
                    return
            self._mailbox.post(RaceStopped())
        except Exception as error:  # noqa: BLE001 - the thread's edge: it goes on as an event
            # A process that was killed by `stop` fails, but that is what was asked for.
            stopped = self._stop.is_set() and isinstance(error, EngineError)
            self._mailbox.post(RaceStopped() if stopped else _failure(error))


def _failure(error: Exception) -> RaceFailed:
    if isinstance(error, EngineError):
        return RaceFailed(str(error), error.details or traceback.format_exc())
    return RaceFailed(failure_sentence(error), traceback.format_exc())


RaceFactory = Callable[[Task, Race], RaceRun]
"""Makes a run, not started yet; tests pass one that plays a script."""


def race_run(task: Task, race: Race) -> RaceRun:
    """The run of a race, with its curves, in real processes."""
    return RaceRun(lambda group: run_race(task, race, group, with_curves=True))
