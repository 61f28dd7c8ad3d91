"""Draw the pictures of the documentation: the app itself, with real runs and a real race.

    .venv/bin/python scripts/pictures.py [--data NAME|FOLDER] [FOLDER]

They are written to FOLDER, or docs, as SVG. The digits are synthetic unless data are given.
"""

import argparse
import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from textual import events
from textual.geometry import Offset
from textual.pilot import Pilot

from mnist_core.backend.backend import Backend, configure
from mnist_core.data.loader import DatasetLoader
from mnist_core.data.registry import default_cache_folder
from mnist_core.data.strokes import SKELETONS, stroke_table
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_core.store import RunStore
from mnist_core.training.training_run import mlx_runs
from mnist_core.training.training_thread import mlx_thread
from mnist_tui.app import MnistApp
from mnist_tui.draw.canvas import Canvas
from mnist_tui.lab.data_source import DataSource
from mnist_tui.lab.session import Session
from mnist_tui.lab.state import State
from mnist_tui.mistakes.gallery import Gallery
from mnist_tui.network.unit_grid import UnitGrid
from mnist_tui.race.race_screen import RaceScreen
from mnist_tui.settings.config import Config, ConfigFile
from mnist_tui.ui.class_bars import ClassBars

SIZE = (120, 40)
FIRST = make_hyperparameters({"learning_rate": 0.02, "epochs": 6})
SECOND = make_hyperparameters({"learning_rate": 0.1, "epochs": 6})
STOP_AT_EPOCH = 4
DIGIT = 3


class Studio:
    """The app under Pilot, and where its pictures go."""

    def __init__(self, app: MnistApp, session: Session, pilot: Pilot[None], folder: Path) -> None:
        self.app = app
        self.session = session
        self.pilot = pilot
        self._folder = folder

    async def until(self, wanted: Callable[[], bool]) -> None:
        while not wanted():
            await self.pilot.pause(0.02)

    async def draw_all(self) -> None:
        await self.until(lambda: self.session.data.dataset is not None)
        await self.draw_train()
        await self.draw_mistakes()
        await self.draw_network()
        await self.draw_digit()
        await self.draw_race()

    async def draw_train(self) -> None:
        """A second run in the middle of its race against a first one."""
        session = self.session
        session.train(FIRST)
        await self.until(lambda: session.state is State.COMPLETED)
        session.train(SECOND)
        await self.until(
            lambda: (
                session.progress is not None and session.progress.epoch_under_way >= STOP_AT_EPOCH
            )
        )
        await self.pilot.pause(0.15)
        self._save("train")
        await self.until(lambda: session.state is State.COMPLETED)

    async def draw_mistakes(self) -> None:
        """What the second run gets wrong."""
        await self.pilot.press("2")
        await self.until(lambda: bool(self.app.screen.query(Gallery)))
        gallery = self.app.screen.query_one(Gallery)
        await self.until(lambda: gallery.current is not None)
        await self.pilot.press("right", "right")
        await self.pilot.pause(0.5)
        self._save("mistakes")

    async def draw_network(self) -> None:
        """What the units of the second run have learned."""
        await self.pilot.press("6")
        await self.until(lambda: bool(self.app.screen.query(UnitGrid)))
        await self.pilot.press("right", "right")
        # Until all samples have been asked.
        await self.pilot.pause(1.5)
        self._save("network")

    async def draw_digit(self) -> None:
        """A digit drawn with the mouse."""
        await self.pilot.press("d")
        await self.until(lambda: bool(self.app.screen.query(Canvas)))
        canvas = self.app.screen.query_one(Canvas)
        await self.until(lambda: canvas.size.height > 0)
        self._draw_with_mouse(canvas, DIGIT)
        await self.until(lambda: self.app.screen.query_one(ClassBars).marked is not None)
        await self.pilot.pause(0.5)
        self._save("draw")
        await self.pilot.press("escape")

    def _draw_with_mouse(self, canvas: Canvas, digit: int) -> None:
        """Write the digit as most people do, a little smaller than the canvas."""
        table = stroke_table()
        skeleton = sum(len(ways) for ways in SKELETONS[:digit])
        width, height = canvas.size
        path = table.splines[skeleton] @ table.points[skeleton]
        path = (path * 0.62 + 1) / 2 * (width, height)
        corner = canvas.content_region.offset
        within = canvas.gutter.top_left

        def mouse(kind: type[events.MouseEvent], x: int, y: int) -> None:
            at, on_screen = Offset(x, y) + within, Offset(x, y) + corner
            canvas.post_message(
                kind(canvas, at.x, at.y, 0, 0, 1, False, False, False,
                     screen_x=on_screen.x, screen_y=on_screen.y)
            )  # fmt: skip

        cells = [(int(x), int(y)) for x, y in path]
        mouse(events.MouseDown, *cells[0])
        for cell in cells[1:]:
            mouse(events.MouseMove, *cell)
        mouse(events.MouseUp, *cells[-1])

    async def draw_race(self) -> None:
        """A race of those who take part unless one decides otherwise."""
        await self.pilot.press("4")
        await self.until(lambda: isinstance(self.app.screen, RaceScreen))
        await self.pilot.press("r")
        await self.until(lambda: bool(self.session.hold))
        await self.until(lambda: not self.session.hold)
        await self.pilot.pause(0.5)
        self._save("race")

    def _save(self, name: str) -> None:
        picture = self.app.export_screenshot(title="mnist-tui", simplify=True)
        # Pictures in a README may not fetch fonts, and need not: any monospaced one will do.
        picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)
        (self._folder / f"{name}.svg").write_text(picture, encoding="utf-8")


async def draw(folder: Path, data: str, backend: Backend) -> None:
    """Draw every picture into `folder`, which exists."""
    with TemporaryDirectory() as home, mlx_thread() as training:
        store = RunStore(Path(home))
        session = Session(
            mlx_runs(backend, training),
            DataSource(lambda: DatasetLoader(data, default_cache_folder())),
            log=str,
            store=store,
        )
        # As on most terminals; under Pilot there are no colours to go by.
        config = ConfigFile(Path(), Config(digits="half-block"))
        log = Path(home) / "log"
        app = MnistApp(session, backend, SECOND, "mlx-docs", log, store, config=config)
        async with app.run_test(size=SIZE) as pilot:
            try:
                await Studio(app, session, pilot, folder).draw_all()
            finally:
                app.screens.close_race()
                session.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the pictures of the documentation.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs"))
    parser.add_argument("--data", default="synthetic", help="a data set's name, or a folder")
    options = parser.parse_args()
    asyncio.run(draw(options.folder, options.data, configure("cpu", threads=1)))


if __name__ == "__main__":
    main()
