"""Pictures of the whole screen, compared with those in `__snapshots__`.

`make test ARGS="tests/tui --snapshot-update -k snapshots"` renews them; look at each before it is
kept. They belong to the version of Textual in constraints.txt.
"""

import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from helpers.app_harness import AppHarness
from helpers.scripted import ScriptedRuns, loaded
from helpers.scripted_sweep_process import ScriptedSweeps
from mnist_core.backend.backend import Backend
from mnist_core.benchmark.runner import RaceFactory
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_tui.settings.config import Config, ConfigFile
from mnist_tui.train.train_screen import TrainScreen

Compare = Callable[..., bool]
Story = Callable[[AppHarness], Awaitable[None]]

NORMAL = (120, 40)
every_size = pytest.mark.parametrize(
    "size", [(80, 24), NORMAL, (200, 60)], ids=lambda size: f"{size[0]}x{size[1]}"
)

MACHINE = Backend(
    device="cpu", device_name="cpu", blas="OpenBLAS 0.3.29", threads=2, mlx_version="0.32.0",
    gflops=117.0,
)  # fmt: skip
"""What the first line tells of, wherever the tests run."""


def open_bench(
    folder: Path,
    *,
    theme: str | None = None,
    runs: ScriptedRuns | None = None,
    make_race: RaceFactory | None = None,
    sweeps: ScriptedSweeps | None = None,
    first_launch: bool = False,
    **hyperparameters: object,
) -> AppHarness:
    """The app with data and scripted runs, its files in `folder`; three epochs unless told else."""
    return AppHarness(
        loaded(),
        make_hyperparameters({"epochs": 3, **hyperparameters}),
        folder / "log",
        ConfigFile(Path(), Config(theme=theme)) if theme is not None else None,
        first_launch=first_launch,
        runs=runs,
        backend=MACHINE,
        make_race=make_race,
        sweeps=sweeps,
    )


def looks_as_before(
    compare: Compare,
    bench: AppHarness,
    story: Story,
    size: tuple[int, int] = NORMAL,
    *gates: threading.Event,
) -> bool:
    """Open the app, let `story` lead to what is to be seen, and compare; then close it all.

    What waits at the gate of the runs, or at one of `gates`, goes on to its end before.
    """

    async def play(pilot: Pilot[Any]) -> None:
        bench.pilot = pilot
        try:
            await bench.until_loaded()
            await story(bench)
            for screen in bench.app.screen_stack:
                if isinstance(screen, TrainScreen):
                    # Part of what has come is only drawn at the next tick.
                    screen.redraw()
            # A cursor that blinks is there or not, as it happens.
            for field in bench.app.screen.query(Input):
                field.cursor_blink = False
        except BaseException:
            # Textual waits for the end of the app, and pytest.fail raises no Exception.
            bench.app.exit()
            raise

    try:
        return compare(bench.app, terminal_size=size, run_before=play)
    finally:
        for gate in (bench.runs.gate, *gates):
            gate.set()
        bench.app.screens.close_sweep()
        bench.app.screens.close_race()
        bench.session.close()
        bench.store.close()
