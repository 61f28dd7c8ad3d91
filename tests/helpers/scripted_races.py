"""Races that play a script, and the race screen alone on an app."""

import threading
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path

from textual.app import App
from textual.pilot import Pilot

import mnist_tui.app
from helpers.lab import Lab
from helpers.scripted import ScriptedLoader, ScriptedRuns, loaded
from mnist_core.benchmark.race import (
    CurveReached,
    EntrantReady,
    Lap,
    Race,
    RaceProgress,
    RaceScore,
)
from mnist_core.benchmark.runner import RaceRun, Task
from mnist_core.store import RunStore
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.session import Session
from mnist_tui.race.race_screen import RaceScreen
from mnist_tui.race.race_session import RaceSession
from mnist_tui.settings.themes import DARK


def race_story(race: Race) -> Generator[RaceProgress, None, None]:
    """Paces and values that follow from the order: the second entrant is half as fast."""
    for entrant in race.entrants:
        yield EntrantReady(entrant, f"{entrant} 1.0 on the cpu")
        if race.task == "mlp":
            yield CurveReached(entrant, (0,), (0.1,))
    for round_ in range(1, race.rounds + 1):
        for number, entrant in enumerate(race.entrants, 1):
            if race.task == "mlp":
                yield Lap(entrant, round_, 0.5 * number, 1 - 0.1 / round_)
                yield CurveReached(entrant, (round_,), (1 - 0.1 / round_,))
                continue
            yield Lap(entrant, round_, 10_000 / number, 0.001)
            if round_ == 1:
                yield CurveReached(entrant, (0, 10, 100), (100.0, 1.0, 0.001))


def scored(race: Race) -> RaceScore:
    """The whole story."""
    score = RaceScore(race)
    for event in race_story(race):
        score.apply(event)
    return score


@dataclass
class ScriptedRaces:
    """A factory of races, each of which waits at `gate` after its first lap.

    The gate is open unless a test closes it.
    """

    gate: threading.Event = field(default_factory=threading.Event)
    made: list[tuple[Task, Race]] = field(default_factory=list)
    fail_with: Exception | None = None

    def __post_init__(self) -> None:
        self.gate.set()

    def __call__(self, task: Task, race: Race) -> RaceRun:
        self.made.append((task, race))
        return RaceRun(lambda _group: self._events(race))

    def _events(self, race: Race) -> Generator[RaceProgress, None, None]:
        for event in race_story(race):
            yield event
            if isinstance(event, Lap):
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
            self.runs,
            DataSource(lambda: loader or loaded()),
            lambda _text: "It is logged.",
            self.store,
        )
        self.race_session = RaceSession(
            self.session, self.store, self.races, lambda _text: "It is in the log."
        )
        self.race_screen = RaceScreen(self.session, self.race_session)

    def on_mount(self) -> None:
        self.session.data.load()
        self.session.tick()
        self.push_screen(self.race_screen)


class RaceLab(Lab[RaceApp]):
    """The app under Pilot."""

    def __init__(self, app: RaceApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.race_session = app.race_session
        self.races = app.races

    async def race(self, *keys: str) -> None:
        """Press `keys`, and wait for the end of the race they start."""
        await self.press(*keys)
        await self.until(
            lambda: self.race_session.end is not None and not self.race_session.is_racing
        )
