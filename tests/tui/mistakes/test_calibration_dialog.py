"""The reliability diagram: what its lines say, and the way through the epochs of a run."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from helpers.app_harness import AppHarness, opened
from helpers.lab import SIZES
from mnist_core.network.calibration import calibration
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_tui.lab.state import State
from mnist_tui.mistakes.calibration_dialog import (
    CalibrationDialog,
    epochs_text,
    reliability_lines,
)
from mnist_tui.mistakes.mistakes_screen import MistakesScreen

OpenBench = Callable[..., AbstractAsyncContextManager[AppHarness]]
THREE_EPOCHS = make_hyperparameters({"epochs": 3})


@pytest.fixture
def bench(tmp_path: Path) -> OpenBench:
    return partial(opened, tmp_path, hyperparameters=THREE_EPOCHS)


def test_a_bin_says_how_often_it_was_right_and_how_sure_it_was() -> None:
    confidences = np.array([0.5] * 4 + [0.9] * 1000)
    right = np.array([True] * 4 + [True] * 500 + [False] * 500)
    heading, first, *empty, last = reliability_lines(calibration(confidences, right, 5))
    assert heading.split() == ["confidence", "right", "samples"]
    # All right, half sure: the bar goes far beyond the mark.
    assert first == " 40 -  60 %  ██████████│█████████  100.0 %        4"
    assert [line.split() for line in empty] == [["60", "-", "80", "%", "0"]]
    assert last == " 80 - 100 %  ██████████       │     50.0 %    1 000"
    assert {cell_len(line) for line in (heading, first, *empty, last)} == {len(first)}


def test_no_number_is_no_diagram() -> None:
    found = calibration(np.full(3, np.nan), np.zeros(3, np.bool_))
    assert reliability_lines(found) == ["No confidence is a number."]


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (80, "0: 0.5000  1: 0.0250  2: nan"),
        (20, "… 1: 0.0250  2: nan"),
        (5, "… 2: nan"),
    ],
)
def test_the_last_errors_that_fit(width: int, text: str) -> None:
    assert epochs_text([(0, 0.5), (1, 0.025), (2, float("nan"))], width) == text
    assert epochs_text([], width) == ""


@pytest.mark.parametrize("size", SIZES)
async def test_it_shows_each_epoch_of_the_run(bench: OpenBench, size: tuple[int, int]) -> None:
    async with bench(size) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        await lab.press("C")
        await lab.until(lambda: isinstance(lab.app.screen, CalibrationDialog))
        text = lab.text()
        assert "Calibration · run 1 · epoch 3" in text
        assert " 80 -  87 %" in text
        # The scripted model is right in two thirds, with a confidence of e^4 / (e^4 + 9).
        assert "66.7 %" in text
        assert f"calibration error {np.exp(4) / (np.exp(4) + 9) - 2 / 3:.4f};" in text
        # The confidences of earlier epochs are kept as float16.
        assert "0: 0.1917  1: 0.1917  2: 0.1917  3: 0.1918" in text
        await lab.press("[", "[")
        assert "epoch 1" in lab.text()
        await lab.press("]")
        assert "epoch 2" in lab.text()
        await lab.press("]", "]", "]")
        assert "epoch 3" in lab.text()
        await lab.press("escape")
        assert isinstance(lab.app.screen, MistakesScreen)


async def test_without_a_run_there_is_nothing_to_show(bench: OpenBench) -> None:
    async with bench() as lab:
        await lab.pilot.press("2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        await lab.press("C")
        assert isinstance(lab.app.screen, MistakesScreen)
