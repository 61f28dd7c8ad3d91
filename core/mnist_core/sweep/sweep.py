"""A sweep: it gives trials to workers until as many are finished as were asked for.

This process does all that concerns the study, and no training; what it tells is what has changed in
the study since it last looked, so that trials of other processes are told as its own are.
"""

import contextlib
import math
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from optuna.trial import FrozenTrial, TrialState

from mnist_core.recipe.hyperparameters import to_json
from mnist_core.store.records import TrialPlace
from mnist_core.sweep.events import (
    BestTrial,
    ImportanceMeasured,
    SweepCompleted,
    SweepEvent,
    SweepFailed,
    SweepStarted,
    SweepStopped,
    SweepStopping,
    TrialCompleted,
    TrialFailed,
    TrialPruned,
    TrialReported,
    TrialStarted,
)
from mnist_core.sweep.facts import (
    failure_of,
    host_of,
    repeats,
    runs_of,
    seconds_of,
    spread_of,
    values_of,
)
from mnist_core.sweep.storage import SweepError
from mnist_core.sweep.study import Claimed, SweepStudy
from mnist_core.sweep.trial import EpochMeasured, TrialEnded, TrialJob
from mnist_core.sweep.worker import Worker, WorkerFailed, WorkerReady, Workplace

_TICK = 0.2
"""Seconds between two looks at whether it is to stop."""
_LOOK = 1.0
"""Seconds between two looks at what other processes have done."""
_RECOVERY = 5.0
"""Seconds between two looks for trials whose processes are gone."""
_GROWTH = 1.25
"""How many times as many trials have completed when importance is measured again."""
_MOST_FAILURES = 3
"""Trials that fail in a row before the sweep is given up: the next would fail too."""


@dataclass(frozen=True, slots=True)
class SweepOrder:
    """What this process is to do for a study."""

    trials: int
    """How many are to be finished in the end."""
    jobs: int
    workplace: Workplace
    storage: str
    """Where the study is, for people."""
    dataset: str
    validation_examples: int
    held_out: bool
    """What of `SweepStarted` says so."""


