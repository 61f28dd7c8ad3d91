"""Why a digit was misread, among the mistakes: the cycle of W, its sentences and its search."""

import threading
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.app_harness import AppHarness, opened
from helpers.asked_network import blocks
from helpers.lab import SIZES
from helpers.scripted import ScriptedRuns
from mnist_core.network.pixel_function import Images, PixelFunction
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_tui.lab.state import State
from mnist_tui.mistakes.explanation import Explanation, Map, Nearby, Why
from mnist_tui.mistakes.gallery import Gallery
from mnist_tui.mistakes.mistakes_screen import MistakesScreen
from mnist_tui.mistakes.sample_view import SampleView

RECIPE = make_hyperparameters({"epochs": 3, "hidden_sizes": "16,12"})


def open_lab(
    folder: Path, size: tuple[int, int] = (120, 40), recipe: Hyperparameters = RECIPE
) -> AbstractAsyncContextManager[AppHarness]:
    weights = partial(blocks, hidden=tuple(recipe.hidden_sizes))
    return opened(folder, size, hyperparameters=recipe, runs=ScriptedRuns(weights=weights))


async def mistakes(lab: AppHarness, recipe: Hyperparameters = RECIPE) -> MistakesScreen:
    lab.session.train(recipe)
    await lab.until_state(State.COMPLETED)
    await lab.pilot.press("2")
    await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
    await lab.pilot.pause()
    screen = lab.app.screen
    assert isinstance(screen, MistakesScreen)
    return screen


def explained(screen: MistakesScreen) -> Explanation:
    found = screen.query_one(SampleView)._explanation
    assert found is not None
    return found


def title(screen: MistakesScreen) -> str:
    return str(screen.query_one(SampleView).border_title)


async def nearest(lab: AppHarness, screen: MistakesScreen) -> Nearby:
    """What the search has found, once it has."""
    await lab.until(lambda: isinstance(explained(screen).shown, Nearby))
    shown = explained(screen).shown
    assert isinstance(shown, Nearby)
    return shown


def recounted(lab: AppHarness, index: int, epoch: int = 3) -> NDArray[np.float64]:
    """Distances of the training examples to a test sample, the nearest first."""
    dataset = lab.session.data.dataset
    assert dataset is not None
    function = PixelFunction(blocks(epoch), RECIPE, dataset)
    own = function.last_hidden(dataset.test.images[index : index + 1])
    away = function.last_hidden(dataset.train.images).astype(np.float64) - own
    return np.sort(np.sqrt((away**2).sum(axis=1)))[:12]


@pytest.mark.parametrize("size", SIZES)
async def test_the_key_goes_round(tmp_path: Path, size: tuple[int, int]) -> None:
    async with open_lab(tmp_path, size) as lab:
        screen = await mistakes(lab)
        index = screen.query_one(Gallery).current
        assert index is not None
        assert title(screen) == f"Sample {index} · run 1"
        for why in (Why.GRADIENT, Why.OCCLUSION, Why.CHANGE):
            await lab.pilot.press("W")
            assert title(screen) == f"Sample {index} · run 1 · {why}"
            found = explained(screen)
            assert found.why is why
            assert isinstance(found.shown, Map)
            assert np.abs(found.shown.amounts).max() == pytest.approx(1)
            assert found.text.split()[0] in lab.text()
        await lab.pilot.press("W")
        assert title(screen).endswith("nearest")
        near = await nearest(lab, screen)
        np.testing.assert_allclose(near.distances, recounted(lab, index), atol=1e-6)
        await lab.until(lambda: "The nearest of" in lab.text())
        assert "(12 units)" in explained(screen).text
        await lab.pilot.press("W")
        assert title(screen) == f"Sample {index} · run 1"
        assert screen.query_one(SampleView)._explanation is None


