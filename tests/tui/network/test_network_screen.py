"""The network screen with scripted models: by keys, live, at kept epochs, and of any shape."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.app_harness import AppHarness, opened
from helpers.counting import count_calls
from helpers.scripted import ScriptedRuns, digits, loaded
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.export.weights import layer_arrays
from mnist_core.network.parameters import initial_parameters
from mnist_core.network.shape import NetworkShape
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_core.recipe.presets import presets
from mnist_tui.lab.state import State
from mnist_tui.network.network_screen import NetworkScreen
from mnist_tui.network.unit_grid import UnitGrid
from mnist_tui.network.unit_sheet import PictureSheet
from mnist_tui.network.unit_view import UnitView
from mnist_tui.network.units_view import UnitsView
from mnist_tui.settings.config import Config, ConfigFile
from mnist_tui.ui.drawn_widget import DrawnWidget

OpenBench = Callable[..., AbstractAsyncContextManager[AppHarness]]
Weights = tuple[NDArray[np.float32], ...]
DEAD = 3


def recipe(hidden: str = "8,6", epochs: int = 3) -> Hyperparameters:
    return make_hyperparameters({"epochs": epochs, "hidden_sizes": hidden})


def learned(epoch: int, sizes: tuple[int, ...] = (784, 8, 6, 10)) -> Weights:
    """Other weights after each epoch; in the first layer unit 3 is dead, and 5 has the most."""
    parameters = initial_parameters(sizes, 10 + epoch)
    if len(sizes) > 2:
        parameters[0][:, 5] *= 3
        parameters[1][DEAD] = -50
    return parameters


@pytest.fixture
def bench(tmp_path: Path) -> OpenBench:
    half_blocks = ConfigFile(tmp_path / "config.toml", Config(digits="half-block"))
    runs = ScriptedRuns(weights=learned)
    return partial(opened, tmp_path, config=half_blocks, hyperparameters=recipe(), runs=runs)


async def shown(lab: AppHarness) -> NetworkScreen:
    await lab.pilot.press("6")
    await lab.until(lambda: isinstance(lab.app.screen, NetworkScreen))
    screen = lab.app.screen
    assert isinstance(screen, NetworkScreen)
    return screen


async def trained(lab: AppHarness, hyperparameters: Hyperparameters | None = None) -> NetworkScreen:
    """Train to the end, and look at the network once its samples are counted."""
    lab.session.train(hyperparameters or recipe())
    await lab.until_state(State.COMPLETED)
    screen = await shown(lab)
    await counted(lab, screen)
    return screen


async def counted(lab: AppHarness, screen: NetworkScreen) -> UnitsView:
    await lab.until(lambda: screen._view is not None and screen._activity is not None)
    return view_of(screen)


def view_of(screen: NetworkScreen) -> UnitsView:
    assert screen._view is not None
    return screen._view


def unit(screen: NetworkScreen) -> int | None:
    return screen.query_one(UnitGrid).current


def titles(screen: NetworkScreen) -> list[str]:
    grid, one = screen.query_one(UnitGrid), screen.query_one(UnitView)
    shown_titles = (grid.border_title, grid.border_subtitle, one.border_title)
    # Textual gives them as markup.
    return [str(title).replace("\\[", "[") for title in shown_titles]


def drawn(screen: NetworkScreen, kind: type[UnitGrid] | type[UnitView]) -> str:
    widget = screen.query_one(kind)
    return "\n".join(widget.render_line(y).text for y in range(widget.size.height))


# -- what is shown -------------------------------------------------------------------------------


async def test_pictures_are_the_weights_that_are_exported(bench: OpenBench) -> None:
    async with bench() as lab:
        view = view_of(await trained(lab))
        record = lab.store.runs()[0]
        exported = layer_arrays(lab.store.model(record.id), record.hyperparameters)[
            "layers.0.weight"
        ]
        pictures = np.stack([view.picture(unit) for unit in range(8)]).reshape(8, 784)
        within = np.abs(exported) <= view.scale
        assert within.mean() > 0.99
        np.testing.assert_allclose(pictures[within] * view.scale, exported[within], rtol=1e-5)
        assert (np.abs(pictures[~within]) == 1).all()


async def test_it_says_which_layer_and_which_model(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        assert titles(screen) == [
            "Layer 1/2 · 8 units · 1 dead", "by norm", "Unit 5 · run 1 · after epoch 3"
        ]  # fmt: skip
        text = lab.text()
        for words in ("norm ", "bias ", "off for ", "30 test samples", "Weights to layer 2"):
            assert words in text, words
        assert "Excite it most" in text
        assert "Excite it least" in text


async def test_a_dead_unit_is_marked_and_counted(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        assert f"{DEAD} ∅ " in drawn(screen, UnitGrid)
        while unit(screen) != DEAD:
            await lab.pilot.press("right")
        assert "∅ dead: always the same" in lab.text()
        assert "off for 100.0 %" in lab.text()
        await lab.pilot.press("left")
        assert "∅ dead" not in drawn(screen, UnitView)


async def test_without_a_run_it_says_how_to_get_one(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await shown(lab)
        words = " ".join(drawn(screen, UnitGrid).split())
        assert words.startswith("What a network has learned stands here once one is trained. Press")
        assert unit(screen) is None
        await lab.pilot.press("right", "down", "o", "c", "n", "[", "escape", "pagedown", "end")
        assert lab.app.screen is screen


async def test_weights_that_are_not_finite_are_drawn(bench: OpenBench) -> None:
    async with bench() as lab:

        def broken(epoch: int) -> Weights:
            parameters = learned(epoch)
            parameters[0][:, 2] = np.nan
            parameters[0][0, 4] = np.inf
            return parameters

        lab.runs.weights = broken
        screen = await trained(lab)
        await lab.pilot.press("home", "end", "n", "end")
        await counted(lab, screen)
        assert "nan" in lab.text()


# -- moving and sorting --------------------------------------------------------------------------


async def test_units_are_sorted_by_norm_index_and_class(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        first, _, second, _, last, _ = learned(3)
        norms = np.linalg.norm(first, axis=0)
        assert view_of(screen).order.tolist() == np.argsort(-norms).tolist()
        await lab.pilot.press("o", "i")
        assert view_of(screen).order.tolist() == list(range(8))
        assert unit(screen) == 0
        await lab.pilot.press("O")
        assert view_of(screen).order.tolist() == list(range(8))[::-1]
        assert titles(screen)[1] == "by index reversed"
        await lab.pilot.press("O", "c")
        uses = second @ last
        assert view_of(screen).order.tolist() == np.argsort(-uses[:, 0]).tolist()
        await lab.pilot.press("c", "c")
        assert titles(screen)[1] == "by weight to 2"
        assert view_of(screen).order.tolist() == np.argsort(-uses[:, 2]).tolist()
        assert f"{uses[:, 2].max():+.2f}" in drawn(screen, UnitGrid)
        await lab.pilot.press("C", "C", "C")
        assert titles(screen)[1] == "by weight to 9"
        await lab.pilot.press("o", "n")
        assert view_of(screen).order.tolist() == np.argsort(-norms).tolist()


async def test_keys_and_clicks_move_among_units(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        await lab.pilot.press("o", "i")
        across = 3
        await lab.pilot.press("right", "l", "left")
        assert unit(screen) == 1
        await lab.pilot.press("down", "j")
        assert unit(screen) == 1 + 2 * across
        await lab.pilot.press("down")
        assert unit(screen) == 1 + 2 * across
        await lab.pilot.press("k", "up", "up", "h", "h")
        assert unit(screen) == 0
        await lab.pilot.press("end")
        assert unit(screen) == 7
        assert titles(screen)[2].startswith("Unit 7 · ")
        await lab.pilot.click(UnitGrid, offset=(5, 3))
        assert unit(screen) == 0


async def test_a_page_is_turned_where_not_all_have_room(bench: OpenBench) -> None:
    async with bench(size=(80, 24)) as lab:
        lab.runs.weights = partial(learned, sizes=(784, 20, 10))
        screen = await trained(lab, recipe("20"))
        await lab.pilot.press("o", "i")
        assert titles(screen)[1] == "by index · page 1/3"
        await lab.pilot.press("pagedown")
        assert unit(screen) == 9
        assert titles(screen)[1] == "by index · page 2/3"
        assert "▸9 " in drawn(screen, UnitGrid)
        await lab.pilot.press("ctrl+d", "ctrl+u", "pageup", "pageup")
        assert unit(screen) == 0


# -- layers and templates ------------------------------------------------------------------------


async def test_a_later_layer_is_a_heat_map_of_class_means(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        await lab.pilot.press("n")
        view = await counted(lab, screen)
        assert not view.has_pictures
        assert titles(screen)[0].startswith("Layer 2/2 · 6 units")
        first, first_bias, second, second_bias, *_ = learned(3)
        test = digits().test
        hidden = np.maximum(test.images.reshape(30, 784) / 255 @ first + first_bias, 0)
        values = np.maximum(hidden @ second + second_bias, 0)
        expected = np.stack([values[test.labels == label].mean(axis=0) for label in range(10)], 1)
        assert view.means is not None
        np.testing.assert_allclose(view.means, expected, atol=1e-5)
        lines = drawn(screen, UnitGrid).splitlines()
        assert lines[0].split() == list("0123456789")
        shown_means = [float(text) for text in lines[1].split()[-10:]]
        np.testing.assert_allclose(shown_means, expected[unit(screen)], atol=0.051)
        assert "Mean by class" in lab.text()
        assert "Weights to classes" in lab.text()
        await lab.pilot.press("n")
        assert (await counted(lab, screen)).has_pictures


async def test_without_hidden_layers_there_is_a_template_of_each_class(bench: OpenBench) -> None:
    async with bench(hyperparameters=recipe("")) as lab:
        lab.runs.weights = partial(learned, sizes=(784, 10))
        screen = await trained(lab, recipe(""))
        view = view_of(screen)
        assert view.picture(9).shape == (28, 28)
        assert titles(screen)[0] == "Templates · 10 classes"
        assert titles(screen)[2].startswith("Class ")
        assert "off for" not in lab.text()
        assert "dead" not in lab.text()
        assert not {"Class", "Layer"} & lab.commands()
        await lab.pilot.press("o", "i")
        assert [unit(screen), view_of(screen).order.tolist()] == [0, list(range(10))]


async def test_with_sigmoid_no_unit_is_off(bench: OpenBench) -> None:
    async with bench() as lab:
        plain = recipe().model_copy(update={"activation": "sigmoid"})
        screen = await trained(lab, plain)
        assert "sigmoid is never off" in drawn(screen, UnitView)
        assert titles(screen)[0].endswith("1 dead")


# -- as it trains --------------------------------------------------------------------------------


async def test_pictures_follow_the_network_as_it_trains(bench: OpenBench) -> None:
    async with bench() as lab:
        lab.runs.gate.clear()
        lab.session.train(recipe())
        await lab.until(lambda: lab.session.progress is not None and bool(lab.session.progress.epoch
                        and lab.session.progress.epoch.epoch == 1))  # fmt: skip
        screen = await shown(lab)
        before = await counted(lab, screen)
        assert titles(screen)[2].endswith("· run 1 · epoch 1, training")
        np.testing.assert_array_equal(before.model.parameters[0], learned(1)[0])
        await lab.pilot.press("right", "right")
        cursor, picture = unit(screen), drawn(screen, UnitGrid)
        styles = [str(s.style) for s in screen.query_one(UnitGrid).render_line(3)]
        lab.runs.gate.set()
        await lab.until(lambda: titles(screen)[2].endswith("after epoch 3"))
        after = await counted(lab, screen)
        np.testing.assert_array_equal(after.model.parameters[0], learned(3)[0])
        assert unit(screen) == cursor
        assert drawn(screen, UnitGrid) != picture
        assert [str(s.style) for s in screen.query_one(UnitGrid).render_line(3)] != styles


async def test_while_it_trains_units_keep_their_places(
    bench: OpenBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench() as lab:
        lab.runs.gate.clear()
        lab.session.train(recipe())
        await lab.until(lambda: lab.session.progress is not None and bool(lab.session.progress.epoch
                        and lab.session.progress.epoch.epoch == 1))  # fmt: skip
        screen = await shown(lab)
        view = await counted(lab, screen)
        assert lab.session.progress is not None
        shows = count_calls(monkeypatch, UnitGrid, "show")
        lab.session.progress.parameters = learned(2)
        await lab.until(lambda: view_of(screen).model is not view.model)
        assert view_of(screen).order is view.order
        assert view_of(screen).activity is not None
        await lab.until(lambda: view_of(screen).activity is not view.activity)
        assert shows.total() == 1, "drawn once, with what samples say"
        np.testing.assert_array_equal(view_of(screen).model.parameters[0], learned(2)[0])
        await lab.pilot.press("o", "n")
        norms = np.linalg.norm(learned(2)[0], axis=0)
        assert view_of(screen).order.tolist() == np.argsort(-norms).tolist()


async def test_only_what_looks_different_is_painted_as_it_trains(
    bench: OpenBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bench() as lab:
        lab.runs.gate.clear()
        lab.session.train(recipe())
        await lab.until(lambda: lab.session.progress is not None and bool(lab.session.progress.epoch
                        and lab.session.progress.epoch.epoch == 1))  # fmt: skip
        screen = await shown(lab)
        view = await counted(lab, screen)
        await lab.pilot.pause()
        grid, one = screen.query_one(UnitGrid), screen.query_one(UnitView)
        lines = count_calls(monkeypatch, DrawnWidget, "render_line")
        arranged = count_calls(monkeypatch, PictureSheet, "__init__")
        assert lab.session.progress is not None

        async def tell(parameters: Weights) -> tuple[int, int]:
            """How many lines of the page and of the unit are painted for these weights."""
            before = view_of(screen).activity
            lines.clear()
            assert lab.session.progress is not None
            lab.session.progress.parameters = parameters
            await lab.until(lambda: view_of(screen).activity is not before)
            await lab.pilot.pause()
            return lines[grid], lines[one]

        assert await tell(tuple(each.copy() for each in learned(1))) == (0, 0)
        turned = learned(1)
        last = int(view.order[-1])
        # The same weights in another order: neither their scale nor a norm is another.
        turned[0][:, last] = turned[0][::-1, last]
        page, large = await tell(turned)
        assert 4 <= page <= grid.size.height // 2
        assert large == 0
        assert (await tell(learned(2)))[0] > page
        assert arranged.total() == 0, "the page is as it was, and so are the places"


# -- the epoch cursor ----------------------------------------------------------------------------


async def test_the_cursor_shows_epochs_that_are_kept_and_says_which_are_not(
    bench: OpenBench,
) -> None:
    """The scripted run is best in its last epoch, so it alone is kept."""
    async with bench() as lab:
        screen = await trained(lab)
        assert "Latest" not in lab.commands()
        await lab.pilot.press("1", "[", "[", "6")
        assert lab.session.cursor == 8 - 4
        words = " ".join(drawn(screen, UnitGrid).split())
        assert words.startswith("The weights of epoch 1 are not kept. Those of epoch 3 are, since")
        assert unit(screen) is None
        await lab.pilot.press("]")
        view = await counted(lab, screen)
        assert lab.session.cursor == 12
        assert titles(screen)[2].endswith("· run 1 · after epoch 3")
        np.testing.assert_array_equal(view.model.parameters[0], learned(3)[0])
        await lab.pilot.press("]", "[")
        assert lab.session.cursor == 12
        assert "Latest" in lab.commands()
        await lab.pilot.press("escape")
        assert lab.session.cursor is None
        assert unit(screen) == 5


async def test_the_best_epoch_of_a_stored_run_is_shown_beside_its_last(bench: OpenBench) -> None:
    class BestInTheFirst(ScriptedRuns):
        def _epoch(self, dataset, epoch, step):  # type: ignore[no-untyped-def]
            made = super()._epoch(dataset, epoch, step)
            best = replace(made.state, best_epoch=min(epoch, 1))
            return replace(made, state=best)

        def _end(self, *values):  # type: ignore[no-untyped-def]
            made = super()._end(*values)
            return replace(made, state=replace(made.state, best_epoch=1))

    async with bench(runs=BestInTheFirst(weights=learned)) as lab:
        lab.session.train(recipe())
        await lab.until_state(State.COMPLETED)
    async with bench() as lab:
        (record,) = lab.store.runs()
        lab.session.show_stored(record.id)
        screen = await shown(lab)
        view = await counted(lab, screen)
        np.testing.assert_array_equal(view.model.parameters[0], learned(3)[0])
        await lab.pilot.press("c", "c", "[")
        view = await counted(lab, screen)
        assert titles(screen)[1:] == [
            "by weight to 1", f"Unit {unit(screen)} · run 1 · after epoch 1"
        ]  # fmt: skip
        np.testing.assert_array_equal(view.model.parameters[0], learned(1)[0])
        await lab.pilot.press("]")
        assert titles(screen)[2].endswith("after epoch 3")


async def test_weights_that_are_gone_are_told_of(bench: OpenBench, tmp_path: Path) -> None:
    async with bench() as lab:
        lab.session.train(recipe())
        await lab.until_state(State.COMPLETED)
    for file in (tmp_path / "home").rglob("*.safetensors"):
        file.unlink()
    async with bench() as lab:
        lab.session.show_stored(lab.store.runs()[0].id)
        screen = await shown(lab)
        assert "are not kept" in " ".join(drawn(screen, UnitGrid).split())


# -- styles and shapes ---------------------------------------------------------------------------


async def test_without_colour_the_sign_is_a_character(
    bench: OpenBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with bench() as lab:
        screen = await trained(lab)
        assert "▀" not in lab.text()
        assert {"-", "~", "=", "+", "*", "#"} <= set(drawn(screen, UnitView))
        await lab.pilot.press("n")
        await counted(lab, screen)
        assert "Mean by class" in lab.text()


async def test_the_style_of_digits_is_that_of_weights(bench: OpenBench) -> None:
    async with bench() as lab:
        screen = await trained(lab)
        assert "▀▀" in drawn(screen, UnitGrid)
        await lab.pilot.press("v")
        assert "▀" not in drawn(screen, UnitGrid)
        assert {"+", "-"} <= set(drawn(screen, UnitGrid))
        assert "⣿" in drawn(screen, UnitView)
        await lab.pilot.press("v", "v")
        assert "▀▀" in drawn(screen, UnitGrid)


def of_shape(height: int, width: int, names: tuple[str, ...]) -> Dataset:
    plain = digits(names)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (40, height, width)).astype(np.uint8)
    train = Examples(images, plain.train.labels)
    return replace(plain, train=train, test=train[:30])


MANY = ("[red]coat", "shirt\x1b[2J", *(f"class [/] {k}" for k in range(68)))


@pytest.mark.parametrize("size", [(60, 20), (120, 40), (200, 60)])
@pytest.mark.parametrize(
    ("shape", "names"),
    [((24, 20), tuple("0123456789")), ((1, 64), MANY), ((64, 1), MANY), ((40, 40), ("a", "b"))],
)
async def test_images_of_any_size_and_classes_of_any_name(
    shape: tuple[int, int], names: tuple[str, ...], size: tuple[int, int], bench: OpenBench
) -> None:
    pixels, classes = shape[0] * shape[1], len(names)
    async with bench(size=size, loader=loaded(of_shape(*shape, names))) as lab:
        lab.runs.weights = partial(learned, sizes=(pixels, 8, 6, classes))
        screen = await trained(lab)
        view = view_of(screen)
        assert view.picture(7).shape == shape
        assert "Too small" not in lab.text()
        assert f"{unit(screen)}" in drawn(screen, UnitGrid)
        assert "▀" in drawn(screen, UnitView) or shape[0] == 64
        for key in ("c", "c", "n", "c"):
            await lab.pilot.press(key)
            await counted(lab, screen)
        if classes > 10:
            assert titles(screen)[1] == "by weight to class [/] 0"


# -- filters -------------------------------------------------------------------------------------


def learned_filters(epoch: int) -> Weights:
    lenet = presets()["lenet"].hyperparameters
    return initial_parameters(NetworkShape.of(lenet, (28, 28), 10), 10 + epoch)


async def test_filters_are_pictures_with_the_maps_that_they_make(tmp_path: Path) -> None:
    config = ConfigFile(tmp_path / "config.toml", Config(digits="half-block"))
    recipe_ = presets()["lenet"].hyperparameters.model_copy(update={"epochs": 2})
    runs = ScriptedRuns(weights=learned_filters)
    async with opened(
        tmp_path, config=config, hyperparameters=recipe_, runs=runs, size=(160, 50)
    ) as lab:
        screen = await trained(lab, recipe_)
        view = view_of(screen)
        assert view.title.startswith("Layer 1/4 · 6 filters")
        assert view.picture_shape == (5, 5)
        exciting, maps = view.detail(2).samples
        assert maps.title == "Its map of each"
        assert maps.images.shape[1:] == (14, 14)
        assert len(maps.images) == len(exciting.images)
        assert "Its map of each" in drawn(screen, UnitView)

        await lab.pilot.press("n")
        view = await counted(lab, screen)
        assert view.title.startswith("Layer 2/4 · 16 filters")
        assert not view.has_pictures
        assert view.detail(3).samples[1].images.shape[1:] == (5, 5)

        await lab.pilot.press("n")
        view = await counted(lab, screen)
        assert view.title.startswith("Layer 3/4 · 120 units")
        assert [each.title for each in view.detail(3).samples][1] == "Excite it least"