class Sweep:
    """Works on a study; `close` it."""

    def __init__(
        self, study: SweepStudy, order: SweepOrder, stop_requested: Callable[[], bool]
    ) -> None:
        """
        Args:
            study: what to work on; whoever opened it closes it.
            order: what to do.
            stop_requested: asked a few times a second; after True no trial is begun any more, and
                those under way go on to their ends.
        """
        self._study, self._order, self._stop_requested = study, order, stop_requested
        self._workers: list[Worker] = []
        self._claimed: dict[Worker, Claimed] = {}
        self._stopping = False
        self._failures = 0
        """Trials and workers of this process that failed, without an epoch in between."""
        self._failure: SweepFailed | None = None
        self._tracebacks: dict[int, str] = {}
        self._teller = _Teller(study)
        self._began = time.monotonic()
        self._next_look = self._next_recovery = 0.0
        self._measured_on = 0
        """How many trials had completed when importance was measured last."""

    def events(self) -> Iterator[SweepEvent]:
        """All that happens; the last one is one of `SweepEnded`.

        Raises:
            SweepError: the storage failed.
        """
        yield self._started()
        self._study.recover()
        yield from self._look()
        while self._failure is None:
            if not self._stopping and self._stop_requested():
                self._stopping = True
                yield SweepStopping(len(self._claimed))
            self._begin_trials()
            yield from self._look()
            if self._is_over():
                break
            yield from self._wait()
        yield from self._ended()

    def cut(self) -> Iterator[SweepEvent]:
        """In the place of the rest of `events`: end at once, and tell of that.

        What the workers train is stopped and kept, and done again when the sweep is resumed.
        """
        self._stopping = True
        self.close()
        yield from self._ended()

    def close(self) -> None:
        """End the workers, and have done again what they had not finished."""
        for worker in self._workers:
            worker.leave()
        for worker in self._workers:
            worker.close()
        left, self._claimed, self._workers = list(self._claimed.values()), {}, []
        # Where the storage fails, the next sweep finds them left behind.
        with contextlib.suppress(SweepError):
            for claimed in left:
                self._study.lose(claimed, "The sweep was stopped before it was done.", killed=False)

    def _started(self) -> SweepStarted:
        order, plan = self._order, self._study.plan
        return SweepStarted(
            study=self._study.name,
            storage=order.storage,
            trials=order.trials,
            finished=self._study.finished,
            jobs=order.jobs,
            host=socket.gethostname(),
            dataset=order.dataset,
            validation_examples=order.validation_examples,
            held_out=order.held_out,
            epochs=plan.base.epochs,
            plan=plan.to_json(),
        )

    # -- what is done ----------------------------------------------------------------------------

    def _begin_trials(self) -> None:
        """Give a trial to each worker that waits, and make those that are wanted."""
        if self._stopping:
            return
        for worker in self._workers:
            if worker.ready:
                claimed = self._study.claim(self._order.trials)
                if claimed is None:
                    break
                self._claimed[worker] = claimed
                place = TrialPlace(self._study.name, claimed.number)
                worker.begin(TrialJob(place, self._study.plan, claimed.recipes, claimed.runs))
        if len(self._workers) < self._order.jobs:
            open_trials = self._study.open_trials(self._order.trials)
            idle = len(self._workers) - len(self._claimed)
            for _ in range(min(self._order.jobs - len(self._workers), open_trials - idle)):
                self._workers.append(Worker(self._order.workplace))

    def _is_over(self) -> bool:
        if self._claimed:
            return False
        return self._stopping or self._study.is_finished(self._order.trials)

    def _wait(self) -> Iterator[SweepEvent]:
        """Wait for what the workers tell, for a moment, and see to it."""
        by_connection = {worker.connection: worker for worker in self._workers}
        # Without any it is a pause.
        for connection in wait(by_connection, _TICK):
            assert isinstance(connection, Connection)
            yield from self._receive(by_connection[connection])
        self._study.beat(self._claimed.values())
        if time.monotonic() >= self._next_recovery:
            self._next_recovery = time.monotonic() + _RECOVERY
            self._study.recover()

    def _receive(self, worker: Worker) -> Iterator[SweepEvent]:
        message = worker.receive()
        match message:
            case EpochMeasured(run, epoch, value):
                self._failures = 0
                pruned = self._study.report(self._claimed[worker], run, epoch, value)
                worker.answer(pruned=pruned)
            case TrialEnded():
                self._end_trial(self._claimed.pop(worker), message)
            case WorkerFailed(sentence, details):
                self._failure = self._failure or SweepFailed(sentence, details)
            case WorkerReady():
                return
            case None:
                self._take_death(worker)
        self._next_look = 0.0
        yield from self._look()

    def _end_trial(self, claimed: Claimed, ended: TrialEnded) -> None:
        match ended.how:
            case "completed":
                self._study.complete(claimed, ended.values)
            case "pruned":
                self._study.prune(claimed)
            case "stopped":
                self._study.lose(claimed, "It was stopped.", killed=False)
            case "failed":
                self._tracebacks[claimed.number] = ended.traceback
                self._study.fail(claimed, ended.message)
                self._count_failure(ended.message, ended.traceback)

    def _count_failure(self, sentence: str, details: str) -> None:
        self._failures += 1
        if self._failures >= _MOST_FAILURES:
            sentence = f"{_MOST_FAILURES} trials failed in a row. {sentence}"
            self._failure = SweepFailed(sentence, details)

    def _take_death(self, worker: Worker) -> None:
        how, words = worker.last_words()
        self._workers.remove(worker)
        worker.close()
        sentence = f"Its process ended with {how}."
        claimed = self._claimed.pop(worker, None)
        if claimed is not None:
            self._tracebacks[claimed.number] = words
            self._study.lose(claimed, sentence, killed=True)
        self._count_failure(sentence, words)

    # -- what is told ----------------------------------------------------------------------------

    def _look(self) -> Iterator[SweepEvent]:
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK
            yield from self._teller.news(self._tracebacks)
            yield from self._importance_so_far()

    def _importance_so_far(self) -> Iterator[SweepEvent]:
        """Measured anew whenever there are a quarter more trials, so that it stays cheap."""
        completed = self._teller.completed
        if completed and completed >= self._measured_on * _GROWTH:
            self._measured_on = completed
            importance, trials = self._study.importance()
            if importance and not self._study.is_finished(self._order.trials):
                yield ImportanceMeasured(importance, trials)

    def _ended(self) -> Iterator[SweepEvent]:
        yield from self._teller.news(self._tracebacks)
        if self._failure is not None:
            yield self._failure
            return
        importance, trials = self._study.importance()
        if importance:
            yield ImportanceMeasured(importance, trials)
        # What was given back before it began is no failure.
        states = [trial.state for trial in self._study.all_trials() if runs_of(trial)]
        end = SweepStopped if self._stopping else SweepCompleted
        yield end(
            study=self._study.name,
            completed=states.count(TrialState.COMPLETE),
            pruned=states.count(TrialState.PRUNED),
            failed=states.count(TrialState.FAIL),
            best=self._best(),
            seconds=time.monotonic() - self._began,
        )

    def _best(self) -> BestTrial | None:
        trial = self._study.best()
        if trial is None:
            return None
        return BestTrial(
            number=trial.number,
            value=trial.values[0],
            spread=spread_of(trial),
            runs=runs_of(trial),
            host=host_of(trial),
            parameters=self._study.parameters(trial),
            recipe=to_json(self._study.recipe(trial)),
        )


