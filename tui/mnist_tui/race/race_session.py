"""What happens on the race screen: a race under way, or one of those that were kept.

It holds no widget, so its rules are tested without a screen. No run trains while a race goes on,
and no race starts while a run trains: each would measure the other.
"""

import time
from collections.abc import Callable
from enum import StrEnum

from mnist_core.backend.backend import DEFAULT_THREADS
from mnist_core.benchmark.kept_race import KeptRace, kept_races, race_record
from mnist_core.benchmark.network_task import NetworkTask
from mnist_core.benchmark.problem import Problem
from mnist_core.benchmark.race import RaceScore, TaskName
from mnist_core.benchmark.regression import RegressionProblem
from mnist_core.benchmark.regression_task import RegressionTask
from mnist_core.benchmark.runner import (
    RaceCompleted,
    RaceEnded,
    RaceFactory,
    RaceFailed,
    RaceRun,
    Task,
)
from mnist_core.data.dataset import Dataset
from mnist_core.recipe.presets import presets
from mnist_core.store import RaceState, RunStore, StoreError
from mnist_tui.lab.session import Hold, Session
from mnist_tui.lab.state import State
from mnist_tui.settings.keys import key_hint

_DISTURBED = "The race was stopped, since a run began to train."


class RaceStage(StrEnum):
    """The one word that says how the race stands."""

    IDLE = "idle"
    RACING = "racing"
    STOPPING = "stopping"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


class RefusedError(Exception):
    """A race cannot start; the message is a sentence for the user."""


