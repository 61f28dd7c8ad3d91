"""The mistakes screen with scripted runs: by keys, by mouse, live, and with other data."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from helpers.app_harness import AppHarness, opened
from helpers.lab import SIZES
from helpers.scripted import ScriptedLoader, digits, loaded
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_tui.lab.state import State
from mnist_tui.mistakes.confused_pairs import ConfusedPairs
from mnist_tui.mistakes.confusion_matrix import ConfusionMatrix
from mnist_tui.mistakes.gallery import Gallery
from mnist_tui.mistakes.mistakes_screen import MistakesScreen
from mnist_tui.mistakes.sample_view import SampleView
from mnist_tui.train.sample_grid import SampleGrid

OpenBench = Callable[..., AbstractAsyncContextManager[AppHarness]]
THREE_EPOCHS = make_hyperparameters({"epochs": 3})


@pytest.fixture
def bench(tmp_path: Path) -> OpenBench:
    return partial(opened, tmp_path, hyperparameters=THREE_EPOCHS)


async def trained(lab: AppHarness) -> MistakesScreen:
    """Train to the end, and go to the mistakes."""
    lab.session.train(THREE_EPOCHS)
    await lab.until_state(State.COMPLETED)
    return await shown(lab)


async def shown(lab: AppHarness) -> MistakesScreen:
    await lab.pilot.press("2")
    await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
    await lab.pilot.pause()
    screen = lab.app.screen
    assert isinstance(screen, MistakesScreen)
    return screen


def title(screen: MistakesScreen) -> str:
    return str(screen.query_one(Gallery).border_title)


def order(screen: MistakesScreen) -> str:
    return str(screen.query_one(Gallery).border_subtitle)


# The scripted model takes every third of 30 samples, 0 to 29, for the class after its own.
WRONG = list(range(0, 30, 3))


async def test_the_wrong_ones_are_shown_with_the_matrix(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        assert title(screen) == "Wrong · 10 of 30 test · epoch 3"
        assert order(screen) == "by loss"
        assert "66.67 % right" in str(screen.query_one(ConfusionMatrix).border_title)
        assert "Sample 0" in lab.text()
        assert screen.query_one(Gallery).current == 0


async def test_a_cell_shows_its_samples_and_escape_all_mistakes(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        matrix = screen.query_one(ConfusionMatrix)
        matrix.focus()
        matrix.post_message(ConfusionMatrix.Chosen(3, 4))
        await lab.until(lambda: "3 as 4" in title(screen))
        assert title(screen) == "Wrong · 3 as 4 · 1 of 30 test · epoch 3"
        assert screen.query_one(Gallery).current == 3
        assert lab.focused() is screen.query_one(Gallery)
        assert matrix.selected == (3, 4)
        await lab.pilot.press("escape")
        assert title(screen).startswith("Wrong · 10 of 30")
        assert matrix.selected is None


async def test_the_diagonal_shows_what_is_right(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        screen.query_one(ConfusionMatrix).post_message(ConfusionMatrix.Chosen(1, 1))
        await lab.until(lambda: "1 as 1" in title(screen))
        assert title(screen).startswith("All · 1 as 1 · 2 of 30")


async def test_a_confused_pair_shows_its_samples(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        screen.query_one(ConfusedPairs).post_message(ConfusedPairs.Chosen(6, 7))
        await lab.until(lambda: "6 as 7" in title(screen))
        assert screen.query_one(ConfusionMatrix).selected == (6, 7)


async def test_the_pairs_are_stepped_through_from_the_most_confused_one(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        pairs = screen.query_one(ConfusedPairs)
        # Each is confused once, so that they stand in the order of the classes.
        classes = [f"{true} as {(true + 1) % 10}" for true in range(10)]
        for key, expected in zip("nnNN", (0, 1, 0, 0), strict=True):
            await lab.pilot.press(key)
            assert f" {classes[expected]} " in title(screen)
            assert pairs.highlighted == expected
            assert lab.focused() is screen.query_one(Gallery)
        await lab.pilot.press(*"nnnnnnnnnnn")
        assert f" {classes[-1]} " in title(screen)
        await lab.pilot.press("escape", "n")
        assert f" {classes[0]} " in title(screen)


async def test_from_the_charts_a_pair_of_classes_takes_three_keys(bench: OpenBench) -> None:
    async with bench() as lab:
        lab.session.train(THREE_EPOCHS)
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("slash", "6", "7")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        screen = lab.app.screen
        assert isinstance(screen, MistakesScreen)
        assert title(screen).startswith("Wrong · 1 of 30")
        assert screen.query_one(Gallery).current == 6


async def test_the_filter_is_applied_while_it_is_typed(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        await lab.pilot.press("slash", *"true:6")
        assert title(screen).startswith("Wrong · 1 of 30")
        for typed in ("6", "6>", "6>7", "67"):
            await lab.pilot.press("ctrl+u", *typed)
            assert "cannot be understood" not in lab.text(), typed
            assert title(screen).endswith(typed)
        await lab.pilot.press("ctrl+u", *"true:6")
        await lab.pilot.press("space", *"size>2")
        assert "There is nothing called 'size' here" in lab.text()
        assert title(screen).startswith("Wrong · 1 of 30")
        await lab.pilot.press("ctrl+u", *"index:4", "enter")
        assert lab.focused() is screen.query_one(Gallery)
        assert screen.query_one(Gallery).current == 4
        await lab.pilot.press("escape")
        assert title(screen).startswith("Wrong · 10 of 30")


async def test_kinds_and_orders_have_keys(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        await lab.pilot.press("w")
        assert "a  all" in lab.text()
        assert "right here, wrong there" not in lab.text(), "there is no other run"
        await lab.pilot.press("a")
        assert title(screen).startswith("All · 30 of 30")
        await lab.pilot.press("w", "f")
        assert title(screen).startswith("Fixed since epoch 0 · 0 of 30")
        assert "No sample is fixed." in lab.text()
        await lab.pilot.press("w", "down", "down", "enter")
        assert title(screen).startswith("Always wrong since epoch 0 · 10 of 30")
        await lab.pilot.press("w", "escape")
        assert title(screen).startswith("Always wrong since epoch 0 · 10 of 30")
        await lab.pilot.press("w", "w")
        assert title(screen).startswith("Wrong · 10 of 30")
        await lab.pilot.press("o", "i")
        assert order(screen) == "by index"
        await lab.pilot.press("o", "i")
        assert order(screen) == "by index reversed", "the one that is on turns round"
        await lab.pilot.press("o", "i")
        assert order(screen) == "by index"
        await lab.pilot.press("O")
        assert order(screen) == "by index reversed"
        assert screen.query_one(Gallery).current is not None


async def test_another_run_is_compared(bench: OpenBench) -> None:
    async with bench() as lab:
        lab.session.train(THREE_EPOCHS)
        await lab.until_state(State.COMPLETED)
        screen = await trained(lab)
        await lab.pilot.press("w", "g")
        assert title(screen).startswith("Wrong here and there (run 1) · 10 of 30")
        assert "run 1 says 1 in epoch 3." in lab.text()


async def test_the_matrix_of_another_run_is_subtracted(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        assert "Compare" not in lab.footer(), "there is no other run"
        await lab.pilot.press("1")
        lab.session.train(THREE_EPOCHS)
        await lab.until(lambda: lab.session.ghost is not None)
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("2")
        matrix = screen.query_one(ConfusionMatrix)
        await lab.pilot.press("c")
        await lab.until(lambda: "less run 1" in str(matrix.border_title))
        await lab.pilot.press("m")
        await lab.until(lambda: "as many as run 1" in lab.text())
        await lab.pilot.press("c")
        assert "less" not in str(matrix.border_title)
        assert "as many as" not in lab.text()


async def test_a_run_that_was_opened_is_compared_with_the_one_begun_before_it(
    bench: OpenBench,
) -> None:
    async with bench() as lab:
        for _ in range(2):
            lab.session.train(THREE_EPOCHS)
            await lab.until(lambda: lab.session.run is None)
        first, second = reversed(lab.store.runs())
        lab.session.ghost = None
        lab.session.show_stored(second.id)
        screen = await shown(lab)
        await lab.pilot.press("c")
        await lab.until(
            lambda: "run 2 less run 1" in str(screen.query_one(ConfusionMatrix).border_title)
        )
        lab.session.show_stored(first.id)
        await lab.until(lambda: "· run 1 ·" in str(screen.query_one(ConfusionMatrix).border_title))
        assert "less" not in str(screen.query_one(ConfusionMatrix).border_title), "it is the first"


async def test_the_epoch_cursor_moves_matrix_gallery_sample_and_charts(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        assert lab.session.cursor is None
        await lab.pilot.press("left_square_bracket", "left_square_bracket")
        assert title(screen).endswith("epoch 1")
        assert "epoch 1" in str(screen.query_one(ConfusionMatrix).border_title)
        assert lab.session.cursor == 4.0
        assert "Probabilities are kept" in lab.text()
        await lab.pilot.press("right_square_bracket")
        assert title(screen).endswith("epoch 2")


async def test_a_run_under_way_keeps_the_selection(bench: OpenBench) -> None:
    async with bench() as lab:
        lab.runs.gate.clear()
        lab.session.train(THREE_EPOCHS)
        await lab.until(lambda: lab.session.progress is not None
                        and lab.session.progress.history.epochs == [0, 1])  # fmt: skip
        screen = await shown(lab)
        await lab.until(lambda: "epoch 1" in title(screen))
        gallery = screen.query_one(Gallery)
        await lab.pilot.press("o", "i", "right", "right")
        chosen = gallery.current
        assert chosen == WRONG[2]
        lab.runs.gate.set()
        await lab.until(lambda: "epoch 3" in title(screen))
        assert gallery.current == chosen
        assert order(screen) == "by index"


async def test_before_any_run_the_samples_are_there_to_look_at(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await shown(lab)
        assert title(screen) == "Samples · 30 of 30 test"
        assert not screen.query_one(ConfusionMatrix).display or screen.has_class("-unanswered")
        await lab.pilot.press("T")
        assert title(screen) == "Samples · 40 of 40 training"
        await lab.pilot.press("slash", *"class:7", "enter")
        assert title(screen) == "Samples · 4 of 40 training · class:7"


async def test_without_data_it_says_so(bench: OpenBench) -> None:
    async with bench(loader=ScriptedLoader()) as lab:
        screen = await shown(lab)
        assert "Samples appear here once there is data." in lab.text()
        await lab.pilot.press("w", "o", "slash", "escape", "m")
        assert isinstance(lab.app.screen, MistakesScreen)
        assert screen.query_one(SampleView) is not None


async def test_one_class_only(bench: OpenBench) -> None:
    async with bench(loader=loaded(digits(("only",)))) as lab:
        screen = await trained(lab)
        assert "No mistakes: every sample is right." in lab.text()
        await lab.pilot.press("w", "a")
        assert title(screen).startswith("All · 30 of 30")


@pytest.mark.parametrize("classes", [2, 16, 63])
async def test_other_classes_and_pixels(bench: OpenBench, classes: int) -> None:
    images = np.full((126, 50, 50), 240, np.uint8)
    labels = (np.arange(126) % classes).astype(np.uint16)
    images[np.arange(126), 10:30, labels // 2 + 5] = 10
    examples = Examples(images, labels)
    names = tuple(f"class [{number}]" for number in range(classes))
    # Labels in files may have gaps.
    dataset = Dataset("paper", examples, examples, names, tuple(range(0, 10 * classes, 10)))
    async with bench(loader=loaded(dataset)) as lab:
        screen = await trained(lab)
        assert title(screen).startswith("Wrong · 42 of 126")
        assert "class [0]" in lab.text()
        wrong = (labels == 1) & (np.arange(126) % 3 == 0)
        await lab.pilot.press("slash", *"true:1", "enter")
        assert title(screen).startswith(f"Wrong · {wrong.sum()} of 126")


@pytest.mark.parametrize("size", SIZES)
async def test_other_sizes(bench: OpenBench, size: tuple[int, int]) -> None:
    async with bench(size=size) as lab:
        screen = await trained(lab)
        assert "Wrong · 10 of 30" in lab.text()
        await lab.pilot.press("m")
        assert lab.focused() is screen.query_one(ConfusionMatrix)
        assert "Confusion · run 1 · epoch 3" in lab.text()
        await lab.pilot.press("enter")
        assert lab.focused() is screen.query_one(Gallery)


async def test_the_mouse_chooses_cells_pairs_and_samples(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        lines = lab.text().splitlines()

        def place(text: str) -> tuple[int, int]:
            y = next(y for y, line in enumerate(lines) if text in line)
            return lines[y].index(text), y

        x, y = place("▸")  # the pair at the top of the list
        await lab.pilot.click(offset=(x + 2, y))
        await lab.until(lambda: " as " in title(screen))
        assert title(screen).startswith("Wrong · 0 as 1 · 1 of 30")
        await lab.pilot.press("escape")

        gallery = screen.query_one(Gallery)
        first = gallery.current
        region = gallery.region
        await lab.pilot.click(offset=(region.right - 8, region.y + 3))
        await lab.until(lambda: gallery.current != first)
        assert f"Sample {gallery.current}" in lab.text()

        matrix = screen.query_one(ConfusionMatrix)
        header = next(y for y, line in enumerate(lines) if "true ↓" in line)
        column = lines[header].index("4", lines[header].index("true ↓"))
        await lab.pilot.click(offset=(column, header + 1 + 3))  # the row of class 3
        await lab.until(lambda: "3 as 4" in title(screen))
        assert matrix.selected == (3, 4)
        assert gallery.current == 3


@pytest.mark.parametrize("position", [0, 1])
async def test_a_digit_of_the_train_screen_is_looked_at_more_closely(
    bench: OpenBench, position: int
) -> None:
    async with bench() as lab:
        lab.session.train(THREE_EPOCHS)
        await lab.until_state(State.COMPLETED)
        await lab.pilot.pause()
        grid = lab.app.screen.query_one(SampleGrid)
        grid.focus()
        await lab.pilot.press(*["right"] * position, "enter")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        await lab.pilot.pause()
        assert lab.session.progress is not None
        index = int(lab.session.progress.sample_rows[position])
        gallery = lab.app.screen.query_one(Gallery)
        assert gallery.current == index
        assert lab.focused() is gallery
        kind = "Wrong · 10 of 30" if index in WRONG else "All · 30 of 30"
        assert kind in str(gallery.border_title)
