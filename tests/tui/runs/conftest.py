"""Stored runs: a screen to find them on, and a listing of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from helpers.runs_lab import BareApp, OpenLab, RunsLab
from helpers.stored_runs import put_run
from mnist_core.store import RunStore
from mnist_tui.runs.run_listing import RunListing


@pytest.fixture
def lab(tmp_path: Path) -> OpenLab:
    @asynccontextmanager
    async def open_lab(size: tuple[int, int] = (120, 40)) -> AsyncIterator[RunsLab]:
        app = BareApp(tmp_path)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            try:
                yield RunsLab(app, pilot)
            finally:
                app.store.close()

    return open_lab


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Three ended runs; the oldest has the best value, the latest the best last one."""
    put_run(tmp_path, "aaaa", "first", accuracies=(0.1, 0.99, 0.5), started=1000.0, epochs=2,
            tags=("baseline",), note="where it began")  # fmt: skip
    put_run(tmp_path, "bbbb", "second", accuracies=(0.1, 0.7), started=2000.0, epochs=4,
            optimizer="adam", state="stopped")  # fmt: skip
    put_run(tmp_path, "cccc", "third", accuracies=(0.1, 0.9), started=3000.0, epochs=1,
            learning_rate=0.01)  # fmt: skip
    return tmp_path


@pytest.fixture
def listing(tmp_path: Path) -> RunListing:
    """a: the defaults; b: adam, lr 0.01; c: adamw with validation; d: wide, failed, no result."""
    put_run(tmp_path, "a", "plain", accuracies=(0.1, 0.95, 0.93), seconds=30, started=100.0,
            note="First Try")  # fmt: skip
    put_run(tmp_path, "b", "run 2", accuracies=(0.1, 0.97), started=200.0, optimizer="adam",
            learning_rate=0.01, tags=("baseline", "fast"), rate=90_000, seconds=90)  # fmt: skip
    put_run(tmp_path, "c", "run 10", accuracies=(0.1, 0.99), validation=(0.1, 0.91), started=300.0,
            optimizer="adamw", dataset="fashion", shuffle=False)  # fmt: skip
    put_run(tmp_path, "d", "run 3", accuracies=(), state="failed", started=400.0, rate=None,
            hidden_sizes="64,32", batch_size=32)  # fmt: skip
    made = RunListing()
    store = RunStore(tmp_path)
    made.show(store.runs(), None)
    store.close()
    return made
