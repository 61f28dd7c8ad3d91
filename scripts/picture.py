"""Draw the picture of the README: two short runs in the app, saved as SVG.

    .venv/bin/python scripts/picture.py docs/train.svg [DATA]

DATA is a data set's name or a folder; the digits are synthetic unless it is given.
"""

import asyncio
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from mnist_core.backend import Backend, configure
from mnist_core.datasets import default_cache_folder
from mnist_core.hyperparameters import make_hyperparameters
from mnist_core.loading import DatasetLoader
from mnist_core.mlx_run import mlx_runs
from mnist_core.store import RunStore
from mnist_tui.app import MnistApp
from mnist_tui.session import Session, State

SIZE = (120, 40)
FIRST = make_hyperparameters({"learning_rate": 0.02, "epochs": 6})
SECOND = make_hyperparameters({"learning_rate": 0.1, "epochs": 6})
STOP_AT_EPOCH = 4


async def draw(target: Path, data: str) -> None:
    """Race a second run against a first one, and save the screen in the middle of it."""
    backend = configure("cpu", threads=1)
    with TemporaryDirectory() as home:
        await _draw(target, data, backend, RunStore(Path(home)))


async def _draw(target: Path, data: str, backend: Backend, store: RunStore) -> None:
    session = Session(
        mlx_runs(backend), lambda: DatasetLoader(data, default_cache_folder()), log=str, store=store
    )
    app = MnistApp(session, backend, SECOND, "mlx-docs", Path("picture.log"), store)
    async with app.run_test(size=SIZE) as pilot:
        while session.dataset is None:
            await pilot.pause(0.05)
        session.run(FIRST)
        while session.state is not State.COMPLETED:
            await pilot.pause(0.05)
        session.run(SECOND)
        while session.progress is None or session.progress.epoch_under_way < STOP_AT_EPOCH:
            await pilot.pause(0.02)
        await pilot.pause(0.15)
        picture = app.export_screenshot(title="mnist-tui")
        # Pictures in a README may not fetch fonts, and need not: any monospaced one will do.
        picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)
        target.write_text(picture, encoding="utf-8")
        session.close()


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "synthetic"))
