"""Three lines of guidance, once, in nobody's way; and the notice of a broken configuration."""

from pathlib import Path

import pytest

from helpers.app_harness import opened
from mnist_tui.charts.chart import Chart
from mnist_tui.lab.state import State
from mnist_tui.settings.config import Config, ConfigFile
from mnist_tui.train.guidance import Guidance, guidance


def test_three_lines_that_fit_the_smallest_terminal() -> None:
    lines = guidance().plain.split("\n")
    assert len(lines) == 3
    assert max(map(len, lines)) <= 60
    assert [line.split()[0] for line in lines] == ["r", "e", "2"]


@pytest.mark.parametrize(
    "size", [(60, 20), pytest.param((80, 24), marks=pytest.mark.soak), (120, 40)]
)
async def test_the_first_key_takes_it_away_and_acts(tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(tmp_path, size, first_launch=True) as lab:
        assert "trains a network" in lab.text()
        assert "Learning rate" in lab.text()
        assert isinstance(lab.app.focused, Chart)
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        assert "trains a network" not in lab.text()
        assert not lab.app.screen.query(Guidance)


async def test_a_key_that_does_nothing_takes_it_away_too(tmp_path: Path) -> None:
    async with opened(tmp_path, first_launch=True) as lab:
        await lab.pilot.press("f12")
        await lab.until(lambda: "trains a network" not in lab.text())
        assert lab.runs.made == []


async def test_it_names_the_keys_in_force(tmp_path: Path) -> None:
    chosen = ConfigFile(Path("config.toml"), Config(keys={"run": ("f2",)}))
    async with opened(tmp_path, config=chosen, first_launch=True) as lab:
        assert "f2 trains a network" in lab.text()


@pytest.mark.parametrize(
    "size", [(60, 20), pytest.param((80, 24), marks=pytest.mark.soak), (120, 40)]
)
async def test_panes_that_are_empty_say_what_will_be_there(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    async with opened(tmp_path, size) as lab:
        words = " ".join(lab.text().replace("│", " ").split())
        assert "will be drawn" in words
        await lab.pilot.press("2")
        await lab.until(lambda: "once one has been trained" in " ".join(
            lab.text().replace("│", " ").split()))  # fmt: skip
        await lab.pilot.press("T")
        await lab.until(lambda: "Press T for the test samples" in " ".join(
            lab.text().replace("│", " ").split()))  # fmt: skip
        await lab.pilot.press("3")
        await lab.until(lambda: "No runs yet. Press 1, then r" in lab.text())


async def test_later_launches_have_none(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        assert "trains a network" not in lab.text()


async def test_a_broken_configuration_is_told_until_there_is_a_run(tmp_path: Path) -> None:
    broken = ConfigFile(Path("config.toml"), problems=("config.toml, line 3: [/] is wrong.",))
    async with opened(tmp_path, config=broken) as lab:
        assert "config.toml, line 3: [/] is wrong." in lab.text()
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        assert "line 3" not in lab.text()


async def test_the_files_smoothing_is_that_of_the_charts(tmp_path: Path) -> None:
    chosen = ConfigFile(Path("config.toml"), Config(smoothing=0.35))
    async with opened(tmp_path, config=chosen) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        for chart in ("#loss", "#accuracy"):
            curves = lab.app.screen.query_one(chart, Chart).plot.curves
            (train,) = [curve for curve in curves if curve.label == "train smoothed"]
            assert train.smoothing == 0.35
        await lab.pilot.press("3")
        await lab.until(lambda: "smoothing 0.35" in lab.text())
