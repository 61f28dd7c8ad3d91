"""The screens that fill the terminal beside the train screen, each made when it is first shown."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from textual.screen import Screen

from mnist_core.backend.backend import Backend
from mnist_core.store import RunStore
from mnist_tui.lab.session import Session
from mnist_tui.runtime.log import write_log
from mnist_tui.text.picture_style import PictureStyle
from mnist_tui.train.train_screen import TrainScreen

if TYPE_CHECKING:
    from mnist_core.benchmark.runner import RaceFactory
    from mnist_tui.race.race_session import RaceSession
    from mnist_tui.runs.runs_screen import RunsScreen
    from mnist_tui.sweeps.sweep_process import SweepFactory
    from mnist_tui.sweeps.sweep_session import SweepSession


class Screens:
    """Makes them, and ends what was begun on them. All import late, like what they draw with: the
    first frame must not wait for it.
    """

    def __init__(
        self,
        session: Session,
        store: RunStore,
        backend: Backend | None,
        train_screen: TrainScreen,
        log_file: Path,
        make_race: "RaceFactory | None",
        make_sweep: "SweepFactory | None",
    ) -> None:
        """Without `make_race` and `make_sweep`, races and sweeps run in real processes."""
        self._session = session
        self._store = store
        self._backend = backend
        self._train_screen = train_screen
        self._log_file = log_file
        self._make_race = make_race
        self._make_sweep = make_sweep
        self._runs_screen: RunsScreen | None = None
        self.race: RaceSession | None = None
        """None: its screen was not shown."""
        self.sweep: SweepSession | None = None
        """None: its screen was not shown."""

    def make(self, name: str, style: PictureStyle) -> Screen[None]:
        """The screen of that name, with digits in this style."""
        makers: dict[str, Callable[[], Screen[None]]] = {
            "mistakes": lambda: self._mistakes(style),
            "runs": self._runs,
            "race": self._race,
            "sweeps": self._sweeps,
            "network": lambda: self._network(style),
            "draw": lambda: self._draw(style),
        }
        return makers[name]()

    def _mistakes(self, style: PictureStyle) -> Screen[None]:
        from mnist_tui.mistakes.mistakes_screen import MistakesScreen
        from mnist_tui.mistakes.mistakes_view import MistakesSource
        from mnist_tui.mistakes.why_source import WhySource

        source = MistakesSource(self._session, self._store, self._session.marks)
        return MistakesScreen(source, WhySource(self._session, self._store), style)

    def _runs(self) -> Screen[None]:
        from mnist_tui.runs.runs_screen import RunsScreen

        self._runs_screen = RunsScreen(self._store, self._session.marks)
        return self._runs_screen

    def _race(self) -> Screen[None]:
        from mnist_core.benchmark.runner import race_run
        from mnist_tui.race.race_screen import RaceScreen
        from mnist_tui.race.race_session import RaceSession

        self.race = RaceSession(
            self._session,
            self._store,
            self._make_race or race_run,
            log=lambda text: write_log(self._log_file, text),
        )
        return RaceScreen(self._session, self.race)

    def _sweeps(self) -> Screen[None]:
        from mnist_tui.sweeps.sweep_process import CommandProcess
        from mnist_tui.sweeps.sweep_screen import SweepsScreen, single
        from mnist_tui.sweeps.sweep_session import SweepSession

        self.sweep = SweepSession(
            self._session, self._store, self._backend, self._make_sweep or CommandProcess
        )
        steering = self._train_screen.steering
        return SweepsScreen(self._session, self.sweep, lambda: single(steering.recipes))

    def _network(self, style: PictureStyle) -> Screen[None]:
        from mnist_tui.network.network_screen import NetworkScreen
        from mnist_tui.network.network_source import NetworkSource

        return NetworkScreen(NetworkSource(self._session, self._store), style)

    def _draw(self, style: PictureStyle) -> Screen[None]:
        from mnist_tui.draw.draw_screen import DrawScreen
        from mnist_tui.lab.current_model import CurrentModel

        purpose = "A model has to be trained before it can read digits."
        return DrawScreen(CurrentModel(self._session, self._store, purpose), style)

    def close_race(self) -> None:
        """Stop a race under way, end its processes, and keep what it measured."""
        if self.race is not None:
            self.race.close()

    def close_sweep(self) -> None:
        """End a sweep under way and its processes; its runs are kept."""
        if self.sweep is not None:
            self.sweep.close()

    def purge_deleted(self) -> None:
        """Make deletions final, since nobody can undo them any more."""
        if self._runs_screen is not None:
            self._runs_screen.editor.purge_deleted()
