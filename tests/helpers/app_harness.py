"""The app under Pilot, with scripted runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from helpers.lab import Lab
from helpers.scripted import ScriptedLoader, ScriptedRuns, loaded
from helpers.scripted_machine import ScriptedMachine
from helpers.scripted_sweep_process import ScriptedSweeps
from helpers.settling import settled
from mnist_core.backend.backend import Backend
from mnist_core.benchmark.runner import RaceFactory
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_core.store import RunStore
from mnist_tui.app import MnistApp
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State
from mnist_tui.runtime.graphics import Graphics
from mnist_tui.settings.config import ConfigFile

TWO_EPOCHS = make_hyperparameters({"epochs": 2})


class AppHarness(Lab[MnistApp]):
    """The app, its session and its scripted runs; `pilot` is there once the app runs."""

    def __init__(
        self,
        loader: ScriptedLoader,
        hyperparameters: Hyperparameters,
        log: Path,
        config: ConfigFile | None = None,
        *,
        first_launch: bool = False,
        runs: ScriptedRuns | None = None,
        backend: Backend | None = None,
        make_race: RaceFactory | None = None,
        sweeps: ScriptedSweeps | None = None,
        graphics: Graphics | None = None,
    ) -> None:
        self.loader = loader
        self.sweeps = sweeps or ScriptedSweeps()
        self.runs = runs or ScriptedRuns()
        self.machine = ScriptedMachine()
        self.store = RunStore(log.parent / "home")
        self.session = Session(
            self.runs, DataSource(lambda: self.loader), lambda text: "It is logged.", self.store
        )
        self.app = MnistApp(
            self.session,
            backend,
            hyperparameters,
            "mlx-docs",
            log,
            self.store,
            make_race,
            make_sweep=self.sweeps,
            config=config,
            graphics=graphics,
            first_launch=first_launch,
            read_machine=self.machine,
        )

    def state(self) -> State:
        """That of the session now."""
        return self.session.state

    async def until_loaded(self) -> None:
        await self.until(lambda: self.loader.started > 0 and not self.loader.events)

    async def until_state(self, state: State) -> None:
        """Wait until the session is in `state`, and has taken all that the run told before."""
        await self.until(lambda: self.session.state is state)
        # The state is asked of the run; its events wait for the next tick.
        self.app._train_screen._tick()
        await settled()

    def commands(self) -> set[str]:
        """The commands that a key gives now, shown in the footer or not."""
        return {
            str(binding.description)
            for _, binding, enabled, _ in self.app.screen.active_bindings.values()
            if enabled
        }


@asynccontextmanager
async def opened(
    folder: Path,
    size: tuple[int, int] = (120, 40),
    config: ConfigFile | None = None,
    *,
    loader: ScriptedLoader | None = None,
    hyperparameters: Hyperparameters = TWO_EPOCHS,
    runs: ScriptedRuns | None = None,
    sweeps: ScriptedSweeps | None = None,
    first_launch: bool = False,
    graphics: Graphics | None = None,
) -> AsyncIterator[AppHarness]:
    """The app with its data loaded, its files in `folder`."""
    made = AppHarness(
        loader or loaded(),
        hyperparameters,
        folder / "log",
        config,
        runs=runs,
        sweeps=sweeps,
        first_launch=first_launch,
        graphics=graphics,
    )
    async with made.app.run_test(size=size) as pilot:
        made.pilot = pilot
        await made.until_loaded()
        try:
            yield made
        finally:
            made.runs.gate.set()
            made.session.close()