async def test_what_is_shown_follows_the_sample_and_the_epoch(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        screen = await mistakes(lab)
        await lab.pilot.press("W")
        before = explained(screen)
        await lab.pilot.press("right")
        assert explained(screen).why is Why.GRADIENT
        assert explained(screen) is not before
        await lab.pilot.press("left_square_bracket")
        await lab.until(lambda: "not kept" in explained(screen).text)
        assert "The weights of epoch 2 are not kept." in " ".join(explained(screen).text.split())
        await lab.pilot.press("right_square_bracket")
        await lab.until(lambda: explained(screen).shown is not None)


@pytest.mark.parametrize("stored", [True, False])
async def test_without_weights_it_says_so(
    stored: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, hyperparameters=RECIPE) as lab:
        screen = await mistakes(lab)
        if not stored:
            monkeypatch.setattr(lab.store, "model_epochs", lambda _run_id: [])
        words = "The saved weights are of" if stored else "not kept, nor are any others"
        for _ in range(4):
            await lab.pilot.press("W")
            assert words in explained(screen).text
            assert explained(screen).shown is None
        assert lab.session.neighbours._thread is None


async def test_while_a_run_trains_its_last_epoch_is_asked(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        lab.runs.gate.clear()
        lab.session.train(RECIPE)
        await lab.until(lambda: lab.session.progress is not None)
        progress = lab.session.progress
        assert progress is not None
        await lab.until(lambda: 1 in progress.history.epochs)
        await lab.pilot.press("2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        await lab.pilot.pause()
        screen = lab.app.screen
        assert isinstance(screen, MistakesScreen)
        await lab.pilot.press("W")
        first = explained(screen)
        assert isinstance(first.shown, Map)
        lab.runs.gate.set()
        await lab.until_state(State.COMPLETED)
        await lab.until(lambda: explained(screen) is not first)
        latest = explained(screen).shown
        assert isinstance(latest, Map)
        assert not np.array_equal(latest.amounts, first.shown.amounts)


async def test_without_a_hidden_layer_the_logits_are_compared(tmp_path: Path) -> None:
    recipe = make_hyperparameters({"epochs": 3, "hidden_sizes": ""})
    async with open_lab(tmp_path, recipe=recipe) as lab:
        screen = await mistakes(lab, recipe)
        await lab.pilot.press(*"WWWW")
        await nearest(lab, screen)
        assert "in the logits, since there is no hidden layer" in explained(screen).text


async def test_the_key_is_there_where_a_model_has_answered(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        await lab.pilot.press("2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        await lab.pilot.pause()
        assert "Why" not in lab.commands()
        await lab.pilot.press("1")
        screen = await mistakes(lab)
        assert "Why" in lab.commands()
        await lab.pilot.press("W", "T")
        await lab.until(lambda: "Why" not in lab.commands())
        assert screen.query_one(SampleView)._explanation is None
        await lab.pilot.press("T")
        await lab.until(lambda: "Why" in lab.commands())
        await lab.until(lambda: title(screen).endswith("gradient"))


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """What the search waits for before it looks at the training examples."""
    opened_gate = threading.Event()
    whole = PixelFunction.last_hidden

    def waiting(function: PixelFunction, images: Images) -> NDArray[np.float32]:
        if threading.current_thread().name == "neighbours" and len(images) > 1:
            assert opened_gate.wait(60)
        return whole(function, images)

    monkeypatch.setattr(PixelFunction, "last_hidden", waiting)
    return opened_gate


async def test_an_answer_for_a_sample_that_was_left_is_dropped(
    tmp_path: Path, gate: threading.Event
) -> None:
    async with open_lab(tmp_path) as lab:
        screen = await mistakes(lab)
        await lab.pilot.press(*"WWWW")
        assert explained(screen).text == "Looking through 40 training samples…"
        await lab.pilot.press("right")
        index = screen.query_one(Gallery).current
        assert index is not None
        gate.set()
        found = await nearest(lab, screen)
        np.testing.assert_allclose(found.distances, recounted(lab, index), atol=1e-6)


async def test_an_answer_for_an_epoch_or_a_run_that_was_left_is_dropped(
    tmp_path: Path, gate: threading.Event
) -> None:
    async with open_lab(tmp_path) as lab:
        screen = await mistakes(lab)
        await lab.pilot.press(*"WWWW")
        await lab.pilot.press("left_square_bracket")
        await lab.until(lambda: "not kept" in explained(screen).text)
        assert lab.session.neighbours._question is None
        gate.set()
        await lab.pilot.pause(0.2)
        assert explained(screen).shown is None
        gate.clear()
        await lab.pilot.press("right_square_bracket")
        await lab.until(lambda: explained(screen).text.startswith("Looking through"))
        # Another run has other weights, and its last epoch is another one.
        lab.session.train(make_hyperparameters({"epochs": 2, "hidden_sizes": "16,12"}))
        await lab.until_state(State.COMPLETED)
        await lab.until(lambda: "run 2" in title(screen))
        gate.set()
        index = screen.query_one(Gallery).current
        assert index is not None
        expected = recounted(lab, index, epoch=2)

        def is_of_this_run() -> bool:
            shown = explained(screen).shown
            return isinstance(shown, Nearby) and np.allclose(shown.distances, expected, atol=1e-6)

        await lab.until(is_of_this_run)


async def test_the_search_ends_with_the_visit_and_its_thread_with_the_session(
    tmp_path: Path,
) -> None:
    async with open_lab(tmp_path) as lab:
        screen = await mistakes(lab)
        before = {path: path.stat().st_size for path in (tmp_path / "home").rglob("*")}
        await lab.pilot.press(*"WWWW")
        await nearest(lab, screen)
        after = {path: path.stat().st_size for path in (tmp_path / "home").rglob("*")}
        assert after == before
        search = lab.session.neighbours
        assert search._activations is not None
        thread = search._thread
        assert thread is not None
        await lab.pilot.press("1")
        assert search._activations is None
        await lab.pilot.press("2")
        await nearest(lab, screen)
        await lab.pilot.press("W")
        assert search._activations is None
        assert search._thread is thread
    assert not thread.is_alive()
