"""Races that play a script, and the race screen alone on an app."""

import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from lab import Lab
from scripted import ScriptedLoader, ScriptedRuns, loaded
from textual.app import App
from textual.pilot import Pilot

import mnist_tui.app
from mnist_core.benchmark.contest import (
    Contest,
    ContestProgress,
    EntrantReady,
    LapMeasured,
    Scores,
    ValuesReached,
)
from mnist_core.benchmark.contest_run import ContestRun
from mnist_core.dataset import Dataset
from mnist_core.store import RunStore
from mnist_tui.race.desk import RaceDesk
from mnist_tui.screens.race import RaceScreen
from mnist_tui.session import Session
from mnist_tui.themes import DARK


def contest_story(contest: Contest) -> Generator[ContestProgress, None, None]:
    """Paces and values that follow from the order: the second entrant is half as fast."""
    for entrant in contest.entrants:
        yield EntrantReady(entrant, f"{entrant} 1.0 on the cpu")
        if contest.task == "mlp":
            yield ValuesReached(entrant, (0,), (0.1,))
    for round_ in range(1, contest.rounds + 1):
        for number, entrant in enumerate(contest.entrants, 1):
            if contest.task == "mlp":
                yield LapMeasured(entrant, round_, 0.5 * number, 1 - 0.1 / round_)
                yield ValuesReached(entrant, (round_,), (1 - 0.1 / round_,))
                continue
            yield LapMeasured(entrant, round_, 10_000 / number, 0.001)
            if round_ == 1:
                yield ValuesReached(entrant, (0, 10, 100), (100.0, 1.0, 0.001))


def scored(contest: Contest) -> Scores:
    """The whole story."""
    scores = Scores(contest)
    for event in contest_story(contest):
        scores.apply(event)
    return scores


@dataclass
class ScriptedRaces:
    """A factory of races, each of which waits at `gate` after its first lap.

    The gate is open unless a test closes it.
    """

    gate: threading.Event = field(default_factory=threading.Event)
    made: list[tuple[Contest, Dataset | None]] = field(default_factory=list)
    fail_with: Exception | None = None

    def __post_init__(self) -> None:
        self.gate.set()

    def __call__(self, contest: Contest, dataset: Dataset | None) -> ContestRun:
        self.made.append((contest, dataset))
        return ContestRun(lambda _group: self._events(contest))

    def _events(self, contest: Contest) -> Generator[ContestProgress, None, None]:
        for event in contest_story(contest):
            yield event
            if isinstance(event, LapMeasured):
                if self.fail_with is not None:
                    raise self.fail_with
                self.gate.wait(300)


class RaceApp(App[None]):
    """Only the race screen, on a session with scripted runs."""

    CSS_PATH = str(Path(mnist_tui.app.__file__).with_name("app.tcss"))

    def __init__(self, folder: Path, loader: ScriptedLoader | None = None) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.store = RunStore(folder / "home")
        self.runs, self.races = ScriptedRuns(), ScriptedRaces()
        self.session = Session(
            self.runs, lambda: loader or loaded(), lambda _text: "It is logged.", self.store
        )
        self.desk = RaceDesk(
            self.session, self.store, self.races, lambda _text: "It is in the log."
        )
        self.race_screen = RaceScreen(self.session, self.desk)

    def on_mount(self) -> None:
        self.session.load_data()
        self.session.tick()
        self.push_screen(self.race_screen)


class RaceLab(Lab):
    """The app under Pilot."""

    def __init__(self, app: RaceApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.desk = app.desk
        self.races = app.races

    async def race(self, *keys: str) -> None:
        """Press `keys`, and wait for the end of the race they start."""
        await self.press(*keys)
        await self.until(lambda: self.desk.end is not None and not self.desk.is_racing)
