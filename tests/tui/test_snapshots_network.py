"""What the network screen looks like."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.app_harness import AppHarness
from helpers.scripted import ScriptedRuns
from helpers.snapshots import NORMAL, Compare, every_size, looks_as_before, open_bench
from mnist_core.network.parameters import initial_parameters
from mnist_core.network.shape import NetworkShape
from mnist_core.recipe.presets import presets
from mnist_tui.lab.state import State
from mnist_tui.network.distributions_dialog import DistributionsDialog
from mnist_tui.network.network_screen import NetworkScreen
from mnist_tui.network.unit_grid import UnitGrid

_LENET = presets()["lenet"].hyperparameters


def blots(epoch: int) -> tuple[NDArray[np.float32], ...]:
    """A network 784-16-12-10 whose units each look for a bright spot beside a dark one."""
    parameters = initial_parameters((784, 16, 12, 10), epoch)
    rows, columns = np.indices((28, 28)) - 13.5
    for unit in range(16):
        angle, reach = unit * np.pi / 8, 5 + unit % 3
        for sign in (-1, 1):
            down, across = sign * reach * np.sin(angle), sign * reach * np.cos(angle)
            spot = np.exp(-((rows - down) ** 2 + (columns - across) ** 2) / 12)
            parameters[0][:, unit] += (sign * 0.4 * (1 - unit / 40) * spot).reshape(784)
    parameters[1][[4, 9]] = -30
    return parameters


async def network(lab: AppHarness) -> NetworkScreen:
    await lab.pilot.press("r")
    await lab.until_state(State.COMPLETED)
    await lab.pilot.press("6")
    await lab.until(lambda: isinstance(lab.app.screen, NetworkScreen))
    screen = lab.app.screen
    assert isinstance(screen, NetworkScreen)
    grid = screen.query_one(UnitGrid)
    await lab.until(lambda: "2 dead" in str(grid.border_title))
    await lab.pilot.press("right")
    assert grid.current is not None
    assert f"Unit {grid.current} · run 1 · after epoch 3" in lab.text()
    return screen


def bench_of(folder: Path, theme: str | None = None) -> AppHarness:
    made = open_bench(folder, theme=theme, runs=ScriptedRuns(weights=blots), hidden_sizes="16,12")
    made.app._picture_style = "half-block"
    return made


@every_size
def test_units_and_one_of_them(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int]
) -> None:
    async def story(lab: AppHarness) -> None:
        await network(lab)

    assert looks_as_before(snap_compare, bench_of(tmp_path), story, size)


def test_units_on_light(snap_compare: Compare, tmp_path: Path) -> None:
    async def story(lab: AppHarness) -> None:
        await network(lab)

    bench = bench_of(tmp_path, "laboratory-light")
    assert looks_as_before(snap_compare, bench, story, NORMAL)


def test_units_without_colour(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def story(lab: AppHarness) -> None:
        await network(lab)
        assert "▀" not in lab.text()

    bench = open_bench(tmp_path, runs=ScriptedRuns(weights=blots), hidden_sizes="16,12")
    assert looks_as_before(snap_compare, bench, story, NORMAL)


@pytest.mark.parametrize("size", [(80, 24), NORMAL], ids=["80x24", "120x40"])
def test_the_means_of_a_later_layer(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int]
) -> None:
    async def story(lab: AppHarness) -> None:
        screen = await network(lab)
        await lab.pilot.press("n")
        await lab.until(lambda: "dead" in str(screen.query_one(UnitGrid).border_title))
        assert "Mean by class" in lab.text()

    assert looks_as_before(snap_compare, bench_of(tmp_path), story, size)


async def distributions(lab: AppHarness) -> None:
    await network(lab)
    await lab.pilot.press("D")
    await lab.until(lambda: isinstance(lab.app.screen, DistributionsDialog))
    await lab.pilot.press("tab", "left_square_bracket")
    await lab.until(lambda: "Gradients layers.0.weight" in lab.text())
    assert "epoch 2 · 12 544 values" in lab.text()


@every_size
def test_distributions_over_the_epochs(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int]
) -> None:
    assert looks_as_before(snap_compare, bench_of(tmp_path), distributions, size)


def test_distributions_on_light(snap_compare: Compare, tmp_path: Path) -> None:
    bench = bench_of(tmp_path, "laboratory-light")
    assert looks_as_before(snap_compare, bench, distributions, NORMAL)


def test_distributions_without_colour(
    snap_compare: Compare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    bench = open_bench(tmp_path, runs=ScriptedRuns(weights=blots), hidden_sizes="16,12")
    assert looks_as_before(snap_compare, bench, distributions, NORMAL)


def edges(epoch: int) -> tuple[NDArray[np.float32], ...]:
    """A LeNet whose first filters each look for an edge of another direction."""
    parameters = initial_parameters(NetworkShape.of(_LENET, (28, 28), 10), epoch)
    rows, columns = np.indices((5, 5)) - 2
    for unit in range(6):
        angle = unit * np.pi / 6
        slope = rows * np.sin(angle) + columns * np.cos(angle)
        parameters[0][:, unit] = (0.2 + unit / 50) * slope.reshape(25)
    return parameters


@pytest.mark.parametrize("size", [(120, 40), (80, 24)], ids=["120x40", "80x24"])
def test_filters_and_their_maps(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int]
) -> None:
    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("6")
        await lab.until(lambda: isinstance(lab.app.screen, NetworkScreen))
        grid = lab.app.screen.query_one(UnitGrid)
        await lab.until(lambda: " dead" in str(grid.border_title))
        assert str(grid.border_title).startswith("Layer 1/4 · 6 filters")
        await lab.pilot.press("right")
        assert "Filter 4 · run 1 · after epoch 3" in lab.text()

    made = open_bench(
        tmp_path, runs=ScriptedRuns(weights=edges), model="lenet", hidden_sizes="120,84"
    )
    made.app._picture_style = "half-block"
    assert looks_as_before(snap_compare, made, story, size)