class RaceSession:
    """The race under way, the one on show, and those that were kept."""

    def __init__(
        self,
        session: Session,
        store: RunStore,
        make_run: RaceFactory,
        log: Callable[[str], str],
    ) -> None:
        """`log` takes the tracebacks that people are spared, and says where it put them."""
        self._session = session
        self._store = store
        self._make_run = make_run
        self._log = log
        self._run: RaceRun | None = None
        self._started = 0.0
        self._heard = 0.0
        """When the race under way last told anything, on the clock of `time.monotonic`."""
        self.score: RaceScore | None = None
        """Of the race on show."""
        self.shown: KeptRace | None = None
        """The race on show, once it was kept."""
        self.end: RaceState | None = None
        """How the race on show ended; None: it goes on, or there is none."""
        self.notice = ""
        """What went wrong, in sentences; empty: nothing."""
        self.kept: tuple[KeptRace, ...] = ()
        """The races that were kept, the latest first, as of `read`."""
        self.deleted: list[KeptRace] = []
        """What `undo_delete` brings back, the last deletion last."""

    @property
    def stage(self) -> RaceStage:
        if self._run is not None:
            return RaceStage.STOPPING if self._run.stopping else RaceStage.RACING
        return RaceStage.IDLE if self.end is None else RaceStage(self.end.value)

    @property
    def is_racing(self) -> bool:
        return self._run is not None

    @property
    def turn_seconds(self) -> float:
        """For how long whose turn it is has been measured, or warmed up."""
        return time.monotonic() - self._heard

    def start(self, name: TaskName, entrants: tuple[str, ...], rounds: int, recipe: str) -> None:
        """Race these entrants; `mlp` trains the preset `recipe` on the session's data.

        Raises:
            RefusedError: not now, or not these.
        """
        session = self._session
        if self._run is not None:
            raise RefusedError(f"A race is under way. {_how_to_stop()} first.")
        if session.refusal:
            raise RefusedError(session.refusal)
        trains = session.run is not None and session.state is not State.PAUSED
        if trains or session.waiting:
            raise RefusedError(_run_under_way())
        if not entrants:
            raise RefusedError("Nobody takes part. Choose one or more with space.")
        if name == "mlp" and session.data.dataset is None:
            raise RefusedError(
                "There are no data to train on yet. Wait for them, or race a regression, which "
                "needs none."
            )
        try:
            task = _task(name, recipe, session.data.dataset)
            race = task.race(entrants, rounds)
        except ValueError as error:
            raise RefusedError(str(error)) from error
        self._show(RaceScore(race), None, None)
        self._started = time.time()
        self._heard = time.monotonic()
        session.hold = _race_under_way()
        self._run = self._make_run(task, race)
        self._run.start()

    def stop(self) -> None:
        """End the race under way at once; what it measured is kept."""
        if self._run is not None:
            self._run.stop()

    def tick(self) -> bool:
        """Take what arrived since the last call; True if anything to be drawn changed."""
        run = self._run
        if run is None:
            return False
        session = self._session
        trains = session.run is not None and session.state is State.RUNNING
        if trains and not run.stopping:
            self.notice = _DISTURBED
            run.stop()
        # Asked before draining, so that no event can come between the two.
        ended = not run.alive
        events = run.drain()
        if events:
            self._heard = time.monotonic()
        for event in events:
            if isinstance(event, RaceEnded):
                self._finish(event)
            elif self.score is not None:
                self.score.apply(event)
        if ended:
            run.join()
            self._run = None
            self._session.hold = None
        return bool(events) or ended

    def read(self) -> None:
        """Read the kept races again."""
        try:
            self.kept = tuple(kept_races(self._store.races.all())) if self._store.exists else ()
        except StoreError as error:
            self.notice = str(error)

    def open(self, race_id: str) -> None:
        """Show a kept race.

        Raises:
            RefusedError: another one is under way.
        """
        if self._run is not None:
            raise RefusedError(f"A race is under way. {_how_to_stop()} before you open another.")
        for kept in self.kept:
            if kept.record.id == race_id:
                self._show(kept.score, kept, kept.record.state)
                self.notice = kept.record.failure

    def delete(self, race_id: str) -> None:
        """Delete a kept race, until `undo_delete`."""
        race = next((kept for kept in self.kept if kept.record.id == race_id), None)
        if race is None or not self._change(lambda: self._store.races.delete(race_id)):
            return
        self.deleted.append(race)
        if self.shown is not None and self.shown.record.id == race_id:
            self._show(None, None, None)
        self.read()

    def undo_delete(self) -> str:
        """Bring the race back that was deleted last; its id, empty where that failed."""
        race = self.deleted[-1].record
        if not self._change(lambda: self._store.races.keep(race)):
            return ""
        self.deleted.pop()
        self.read()
        return race.id

    def _change(self, change: Callable[[], None]) -> bool:
        """Change the store; False, and a notice, where that failed."""
        try:
            change()
        except StoreError as error:
            self.notice = str(error)
            return False
        return True

    def close(self) -> None:
        """Stop a race under way, wait for its end, and keep it, so that the process may exit."""
        if self._run is not None:
            self._run.stop()
            self._run.join()
            self.tick()

    def _show(self, score: RaceScore | None, shown: KeptRace | None, end: RaceState | None) -> None:
        self.score, self.shown, self.end, self.notice = score, shown, end, ""

    def _finish(self, event: RaceEnded) -> None:
        score = self.score
        assert score is not None, "a race has a score from its start"
        failure = ""
        if isinstance(event, RaceFailed):
            self.end, failure = RaceState.FAILED, event.message
            self.notice = f"{failure} {self._log(event.traceback)}".strip()
        elif isinstance(event, RaceCompleted):
            self.end = RaceState.COMPLETED
        else:
            self.end = RaceState.STOPPED
        if not score.laps and not failure:
            return  # nothing was measured
        record = race_record(score, self.end, failure, self._started, time.time())
        try:
            self._store.races.keep(record)
        except StoreError as error:
            self.notice = f"{self.notice} The race could not be kept. {error}".strip()
            return
        self.shown = KeptRace(record, score)
        self.read()


def _task(name: TaskName, recipe: str, dataset: Dataset | None) -> Task:
    """As `mnist-tui bench` has it by itself, each engine with one thread.

    Raises:
        ValueError: the engines cannot be compared with that recipe, as a sentence.
    """
    threads = DEFAULT_THREADS
    if name == "linear" or name == "logistic":
        return RegressionTask(RegressionProblem(name), threads)
    assert dataset is not None, "a network is trained on data"
    return NetworkTask(recipe, Problem(presets()[recipe].hyperparameters, dataset), threads)


def _how_to_stop() -> str:
    return f"Press {key_hint('stop_race')} to stop it"


def _race_under_way() -> Hold:
    return Hold(
        "A race is under way, and a run would disturb it. Press "
        f"{key_hint('show_screen_race')}, then {key_hint('stop_race')}, to stop the race first.",
        "race is under way. Stop it, keep what it measured",
    )


def _run_under_way() -> str:
    return (
        "A run is training, and would distort the race. "
        f"Press {key_hint('show_screen_train')}, then {key_hint('stop')} or {key_hint('pause')}, "
        "to stop or pause it first."
    )
