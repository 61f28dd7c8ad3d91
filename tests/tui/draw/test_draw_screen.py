"""The drawing screen with scripted models: by keys, by mouse, live, and from the store."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from textual import events
from textual.geometry import Offset

from helpers.app_harness import AppHarness, opened
from helpers.graphics import KITTY, PLACEHOLDER
from helpers.scripted import ScriptedRuns, digits, loaded
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_tui.draw.canvas import Canvas, Tool
from mnist_tui.draw.draw_screen import DrawScreen
from mnist_tui.draw.reading import SeenDigit
from mnist_tui.lab.state import State
from mnist_tui.mistakes.mistakes_screen import MistakesScreen
from mnist_tui.settings.config import Config, ConfigFile
from mnist_tui.train.train_screen import TrainScreen
from mnist_tui.ui.class_bars import ClassBars
from mnist_tui.ui.drawn_widget import DrawnWidget

OpenBench = Callable[..., AbstractAsyncContextManager[AppHarness]]
LINEAR = make_hyperparameters({"epochs": 3, "hidden_sizes": ""})


def sure_of_its_epoch(epoch: int) -> tuple[NDArray[np.float32], ...]:
    """A model that takes everything for the class with the number of its epoch."""
    bias = np.zeros(10, np.float32)
    bias[epoch] = 4
    return np.zeros((784, 10), np.float32), bias


def sides(_epoch: int) -> tuple[NDArray[np.float32], ...]:
    """A model that says 1 of a drawing higher than wide, and 7 of one wider than high."""
    weight = np.zeros((28, 28, 10), np.float32)
    weight[:8, 10:18, 1] = weight[20:, 10:18, 1] = 1
    weight[10:18, :8, 7] = weight[10:18, 20:, 7] = 1
    return weight.reshape(784, 10), np.zeros(10, np.float32)


@pytest.fixture
def bench(tmp_path: Path) -> OpenBench:
    runs = ScriptedRuns(weights=sides)
    half_blocks = ConfigFile(tmp_path / "config.toml", Config(digits="half-block"))
    return partial(opened, tmp_path, config=half_blocks, hyperparameters=LINEAR, runs=runs)


async def drawing(lab: AppHarness, *, trained: bool = True) -> DrawScreen:
    """Train to the end, and go to the canvas."""
    if trained:
        lab.session.train(LINEAR)
        await lab.until_state(State.COMPLETED)
    return await shown(lab)


async def shown(lab: AppHarness) -> DrawScreen:
    await lab.pilot.press("d")
    await lab.until(lambda: isinstance(lab.app.screen, DrawScreen))
    await lab.pilot.pause()
    screen = lab.app.screen
    assert isinstance(screen, DrawScreen)
    return screen


def tool_of(screen: DrawScreen) -> Tool:
    return canvas_of(screen).tool


def canvas_of(screen: DrawScreen) -> Canvas:
    return screen.query_one(Canvas)


def best(screen: DrawScreen) -> int | None:
    return screen.query_one(ClassBars).marked


def title(screen: DrawScreen) -> str:
    return str(screen.query_one(ClassBars).border_title)


async def drag(
    lab: AppHarness, *cells: tuple[int, int], button: int = 1, shift: bool = False
) -> None:
    """Press the button at the first cell of the canvas, and move quickly to the others."""
    canvas = lab.app.screen.query_one(Canvas)
    corner = canvas.content_region.offset
    within = canvas.gutter.top_left

    def mouse(kind: type[events.MouseEvent], cell: tuple[int, int]) -> None:
        at, on_screen = Offset(*cell) + within, Offset(*cell) + corner
        canvas.post_message(
            kind(canvas, at.x, at.y, 0, 0, button, shift, False, False, screen_x=on_screen.x,
                 screen_y=on_screen.y)
        )  # fmt: skip

    mouse(events.MouseDown, cells[0])
    for cell in cells[1:]:
        mouse(events.MouseMove, cell)
    mouse(events.MouseUp, cells[-1])
    await lab.pilot.pause()


async def test_kitty_shows_what_the_network_sees_and_the_canvas_stays_in_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORTERM", "truecolor")
    pixels = ConfigFile(tmp_path / "config.toml", Config(digits="pixels"))
    async with opened(tmp_path, config=pixels, graphics=KITTY) as lab:
        screen = await shown(lab)

        def drawn(widget: DrawnWidget) -> str:
            return "".join(widget.render_line(y).text for y in range(widget.size.height))

        assert PLACEHOLDER in drawn(screen.query_one(SeenDigit))
        assert PLACEHOLDER not in drawn(canvas_of(screen))
        assert "▀" in drawn(canvas_of(screen))


async def test_keys_draw_and_the_model_answers_at_each_step(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await drawing(lab)
        canvas = canvas_of(screen)
        assert lab.app.focused is canvas
        assert "Draw with the left mouse button" in lab.text()
        await lab.pilot.press("up", "up", "up", "k")
        assert canvas.cursor == (14, 10)
        assert canvas.drawing.is_blank
        await lab.pilot.press("space", "down", "down", "j", "j", "j", "j")
        assert tool_of(screen) is Tool.PEN
        assert (canvas.drawing.ink[10:17, 14] > 200).all()
        assert best(screen) == 1
        assert "▸ 1 " in lab.text()
        await lab.pilot.press("space", "h", "left", "right", "l", "l")
        assert tool_of(screen) is Tool.NONE
        assert canvas.drawing.ink[:, 18:].max() == 0


async def test_the_cursor_stays_on_the_canvas(bench: OpenBench) -> None:
    async with bench() as lab:
        canvas = canvas_of(await drawing(lab, trained=False))
        await lab.pilot.press(*["right"] * 30, *["down"] * 30)
        assert canvas.cursor == (27, 27)
        await lab.pilot.press(*["left"] * 30, *["up"] * 30)
        assert canvas.cursor == (0, 0)


async def test_the_eraser_undo_and_clear(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await drawing(lab)
        canvas = canvas_of(screen)
        assert "Undo" not in lab.footer()
        assert "Clear" not in lab.footer()
        await lab.pilot.press("space", *["right"] * 6, "space")
        line = canvas.drawing.ink
        assert "Undo" in lab.footer()
        await lab.pilot.press("x", *["left"] * 6)
        assert tool_of(screen) is Tool.ERASER
        assert canvas.drawing.is_blank
        assert best(screen) is None
        await lab.pilot.press("u")
        assert tool_of(screen) is Tool.NONE
        np.testing.assert_array_equal(canvas.drawing.ink, line)
        await lab.pilot.press("c")
        assert canvas.drawing.is_blank
        await lab.pilot.press("u")
        np.testing.assert_array_equal(canvas.drawing.ink, line)
        await lab.pilot.press("u")
        assert canvas.drawing.is_blank
        assert "Undo" not in lab.footer()
        await lab.pilot.press("backspace")
        assert tool_of(screen) is Tool.ERASER


async def test_the_left_button_draws_quick_strokes_without_holes(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await drawing(lab)
        canvas = canvas_of(screen)
        assert canvas.size == (56, 28)
        await drag(lab, (8, 13), (46, 13))
        assert (canvas.drawing.ink[13, 4:23] > 100).all()
        assert best(screen) == 7
        assert canvas.drawing.ink[:9].max() == canvas.drawing.ink[18:].max() == 0


@pytest.mark.parametrize(("button", "shift"), [(3, False), (1, True)])
async def test_the_right_button_or_shift_erases(button: int, shift: bool, bench: OpenBench) -> None:
    async with bench() as lab:
        canvas = canvas_of(await drawing(lab))
        await drag(lab, (8, 13), (46, 13))
        await drag(lab, (24, 5), (24, 22), button=button, shift=shift)
        assert canvas.drawing.ink[13, 12] == 0
        assert canvas.drawing.ink[13, 5] > 100
        await lab.pilot.press("u")
        assert canvas.drawing.ink[13, 12] > 100


async def test_the_middle_button_and_a_move_without_one_do_nothing(bench: OpenBench) -> None:
    async with bench() as lab:
        canvas = canvas_of(await drawing(lab))
        await drag(lab, (8, 13), (46, 13), button=2)
        assert canvas.drawing.is_blank
        await lab.pilot.hover(Canvas, (20, 10))
        assert canvas.drawing.is_blank


async def test_a_stroke_may_leave_the_canvas_and_come_back(bench: OpenBench) -> None:
    async with bench() as lab:
        canvas = canvas_of(await drawing(lab))
        await drag(lab, (40, 13), (80, 13), (80, 35), (40, 24))
        assert canvas.drawing.ink[13, 27] > 100
        assert canvas.drawing.ink[24, 20] > 100


async def test_a_click_with_pilot_leaves_a_dot_under_the_pointer(bench: OpenBench) -> None:
    async with bench() as lab:
        canvas = canvas_of(await drawing(lab))
        await lab.pilot.click(Canvas, offset=(1 + 20, 1 + 6))
        assert canvas.drawing.ink[6, 10] > 200
        assert canvas.drawing.ink[12:].max() == 0


async def test_the_network_sees_the_digit_centred_and_scaled(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await drawing(lab)
        await drag(lab, (4, 2), (4, 10))
        seen = screen.query_one(SeenDigit).ink
        rows = np.flatnonzero(seen.any(axis=1))
        assert (rows[0], rows[-1]) == (4, 23)
        assert canvas_of(screen).drawing.ink[12:].max() == 0
        assert "Scaled to fit into 20 x 20 pixels" in lab.text()


async def test_it_says_whose_answers_they_are(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await drawing(lab)
        assert title(screen) == "run 1 · after epoch 3"


async def test_without_a_model_it_says_how_to_get_one(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await drawing(lab, trained=False)
        await lab.pilot.press("space", "right")
        assert not canvas_of(screen).drawing.is_blank
        assert screen.query_one(SeenDigit).ink.any()
        assert best(screen) is None
        assert "A model has to be trained before it can read" in lab.text()
        words = " ".join(lab.text().replace("│", " ").split())
        assert "then r, to train one; or 3 to open a run that is kept." in words


async def test_a_run_that_has_no_weights_yet_is_waited_for(bench: OpenBench) -> None:
    async with bench() as lab:
        lab.runs.weights = lambda _epoch: ()
        lab.runs.gate.clear()
        lab.session.train(LINEAR)
        await lab.until(lambda: lab.session.progress is not None and lab.session.progress.epoch
                        is not None)  # fmt: skip
        await shown(lab)
        await lab.pilot.press("space")
        assert "The model appears here with the first epoch." in lab.text()


async def test_the_answers_follow_the_model_as_it_trains(bench: OpenBench) -> None:
    async with bench() as lab:
        lab.runs.weights = sure_of_its_epoch
        lab.runs.gate.clear()
        lab.session.train(LINEAR)
        await lab.until(lambda: lab.session.progress is not None and bool(lab.session.progress.epoch
                        and lab.session.progress.epoch.epoch == 1))  # fmt: skip
        screen = await shown(lab)
        await lab.pilot.press("space", "right")
        assert best(screen) == 1
        assert title(screen) == "run 1 · epoch 1, training"
        lab.runs.gate.set()
        await lab.until(lambda: best(screen) == 3)
        await lab.until(lambda: " after " in title(screen))
        assert title(screen) == "run 1 · after epoch 3"
        assert not canvas_of(screen).drawing.is_blank


async def test_a_stored_run_answers_after_the_app_is_opened_again(bench: OpenBench) -> None:
    async with bench() as lab:
        lab.session.train(LINEAR)
        await lab.until_state(State.COMPLETED)
    async with bench() as lab:
        (record,) = lab.store.runs()
        lab.session.show_stored(record.id)
        screen = await shown(lab)
        await lab.pilot.press("space", *["down"] * 6)
        assert title(screen) == "run 1 · after epoch 3"
        assert best(screen) == 1


async def test_weights_that_are_gone_are_told_of(bench: OpenBench, tmp_path: Path) -> None:
    async with bench() as lab:
        lab.session.train(LINEAR)
        await lab.until_state(State.COMPLETED)
    weights = list((tmp_path / "home").rglob("*.safetensors"))
    assert weights
    for file in weights:
        file.unlink()
    async with bench() as lab:
        (record,) = lab.store.runs()
        lab.session.show_stored(record.id)
        await shown(lab)
        assert "are not kept" in lab.text()


async def test_weights_that_are_not_finite_have_no_answer(bench: OpenBench) -> None:
    async with bench() as lab:
        lab.runs.weights = lambda _epoch: (
            np.full((784, 10), np.nan, np.float32), np.zeros(10, np.float32)
        )  # fmt: skip
        screen = await drawing(lab)
        await lab.pilot.press("space", "right")
        assert best(screen) is None
        assert "no longer finite numbers" in lab.text()


async def test_d_and_escape_go_back_to_where_one_was(bench: OpenBench) -> None:
    async with bench() as lab:
        await drawing(lab)
        await lab.pilot.press("space", "escape")
        await lab.until(lambda: isinstance(lab.app.screen, TrainScreen))
        await lab.pilot.press("2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        screen = await shown(lab)
        assert not canvas_of(screen).drawing.is_blank
        assert "Mistakes" in lab.footer()
        await lab.pilot.press("d", "d")
        await lab.until(lambda: isinstance(lab.app.screen, DrawScreen))
        await lab.pilot.press("2")
        await lab.until(lambda: isinstance(lab.app.screen, MistakesScreen))
        assert len(lab.app.screen_stack) == 2
        await shown(lab)
        await lab.pilot.press("3", "d", "1")
        await lab.until(lambda: isinstance(lab.app.screen, TrainScreen))
        assert len(lab.app.screen_stack) == 1


async def test_digits_are_drawn_in_three_styles(bench: OpenBench) -> None:
    async with bench() as lab:
        await drawing(lab)
        await drag(lab, (8, 13), (46, 13))
        assert "▀" in lab.text()
        await lab.pilot.press("v")
        assert "⣿" in lab.text()
        await lab.pilot.press("v")
        assert "@@@@" in lab.text()
        await lab.pilot.press("v")
        assert "▀" in lab.text()


async def test_without_colour_it_is_drawn_by_characters(
    bench: OpenBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with bench() as lab:
        await drawing(lab)
        await lab.pilot.press("space", *["right"] * 5)
        assert "@@@@" in lab.text()
        assert "●" in lab.text()
        assert "▀" not in lab.text()


def fashion(names: tuple[str, ...]) -> Dataset:
    """24 x 20 pixels, dark on light."""
    plain = digits(names)
    images = np.ascontiguousarray(255 - plain.train.images[:, 2:26, 4:24])
    train = Examples(images, plain.train.labels)
    return replace(plain, train=train, test=train[:30])


async def test_other_sizes_names_and_dark_ink(bench: OpenBench) -> None:
    names = ("[red]coat", "shirt\x1b[2J", *(f"class {k}" for k in range(10)))
    seen: list[NDArray[np.float32]] = []

    def reads_dark(_epoch: int) -> tuple[NDArray[np.float32], ...]:
        weight = np.zeros((480, 12), np.float32)
        # White paper is 255 everywhere, so ink makes class 0 less likely.
        weight[:, 0] = 1
        bias = np.zeros(12, np.float32)
        bias[1] = 479.5
        seen.append(weight)
        return weight, bias

    async with bench(loader=loaded(fashion(names))) as lab:
        lab.runs.weights = reads_dark
        screen = await drawing(lab)
        assert canvas_of(screen).drawing.shape == (24, 20)
        await lab.pilot.press("space", "right", "right")
        assert best(screen) == 1
        assert "▸ shirt␛[2J" in lab.text()
        assert "[red]coat" in lab.text()


@pytest.mark.parametrize(
    ("size", "theme"),
    [
        ((60, 20), "laboratory-dark"),
        ((80, 24), "laboratory-light"),
        pytest.param((120, 40), "nord", marks=pytest.mark.soak),
        pytest.param((200, 60), "laboratory-light", marks=pytest.mark.soak),
    ],
)
async def test_all_is_seen_at_every_size(
    size: tuple[int, int], theme: str, bench: OpenBench
) -> None:
    async with bench(size=size) as lab:
        lab.app.theme = theme
        screen = await drawing(lab)
        canvas = canvas_of(screen)
        assert canvas.size.width % 28 == 0
        assert canvas.size.height * 2 == canvas.size.width
        await lab.pilot.press("space", *["down"] * 6)
        text = lab.text()
        assert "▸ 1 " in text
        assert all(f"   {k} " in text for k in range(10) if k != 1)
        assert screen.query_one(SeenDigit).size.height >= 5
        ink = {cell for strip in rendered(canvas) for cell in strip}
        assert len(ink) > 2


def rendered(canvas: Canvas) -> Iterator[set[str]]:
    """The colours of each line of the canvas."""
    for y in range(canvas.size.height):
        yield {str(segment.style) for segment in canvas.render_line(y)}
