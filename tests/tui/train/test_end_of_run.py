"""What the app tells at the end of a run: why it ended early, and that it is done."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest

from helpers.app_harness import AppHarness, opened
from helpers.scripted import ScriptedRuns
from mnist_core.recipe.early_stopping import StopRule
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_tui.app import MnistApp
from mnist_tui.lab.state import State
from mnist_tui.settings.config import Config, ConfigFile

OpenBench = Callable[..., AbstractAsyncContextManager[AppHarness]]
WHY = "Stopped at its target: test accuracy 0.5000 in epoch 2."


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the app writes to its terminal besides its screen, without the empty."""
    found: list[str] = []

    def write(_app: MnistApp, sequence: str) -> None:
        if sequence:
            found.append(sequence)

    monkeypatch.setattr(MnistApp, "_write_to_terminal", write)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("TMUX", "STY", "VTE_VERSION"):
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.fixture
def bench(tmp_path: Path) -> OpenBench:
    return partial(opened, tmp_path)


def configured(when_done: str) -> ConfigFile:
    return ConfigFile(Path(), Config.model_validate({"when_done": when_done}))


async def test_a_rule_that_ended_the_run_is_told_until_the_next(bench: OpenBench) -> None:
    runs = ScriptedRuns(stopped_by=StopRule.TARGET_ACCURACY)
    async with bench(runs=runs) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        assert WHY in lab.text()
        runs.stopped_by = None
        await lab.pilot.press(".")
        await lab.until_state(State.COMPLETED)
        await lab.until(lambda: "epoch 3/3" in lab.text())
        assert WHY not in lab.text()


async def test_the_bell_rings_once_a_run_has_ended(bench: OpenBench, written: list[str]) -> None:
    async with bench(config=configured("bell")) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.until(lambda: written == ["\a"])


async def test_a_notification_says_which_run_and_how(bench: OpenBench, written: list[str]) -> None:
    async with bench(config=configured("notify")) as lab:
        await lab.pilot.press("r")
        await lab.until(lambda: bool(written))
        assert written == ["\x1b]9;mnist-tui: run 1 completed, test accuracy 0.5200\a"]


async def test_nothing_is_written_unless_it_is_asked_for(
    bench: OpenBench, written: list[str]
) -> None:
    async with bench() as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        assert written == []


async def test_whoever_stops_a_run_is_not_told(bench: OpenBench, written: list[str]) -> None:
    async with bench(config=configured("bell")) as lab:
        lab.runs.gate.clear()
        await lab.pilot.press("r")
        await lab.until_state(State.RUNNING)
        await lab.pilot.press("s")
        lab.runs.gate.set()
        await lab.until_state(State.STOPPED)
        assert written == []


async def test_a_queue_tells_it_once_at_its_end(bench: OpenBench, written: list[str]) -> None:
    recipes = [make_hyperparameters({"epochs": 1, "seed": seed}) for seed in range(3)]
    async with bench(config=configured("bell")) as lab:
        lab.session.train(*recipes)
        await lab.until(lambda: len(lab.runs.made) == 3)
        await lab.until_state(State.COMPLETED)
        await lab.until(lambda: bool(written))
        assert written == ["\a"]


async def test_a_run_that_waits_for_a_decision_calls_for_it(
    bench: OpenBench, written: list[str]
) -> None:
    async with bench(config=configured("notify"), runs=ScriptedRuns(diverge_at=3)) as lab:
        await lab.pilot.press("r")
        await lab.until(lambda: bool(written))
        assert "run 1 has diverged and waits" in written[0]
