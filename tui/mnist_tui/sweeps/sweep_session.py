"""What happens on the sweeps screen: a sweep under way, or the one before.

It holds no widget, so its rules are tested without a screen. No run trains here and no engine races
while a sweep goes on: they would take each other's cores.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mnist_core.backend.backend import Backend
from mnist_core.data.dataset import Dataset
from mnist_core.store import RunStore
from mnist_core.sweep.events import (
    SweepCompleted,
    SweepEnded,
    SweepFailed,
    SweepStopped,
    sweep_event_from_json,
)
from mnist_core.sweep.storage import SweepError, check_installed, study_file, study_names
from mnist_tui.lab.session import Hold, Session
from mnist_tui.lab.state import State
from mnist_tui.lab.sweep_progress import SweepProgress, TrialSoFar
from mnist_tui.settings.keys import key_hint
from mnist_tui.sweeps.sweep_process import SweepFactory, SweepProcess

_MOST_STUDIES = 100
"""Of the earlier ones, the latest are listed."""


class SweepStage(StrEnum):
    """The one word that says how the sweep on show stands."""

    IDLE = "idle"
    LOADING = "loading"
    RUNNING = "running"
    STOPPING = "stopping"
    COMPLETED = "completed"
    STOPPED = "stopped"
    FAILED = "failed"


class RefusedError(Exception):
    """A sweep cannot start; the message is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class KeptStudy:
    """One that a home has a file of."""

    name: str
    changed: float
    """In seconds since 1970."""


class SweepSession:
    """The sweep under way or on show."""

    def __init__(
        self,
        session: Session,
        store: RunStore,
        backend: Backend | None,
        start_process: SweepFactory,
    ) -> None:
        self._session, self._store, self._backend = session, store, backend
        self._start_process = start_process
        self._process: SweepProcess | None = None
        self._is_stopping = False
        self._end: SweepEnded | None = None
        self.progress: SweepProgress | None = None
        """Of the sweep on show."""
        self.command = ""
        """What trains the best run of it again; empty: it goes on, or has none."""
        self.notice = ""
        """What went wrong, in sentences; empty: nothing."""

    @property
    def stage(self) -> SweepStage:
        if self._process is not None:
            if self._is_stopping:
                return SweepStage.STOPPING
            is_told = self.progress is not None and self.progress.started is not None
            return SweepStage.RUNNING if is_told else SweepStage.LOADING
        match self._end:
            case SweepCompleted():
                return SweepStage.COMPLETED
            case SweepStopped():
                return SweepStage.STOPPED
            case SweepFailed():
                return SweepStage.FAILED
        return SweepStage.IDLE

    @property
    def is_under_way(self) -> bool:
        return self._process is not None

    @property
    def study(self) -> str:
        """The name of the study on show; empty: there is none."""
        started = self.progress.started if self.progress is not None else None
        return started.study if started is not None else ""

    @property
    def missing(self) -> str:
        """Why there can be no sweeps here, as a sentence that says what to do; empty: there can."""
        try:
            check_installed()
        except SweepError as error:
            return str(error)
        return ""

    def start(self, words: Sequence[str]) -> None:
        """Begin a study; `words` say what is sampled, how, and from which recipe.

        Raises:
            RefusedError: not now.
        """
        dataset = self._session.data.dataset
        if dataset is None:
            raise RefusedError("There are no data to train on yet. Wait for them.")
        self._start([*words, *_data_flags(dataset)])

    def resume(self, name: str, trials: int | None = None) -> None:
        """Go on with a study of this home, or show it again where it is finished.

        Args:
            name: of the study.
            trials: how many it is to have; None: as many as it was to have.

        Raises:
            RefusedError: not now.
        """
        more = ["--trials", str(trials)] if trials is not None else []
        self._start(["--resume", name, *more])

    def stop(self) -> None:
        """Let the trials under way end, and begin no more; the second time, end at once."""
        if self._process is not None:
            self._process.cut() if self._is_stopping else self._process.stop()
            self._is_stopping = True

    def tick(self) -> bool:
        """Take what arrived since the last call; True if anything to be drawn changed."""
        process, progress = self._process, self.progress
        if process is None or progress is None:
            return False
        told = process.read()
        for values in told:
            event = sweep_event_from_json(values)
            if isinstance(event, SweepEnded):
                self._end = event
                self.command = values.get("command") or ""
            if event is not None:
                progress.take(event)
        if process.is_over:
            self._finish(process)
            return True
        return bool(told)

    def close(self) -> None:
        """End a sweep under way, and wait for that, so that the process may exit."""
        if self._process is not None:
            self._process.close()
            self._process = None
            self._session.hold = None

    def studies(self) -> tuple[KeptStudy, ...]:
        """The earlier studies of this home, the latest first."""
        home = self._store.home
        names = reversed(study_names(home)[-_MOST_STUDIES:])
        return tuple(KeptStudy(name, study_file(home, name).stat().st_mtime) for name in names)

    def is_remote(self, trial: TrialSoFar) -> bool:
        """Whether its runs are kept on another machine."""
        started = self.progress.started if self.progress is not None else None
        return started is not None and trial.started.host != started.host

    @property
    def obstacle(self) -> str:
        """Why no sweep may start whatever the form says, as a sentence; empty: one may."""
        session = self._session
        if self._store.only_reads:
            return "A sweep keeps its runs, and this app, with --readonly, keeps none."
        trains = session.state in (State.RUNNING, State.STOPPING) or session.waiting
        return session.refusal or (_run_under_way() if trains else "")

    def _start(self, words: Sequence[str]) -> None:
        session = self._session
        if self._process is not None:
            raise RefusedError(
                f"A sweep is under way. Press {key_hint('stop_sweep')} to stop it first."
            )
        if self.obstacle or self.missing:
            raise RefusedError(self.obstacle or self.missing)
        device = [] if self._backend is None else ["--device", self._backend.device]
        try:
            self._process = self._start_process([*words, *device, "--home", str(self._store.home)])
        except OSError as error:
            raise RefusedError(f"No sweep can be started: {error.strerror}.") from error
        session.hold = _sweep_under_way()
        self.progress = SweepProgress(time.monotonic)
        self._is_stopping, self._end, self.command, self.notice = False, None, "", ""

    def _finish(self, process: SweepProcess) -> None:
        words = process.last_words()
        if isinstance(self._end, SweepFailed):
            self.notice = self._end.message
        elif self._end is None:
            self.notice = words.splitlines()[-1] if words else "It ended unexpectedly."
            self._end = SweepFailed(self.notice)
        process.close()
        self._process = None
        self._session.hold = None


def _data_flags(dataset: Dataset) -> list[str]:
    # With =, since a folder may begin with a dash.
    place = [f"--data={dataset.data}"] if dataset.data else []
    return [*place, *["--transpose"] * dataset.transposed]


def _sweep_under_way() -> Hold:
    return Hold(
        "A sweep is under way, and needs the machine. Press "
        f"{key_hint('show_screen_sweeps')}, then {key_hint('stop_sweep')}, to stop it first.",
        "sweep is under way. Stop it, keep what it learned",
    )


def _run_under_way() -> str:
    return (
        "A run is training, and a sweep would slow it down. "
        f"Press {key_hint('show_screen_train')}, then {key_hint('stop')} or {key_hint('pause')}, "
        "to stop or pause it first."
    )
