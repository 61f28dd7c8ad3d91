"""What it looks like when a sample is asked why the model says so."""

from pathlib import Path

import pytest

from helpers.app_harness import AppHarness
from helpers.asked_network import blocks
from helpers.scripted import ScriptedRuns
from helpers.snapshots import NORMAL, Compare, Story, every_size, looks_as_before, open_bench
from mnist_tui.lab.state import State
from mnist_tui.mistakes.explanation import Nearby, Why
from mnist_tui.mistakes.mistakes_screen import MistakesScreen
from mnist_tui.mistakes.sample_view import SampleView


def asking(why: Why) -> Story:
    """Train, go to the mistakes, and press W until `why` is shown."""

    async def story(lab: AppHarness) -> None:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        await lab.pilot.press(*["W"] * list(Why).index(why))
        sample = lab.app.screen.query_one(SampleView)
        await lab.until(lambda: sample._explanation is not None)
        if why is Why.NEAREST:
            await lab.until(lambda: isinstance(sample._shown, Nearby))
        assert str(sample.border_title).endswith(why)

    return story


def bench_of(folder: Path, theme: str | None = None) -> AppHarness:
    made = open_bench(folder, theme=theme, runs=ScriptedRuns(weights=blocks), hidden_sizes="16,12")
    made.app._picture_style = "half-block"
    return made


@pytest.mark.parametrize("why", [Why.GRADIENT, Why.NEAREST])
@every_size
def test_at_each_size(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], why: Why
) -> None:
    assert looks_as_before(snap_compare, bench_of(tmp_path), asking(why), size)


@pytest.mark.parametrize("why", [Why.OCCLUSION, Why.CHANGE])
def test_the_other_ways(snap_compare: Compare, tmp_path: Path, why: Why) -> None:
    assert looks_as_before(snap_compare, bench_of(tmp_path), asking(why), NORMAL)


@pytest.mark.parametrize("why", [Why.GRADIENT, Why.NEAREST])
def test_on_light(snap_compare: Compare, tmp_path: Path, why: Why) -> None:
    bench = bench_of(tmp_path, "laboratory-light")
    assert looks_as_before(snap_compare, bench, asking(why), NORMAL)


@pytest.mark.parametrize("why", [Why.GRADIENT, Why.CHANGE, Why.NEAREST])
def test_without_colour(
    snap_compare: Compare, tmp_path: Path, why: Why, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    bench = open_bench(tmp_path, runs=ScriptedRuns(weights=blocks), hidden_sizes="16,12")
    assert looks_as_before(snap_compare, bench, asking(why), NORMAL)
