"""What the train screen looks like at three sizes; `make test ARGS=--snapshot-update` renews."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench import Bench
from scripted import loaded
from textual.pilot import Pilot

from mnist_core.hyperparameters import make_hyperparameters
from mnist_tui.session import State

Compare = Callable[..., bool]
SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(loaded(), make_hyperparameters({"epochs": 3}), tmp_path / "log")


@pytest.mark.parametrize("size", SIZES)
def test_before_the_first_run(snap_compare: Compare, bench: Bench, size: tuple[int, int]) -> None:
    async def open_app(pilot: Pilot[Any]) -> None:
        bench.pilot = pilot
        await bench.until_loaded()
        assert bench.session.state is State.IDLE
        assert "Learning rate" in bench.text()

    assert snap_compare(bench.app, terminal_size=size, run_before=open_app)
    bench.session.close()


@pytest.mark.parametrize("size", SIZES)
def test_after_two_runs(snap_compare: Compare, bench: Bench, size: tuple[int, int]) -> None:
    async def run_twice(pilot: Pilot[Any]) -> None:
        bench.pilot = pilot
        await bench.until_loaded()
        await pilot.press("r")
        await bench.until_state(State.COMPLETED)
        bench.session.run(make_hyperparameters({"epochs": 3, "learning_rate": 0.5}))
        await bench.until_state(State.COMPLETED)
        assert bench.session.ghost is not None
        assert "epoch 3/3" in bench.text()

    assert snap_compare(bench.app, terminal_size=size, run_before=run_twice)
    bench.session.close()