class _Teller:
    """Tells what has become of the trials since it last looked."""

    def __init__(self, study: SweepStudy) -> None:
        self._study = study
        self._begun: set[int] = set()
        self._over: set[int] = set()
        self._reported: dict[int, int] = {}
        """How many values of each trial have been told."""
        self.completed = 0
        """How many trials were told so."""

    def news(self, tracebacks: dict[int, str]) -> Iterator[SweepEvent]:
        for trial in self._study.all_trials():
            if trial.number not in self._over:
                yield from self._news_of(trial, tracebacks)

    def _news_of(self, trial: FrozenTrial, tracebacks: dict[int, str]) -> Iterator[SweepEvent]:
        number = trial.number
        if trial.state is TrialState.WAITING or (
            # What was withdrawn or lost before it began is nobody's news.
            not runs_of(trial)
        ):
            return
        if number not in self._begun:
            self._begun.add(number)
            yield TrialStarted(
                number,
                self._study.parameters(trial),
                runs_of(trial),
                host_of(trial),
                repeats(trial),
            )
        told = self._reported.get(number, 0)
        epochs = self._study.plan.base.epochs
        for step in sorted(trial.intermediate_values)[told:]:
            run, epoch = divmod(step - 1, epochs)
            yield TrialReported(number, run, epoch + 1, trial.intermediate_values[step])
        self._reported[number] = len(trial.intermediate_values)
        if trial.state is TrialState.RUNNING:
            return
        self._over.add(number)
        self.completed += trial.state is TrialState.COMPLETE
        yield self._end_of(trial, tracebacks.pop(number, ""))

    def _end_of(self, trial: FrozenTrial, details: str) -> SweepEvent:
        number, seconds = trial.number, seconds_of(trial)
        if trial.state is TrialState.FAIL:
            return TrialFailed(number, failure_of(trial), details)
        value = trial.values[0] if trial.values else math.nan
        if trial.state is TrialState.COMPLETE:
            return TrialCompleted(number, value, spread_of(trial), values_of(trial), seconds)
        return TrialPruned(number, value, len(trial.intermediate_values), seconds)
