"""The app under Pilot, with scripted runs."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from scripted import ScriptedLoader, ScriptedRuns, loaded
from textual.pilot import Pilot

from mnist_core.backend import Backend
from mnist_core.benchmark.contest_run import ContestFactory
from mnist_core.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_core.store import RunStore
from mnist_tui.app import MnistApp
from mnist_tui.config import ConfigFile
from mnist_tui.session import Session, State


class Bench:
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
        make_race: ContestFactory | None = None,
    ) -> None:
        self.loader = loader
        self.runs = runs or ScriptedRuns()
        self.store = RunStore(log.parent / "home")
        self.session = Session(
            self.runs, lambda: self.loader, lambda text: "It is logged.", self.store
        )
        self.app = MnistApp(
            self.session,
            backend,
            hyperparameters,
            "mlx-docs",
            log,
            self.store,
            make_race,
            config=config,
            first_launch=first_launch,
        )
        self.pilot: Pilot[None]

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Let the app go on until `wanted`; its own timer does the work."""
        for _ in range(600):
            if wanted():
                return
            await self.pilot.pause(0.02)
        pytest.fail(f"still {self.session.state}:\n{self.text()}")

    async def until_loaded(self) -> None:
        await self.until(lambda: self.loader.started > 0 and not self.loader.events)
        await self.pilot.pause()

    async def until_state(self, state: State) -> None:
        await self.until(lambda: self.session.state is state)
        await self.pilot.pause()

    def text(self) -> str:
        """The whole screen as text."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    def footer(self) -> str:
        """The commands that the footer offers."""
        return " ".join(
            str(binding.description)
            for _, binding, enabled, _ in self.app.screen.active_bindings.values()
            if binding.show and enabled
        )

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
    first_launch: bool = False,
) -> AsyncIterator[Bench]:
    """The app with its data loaded and two epochs to train, its files in `folder`."""
    made = Bench(
        loaded(),
        make_hyperparameters({"epochs": 2}),
        folder / "log",
        config,
        first_launch=first_launch,
    )
    async with made.app.run_test(size=size) as pilot:
        made.pilot = pilot
        await made.until_loaded()
        try:
            yield made
        finally:
            made.runs.gate.set()
            made.session.close()
