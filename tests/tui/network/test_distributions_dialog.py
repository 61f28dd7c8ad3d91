"""The heat map of distributions: what is drawn of which numbers, and by which keys."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.app_harness import AppHarness, opened
from helpers.scripted import ScriptedRuns
from mnist_core.network.distributions import histograms
from mnist_core.network.parameters import initial_parameters
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_tui.lab.state import State
from mnist_tui.network import distributions_dialog
from mnist_tui.network.distributions_dialog import (
    NONE_KEPT,
    DistributionsDialog,
    DistributionsMap,
    facts,
)
from mnist_tui.network.heat_map import RAMP, HeatMap, character, heat_map
from mnist_tui.network.network_screen import NetworkScreen

OpenBench = Callable[..., AbstractAsyncContextManager[AppHarness]]


def counted(*epochs: list[float]) -> dict[int, np.void]:
    rows = histograms([np.array(values, np.float32) for values in epochs])
    return dict(enumerate(rows))


# -- drawing -------------------------------------------------------------------------------------


def test_values_stand_above_each_other_and_epochs_beside() -> None:
    drawn = heat_map(counted([-1.0, 1.0], [-1.0, 1.0, 1.0, 1.0]), range(2), 20, 4)
    assert (drawn.low, drawn.high, drawn.cells) == (-1, 1, 10)
    assert drawn.epochs == (range(1), range(1, 2))
    np.testing.assert_allclose(drawn.amounts[:, 0], [1, 0, 0, 1])
    np.testing.assert_allclose(drawn.amounts[:, 1], [1, 0, 0, np.sqrt(1 / 3)])


def test_epochs_without_room_share_a_column() -> None:
    found = counted(*([float(epoch), 100.0] for epoch in range(1000)))
    drawn = heat_map(found, range(1000), 60, 10)
    assert len(drawn.epochs) == 60
    assert [epoch for column in drawn.epochs for epoch in column] == list(range(1000))
    assert drawn.column_of(999) == 59
    assert drawn.column_of(None) is drawn.column_of(1000) is None


def test_an_epoch_that_is_not_known_is_blank() -> None:
    found = counted([0.0, 1.0], [0.0, 1.0], [0.0, 1.0])
    del found[1]
    drawn = heat_map(found, range(3), 30, 5)
    assert [bool(column.any()) for column in drawn.amounts.T] == [True, False, True]


def test_zeros_have_an_axis_and_a_row() -> None:
    drawn = heat_map(counted([0.0] * 32), range(1), 30, 5)
    assert (drawn.low, drawn.high) == (-1, 1)
    assert drawn.amounts[drawn.row_of(0.0), 0] == 1
    assert drawn.amounts.sum() == 1


def test_what_diverged_does_not_make_a_line_of_the_others() -> None:
    usual = list(np.linspace(-1, 1, 100))
    drawn = heat_map(counted(usual, usual, usual, [1e30, -1e30, *usual]), range(4), 40, 10)
    assert (drawn.low, drawn.high) == (-1, 1)
    assert (drawn.amounts[:, 0] > 0).all()
    assert drawn.amounts[0, 3] > 0


def test_the_axis_is_that_of_what_has_not_diverged_and_is_not_dead() -> None:
    drawn = heat_map(counted([0.0, 0.0], [-1.0, 1.0], [-1e20, 1e20]), range(3), 40, 10)
    assert (drawn.low, drawn.high) == (-1, 1)


def test_without_a_number_nothing_is_drawn() -> None:
    drawn = heat_map(counted([np.nan], [np.inf]), range(2), 40, 10)
    assert not drawn.amounts.any()


@given(
    st.lists(st.lists(st.floats(width=32), max_size=30), max_size=12),
    st.integers(1, 80), st.integers(1, 40),
)  # fmt: skip
def test_any_numbers_are_drawn_in_the_room_there_is(
    values: list[list[float]], width: int, height: int
) -> None:
    drawn = heat_map(counted(*values), range(len(values)), width, height)
    assert drawn.low < drawn.high
    assert drawn.amounts.shape[0] == height
    assert drawn.amounts.shape[1] * drawn.cells <= max(width, drawn.cells)
    assert ((drawn.amounts >= 0) & (drawn.amounts <= 1)).all()
    assert all(character(amount) in RAMP for amount in drawn.amounts.flat)


def test_any_amount_has_some_ink() -> None:
    assert [character(amount) for amount in (0, 1e-6, 0.5, 1)] == [" ", ".", "+", "@"]


def test_the_figures_say_how_many_are_not_finite() -> None:
    row = histograms([np.array([1, 3, np.nan, np.inf], np.float32)])[0]
    values = ["epoch 4", "2 values from 1 to 3", "mean 2", "deviation 1", "2 not finite"]
    assert facts(4, row) == values
    assert facts(4, None) == ["epoch 4", "not counted"]
    assert facts(0, histograms([np.array([np.nan], np.float32)])[0]) == ["epoch 0", "1 not finite"]


# -- by keys -------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Path) -> OpenBench:
    recipe = make_hyperparameters({"epochs": 3, "hidden_sizes": "8,6"})
    runs = ScriptedRuns(weights=lambda epoch: initial_parameters((784, 8, 6, 10), epoch))
    return partial(opened, tmp_path, hyperparameters=recipe, runs=runs)


async def dialog_of(lab: AppHarness) -> DistributionsDialog:
    await lab.pilot.press("6")
    await lab.until(lambda: isinstance(lab.app.screen, NetworkScreen))
    await lab.pilot.press("D")
    await lab.until(lambda: isinstance(lab.app.screen, DistributionsDialog))
    await lab.pilot.pause()
    dialog = lab.app.screen
    assert isinstance(dialog, DistributionsDialog)
    return dialog


def shown(dialog: DistributionsDialog) -> str:
    return dialog.query_one(DistributionsMap).name_shown


async def test_keys_go_through_arrays_kinds_and_epochs(bench: OpenBench) -> None:
    async with bench() as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        dialog = await dialog_of(lab)
        assert shown(dialog) == "weights/layers.0.weight"
        assert "epoch 3 · 6 272 values from" in lab.text()
        await lab.pilot.press("down")
        assert shown(dialog) == "weights/layers.0.bias"
        await lab.pilot.press("up", "up")
        assert shown(dialog) == "gradients/layers.2.bias"
        await lab.pilot.press("tab")
        assert shown(dialog) == "weights/layers.0.weight"
        await lab.pilot.press("tab")
        assert shown(dialog) == "gradients/layers.0.weight"
        await lab.pilot.press("left_square_bracket")
        assert lab.session.cursor == 8
        assert "epoch 2 · " in lab.text()
        assert "^" in lab.text()
        await lab.pilot.press("left", "left", "left")
        assert lab.session.cursor == 0
        assert "epoch 0 · not counted" in lab.text()
        await lab.pilot.press("escape")
        await lab.until(lambda: isinstance(lab.app.screen, NetworkScreen))


async def test_the_map_is_made_once_for_each_array_and_not_for_the_cursor(
    bench: OpenBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench() as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await dialog_of(lab)
        made: list[int] = []

        def counted_map(*arguments: Any) -> HeatMap:
            made.append(1)
            return heat_map(*arguments)

        monkeypatch.setattr(distributions_dialog, "heat_map", counted_map)
        await lab.pilot.press("left", "left", "right")
        assert lab.session.cursor == 8
        assert not made
        await lab.pilot.press("down")
        assert len(made) == 1


async def test_a_run_under_way_grows_while_it_is_looked_at(
    bench: OpenBench, tmp_path: Path
) -> None:
    runs = ScriptedRuns(weights=lambda epoch: initial_parameters((784, 8, 6, 10), epoch))
    runs.gate.clear()
    async with bench(runs=runs) as lab:
        await lab.pilot.press("r")
        await lab.until(lambda: lab.session.progress is not None)
        await lab.until(lambda: 1 in getattr(lab.session.progress, "distributions", {}))
        await dialog_of(lab)
        assert "epoch 1 · " in lab.text()
        runs.gate.set()
        await lab.until(lambda: "epoch 3 · " in lab.text())


async def test_a_run_of_an_older_version_says_that_it_has_none(bench: OpenBench) -> None:
    runs = ScriptedRuns(
        weights=lambda epoch: initial_parameters((784, 8, 6, 10), epoch), counts=False
    )
    async with bench(runs=runs) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        dialog = await dialog_of(lab)
        assert NONE_KEPT[:40] in lab.text()
        await lab.pilot.press("down", "tab", "left_square_bracket")
        assert shown(dialog) == ""


async def test_without_a_run_the_key_does_nothing(bench: OpenBench) -> None:
    async with bench() as lab:
        await lab.pilot.press("6")
        await lab.until(lambda: isinstance(lab.app.screen, NetworkScreen))
        await lab.pilot.press("D")
        await lab.pilot.pause()
        assert isinstance(lab.app.screen, NetworkScreen)
