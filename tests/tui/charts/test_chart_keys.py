"""Keys and mouse on the charts of the train screen, with a scripted run of 8 steps in 2 epochs."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from textual import events

from helpers.app_harness import AppHarness
from helpers.counting import count_calls
from helpers.lab import SIZES
from helpers.read_out import read_out
from helpers.scripted import loaded
from mnist_core.recipe.hyperparameters import make_hyperparameters
from mnist_tui.charts.axes import Scale
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.plot import extent
from mnist_tui.lab.run_plots import GHOST
from mnist_tui.lab.state import State
from mnist_tui.train.train_screen import TrainScreen
from mnist_tui.ui.chart_screen import ChartScreen

TWO_EPOCHS = make_hyperparameters({"epochs": 2})
EVERYTHING = (0.0, 8.0)
CHART_COMMANDS = {
    "Smoother", "Rougher", "X axis", "Cut start", "Zoom in", "Zoom out", "Pan left", "Pan right",
    "Whole",
}  # fmt: skip


class Charts(AppHarness):
    """The train screen, seen by its charts."""

    @property
    def screen(self) -> ChartScreen:
        screen = self.app.screen
        assert isinstance(screen, ChartScreen)
        return screen

    def chart(self, name: str = "loss") -> Chart:
        return self.screen.query_one(f"#{name}", Chart)

    def x(self, name: str = "loss") -> tuple[float, float]:
        """Between which places the chart is drawn."""
        area = self.chart(name)._composed().area
        assert area is not None
        return area.x.low, area.x.high

    def borders(self, name: str = "loss") -> tuple[str, str]:
        chart = self.chart(name)
        return str(chart.border_title), str(chart.border_subtitle)

    async def train(self) -> None:
        await self.pilot.press("r")
        await self.until_state(State.COMPLETED)

    async def turn_wheel(self, name: str, column: int, *, up: bool) -> None:
        chart = self.chart(name)
        kind = events.MouseScrollUp if up else events.MouseScrollDown
        await self.pilot._post_mouse_events([kind], widget=chart, offset=(column, 5), button=0)
        await self.pilot.pause()

    async def drag(self, name: str, columns: list[int]) -> None:
        """Press at the first column of the chart, go through the others, and let go."""
        chart = self.chart(name)
        await self.pilot.mouse_down(chart, offset=(columns[0], 5))
        for column in columns[1:]:
            await self.pilot.hover(chart, offset=(column, 5))
        await self.pilot.mouse_up(chart, offset=(columns[-1], 5))
        await self.pilot.pause()


Open = Callable[..., AbstractAsyncContextManager[Charts]]


@pytest.fixture
def lab(tmp_path: Path) -> Open:
    @asynccontextmanager
    async def open_lab(size: tuple[int, int] = (120, 40)) -> AsyncIterator[Charts]:
        made = Charts(loaded(), TWO_EPOCHS, tmp_path / "log")
        async with made.app.run_test(size=size) as pilot:
            made.pilot = pilot
            await made.until_loaded()
            try:
                yield made
            finally:
                made.runs.gate.set()
                made.session.close()

    return open_lab


async def test_keys_of_charts_work_once_there_is_something_to_look_at(lab: Open) -> None:
    async with lab() as here:
        assert not CHART_COMMANDS & here.commands()
        await here.train()
        assert CHART_COMMANDS & here.commands() == {
            "Smoother", "Rougher", "X axis", "Cut start", "Zoom in", "Whole",
        }  # fmt: skip
        await here.pilot.press("plus")
        assert CHART_COMMANDS - here.commands() == {"Zoom in"}, "four steps are the least"
        await here.pilot.press("e")
        assert not {"Pan left", "Pan right"} & here.commands()


async def test_zoom_and_pan_move_both_charts_and_0_shows_everything(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        assert here.x() == here.x("accuracy") == EVERYTHING
        await here.pilot.press("plus")
        assert here.x() == here.x("accuracy") == (2, 6)
        assert here.borders()[1] == "smoothing 0.9 · zoomed"
        await here.pilot.press("right")
        assert here.x() == here.x("accuracy") == (3, 7)
        await here.pilot.press("h", "h")
        assert here.x() == (1, 5)
        await here.pilot.press("l", "left", "left", "left")
        assert here.x() == (0, 4), "there is nothing before the start"
        await here.pilot.press("minus")
        assert here.x() == EVERYTHING
        await here.pilot.press("equals_sign", "0")
        assert here.x() == here.x("accuracy") == EVERYTHING
        assert here.borders()[1] == "smoothing 0.9"


async def test_zoom_is_about_the_cursor(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        await here.pilot.press("left_square_bracket", "left_square_bracket", "plus")
        assert here.chart().cursor == 0.0
        assert here.x() == (0, 4)


async def test_smoothing_goes_up_and_down_and_keeps_the_raw_values_behind(lab: Open) -> None:
    async with lab() as here:
        await here.train()

        def train_curves() -> list[tuple[float, bool]]:
            curves = here.chart().plot.curves
            series = here.session.progress and here.session.progress.train_loss
            return [(c.smoothing, c.dim) for c in curves if c.series is series]

        assert train_curves() == [(0, True), (0.9, False)]
        await here.pilot.press("greater_than_sign")
        assert train_curves() == [(0, True), (0.95, False)]
        assert here.borders()[1] == here.borders("accuracy")[1] == "smoothing 0.95"
        await here.pilot.press(*["greater_than_sign"] * 3)
        assert train_curves()[-1] == (0.99, False)
        assert "Smoother" not in here.commands()
        await here.pilot.press(*["less_than_sign"] * 6)
        assert train_curves() == [(0, False)]
        assert here.borders()[1] == ""
        assert "Rougher" not in here.commands()


async def test_the_ghost_is_smoothed_like_the_run(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        here.session.train(make_hyperparameters({"epochs": 2, "learning_rate": 0.5}))
        await here.until_state(State.COMPLETED)
        await here.pilot.press("less_than_sign")
        train, test = [curve for curve in here.chart().plot.curves if curve.color == GHOST]
        assert train.smoothing == 0.8
        # What is compared is measured alike: test with test.
        assert test.label == "before: lr 0.1 · test"


async def test_runs_of_one_recipe_are_drawn_as_their_mean(lab: Open) -> None:
    async with lab() as here:
        recipes = [make_hyperparameters({"epochs": 2, "seed": seed}) for seed in range(3)]
        here.session.train(*recipes)
        await here.until(lambda: here.session.run is None and not here.session.waiting)

        def means() -> list[str]:
            curves = here.chart("accuracy").plot.curves
            return [curve.label for curve in curves if curve.label.startswith("mean of")]

        await here.pilot.pause()
        assert means() == []
        await here.pilot.press("M")
        await here.until(lambda: means() == ["mean of 3 seeds, seed 0 · run 1"])
        await here.pilot.press("M")
        await here.until(lambda: means() == [])


async def test_the_x_axis_turns_and_takes_cursor_boundaries_and_window_along(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        await here.pilot.press("left_square_bracket", "plus")
        assert (here.chart().cursor, here.x()) == (4.0, (2, 6))
        await here.pilot.press("x")
        assert here.chart().cursor == 1.0
        assert here.x() == here.x("accuracy") == (0.5, 1.5)
        assert list(here.chart().plot.boundaries) == [1.0]
        assert "epoch 1.00" in here.text()
        await here.pilot.press("0")
        assert here.x() == (0, 2)
        await here.pilot.press("x")
        assert here.chart().cursor == pytest.approx(0.04)
        assert here.chart().plot.boundaries == pytest.approx([0.04])
        assert "time 0.0s" in here.text()
        assert here.session.cursor == 4.0, "a step, whatever the axis"
        await here.pilot.press("x")
        assert here.x() == EVERYTHING
        assert "step 4" in here.text()


async def test_a_click_on_another_axis_points_to_the_same_step_there(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        await here.pilot.press("x")
        await here.pilot.click("#accuracy", offset=(20, 8))
        step, place = here.session.cursor, here.chart("accuracy").cursor
        assert step is not None
        assert place is not None
        assert place == pytest.approx(step / 4)
        assert 0 < step < 8
        assert here.chart().cursor == place


async def test_log_axes_are_said_in_the_border(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        assert here.borders()[0] == "Loss"
        await here.pilot.press("y")
        assert here.borders()[0] == "Loss · log"
        assert here.borders("accuracy")[0] == "Error rate · log"
        assert here.session.progress is not None
        accuracy = here.session.progress.test_accuracy.y
        errors = here.chart("accuracy").plot.curves[-1].series.y
        assert errors.tolist() == (1 - accuracy).tolist()
        await here.pilot.press("y")
        assert here.borders()[0] == "Loss"
        assert here.borders("accuracy")[0] == "Accuracy"
        assert here.chart().plot.y.scale is Scale.LINEAR


async def test_axes_leave_out_how_curves_began_until_all_is_asked_for(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        assert here.chart().plot.y.cut_start
        await here.pilot.press("0")
        assert not here.chart().plot.y.cut_start
        assert here.chart().plot.y.include == 0
        await here.pilot.press("i")
        assert here.chart().plot.y.cut_start
        await here.pilot.press("i")
        assert not here.chart("accuracy").plot.y.cut_start


async def test_the_wheel_zooms_about_the_pointer(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        chart = here.chart("accuracy")
        place = chart.place_at(20 - chart.gutter.left)
        assert place is not None
        await here.turn_wheel("accuracy", 20, up=True)
        low, high = here.x()
        assert high - low == pytest.approx(8 / 1.25)
        assert chart.place_at(20 - chart.gutter.left) == pytest.approx(place, abs=0.2)
        assert here.session.cursor is None
        await here.turn_wheel("accuracy", 20, up=False)
        assert here.x() == EVERYTHING


async def test_dragging_pans_and_sets_no_cursor(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        await here.pilot.press("plus")
        area = here.chart()._composed().area
        assert area is not None
        await here.drag("loss", [30, 26, 20])
        low, high = here.x()
        assert low == pytest.approx(2 + 4 * 10 / area.width)
        assert high - low == pytest.approx(4)
        assert here.x("accuracy") == (low, high)
        assert here.session.cursor is None
        await here.pilot.hover("#loss", offset=(5, 5))
        assert here.x() == (low, high), "no button is held any more"
        await here.pilot.click("#loss", offset=(20, 8))
        assert here.session.cursor is not None


async def test_a_chart_that_goes_away_lets_go_of_the_mouse(lab: Open) -> None:
    async with lab((80, 24)) as here:
        await here.train()
        await here.pilot.mouse_down("#loss", offset=(15, 5))
        assert here.app.mouse_captured is here.chart("loss")
        await here.pilot.press("g")
        await here.until(lambda: here.app.mouse_captured is None)
        assert here.chart("gradients").has_focus, "it takes the other one's place"


async def test_dragging_what_is_wholly_in_view_changes_nothing(
    lab: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawings = count_calls(monkeypatch, Chart, "_draw")
    async with lab() as here:
        await here.train()
        drawn = drawings[here.chart("accuracy")]
        await here.drag("loss", [30, 20])
        assert here.x() == EVERYTHING
        assert drawings[here.chart("accuracy")] == drawn


async def test_a_double_click_shows_everything(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        await here.pilot.press("plus")
        await here.pilot.double_click("#loss", offset=(20, 8))
        await here.pilot.pause()
        assert here.x() == EVERYTHING


async def test_a_window_stays_while_the_run_grows_and_without_one_the_axis_follows(
    lab: Open,
) -> None:
    async with lab() as here:
        here.runs.gate.clear()
        await here.pilot.press("r")
        await here.until(
            lambda: len(here.chart().plot.curves) > 0 and extent(here.chart().plot) is not None
        )
        await here.until(
            lambda: here.session.progress is not None and here.session.progress.step == 4
        )
        await here.pilot.press("plus")
        window = here.x()
        assert window == (2, 6)
        here.runs.gate.set()
        await here.until_state(State.COMPLETED)
        assert here.x() == here.x("accuracy") == window
        await here.pilot.press("0", "full_stop")
        await here.until(lambda: here.x() == (0, 12))


async def test_z_lets_the_focused_pane_fill_the_screen_and_back(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        before = here.chart().size
        for back in ("z", "escape"):
            await here.pilot.press("z")
            assert here.chart().region.width == 120
            assert here.chart().size.height > before.height
            assert not here.screen.query_one("#form").region
            assert not here.screen.query_one("#samples").region
            assert not here.chart("accuracy").region
            await here.pilot.press(back)
            assert here.chart().size == before
            assert here.screen.query_one("#form").region
        here.screen.query_one("#samples").focus()
        await here.pilot.press("z")
        assert here.screen.query_one("#samples").region.width == 120
        assert not here.screen.query_one("#charts").region
        await here.pilot.press("e")
        assert here.screen.query_one("#form").region, "who edits must see the form"
        assert here.screen.query_one("#form").has_focus_within
        assert here.chart().size == before


async def test_the_third_chart_comes_below_or_takes_its_turn(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        assert not here.chart("gradients").region
        await here.pilot.press("g")
        await here.pilot.pause()
        heights = [here.chart(name).region.height for name in ("loss", "accuracy", "gradients")]
        assert min(heights) >= 9
        assert here.borders("gradients")[0] == "Gradients · log"
        await here.pilot.resize_terminal(90, 60)
        await here.pilot.pause()
        shown = [chart.id for chart in here.screen.query(Chart) if chart.region]
        assert shown == ["gradients"], "there is room for one"
        for following in ("loss", "accuracy", "gradients"):
            await here.pilot.press("c")
            await here.pilot.pause()
            assert [chart.id for chart in here.screen.query(Chart) if chart.region] == [following]
            assert here.chart(following).has_focus
        await here.pilot.press("g")
        await here.pilot.pause()
        assert here.chart("loss").region
        await here.pilot.press("c", "c")
        await here.pilot.pause()
        assert here.chart("loss").region, "gradients have no turn unless they are asked for"
        await here.pilot.resize_terminal(120, 40)
        await here.pilot.pause()
        assert here.chart("loss").region
        assert here.chart("accuracy").region
        await here.pilot.press("c")
        assert here.chart("accuracy").region, "where there is room for all, nobody waits"


async def test_the_third_chart_is_drawn_from_what_the_run_measured(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        await here.pilot.press("g", "left_square_bracket")
        chart = here.chart("gradients")
        assert chart.cursor == 4.0
        assert read_out(chart)["lr (right)"] == (4.0, 0.1)
        await here.pilot.press("plus")
        assert here.x("gradients") == here.x() == (2, 6)


async def test_with_the_third_chart_in_focus_y_is_about_it(lab: Open) -> None:
    async with lab() as here:
        await here.train()
        await here.pilot.press("g")
        here.chart("gradients").focus()
        await here.pilot.press("y")
        assert here.borders("gradients")[0] == "Gradients"
        assert here.borders()[0] == "Loss"


@pytest.mark.parametrize("size", SIZES)
async def test_the_charts_can_be_read_at_every_size(lab: Open, size: tuple[int, int]) -> None:
    async with lab(size) as here:
        await here.train()
        await here.pilot.press("plus", "g", "left_square_bracket")
        if size[0] < 100:
            assert here.chart("gradients").region.width > 0.95 * size[0]
            await here.pilot.press("c")
        await here.pilot.pause()
        chart = here.chart()
        text = "\n".join(chart.render_line(y).text for y in range(chart.size.height))
        assert "└" in text, "there is an axis"
        assert "▲" in text, "and the cursor stands on it"
        assert "1.0000" in text, "whose value is read"
        assert "zoomed" in here.text()


async def test_what_does_not_change_is_not_drawn_again(
    lab: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawings = count_calls(monkeypatch, Chart, "_draw")
    async with lab() as here:
        await here.train()
        await here.pilot.press("plus", "right", "right")
        screen = here.screen
        drawn = [drawings[chart] for chart in screen.query(Chart)]
        assert isinstance(screen, TrainScreen)
        for _ in range(3):
            screen._tick()
            await here.pilot.pause()
        await here.pilot.press("plus", "right", "right")
        assert [drawings[chart] for chart in screen.query(Chart)] == drawn
        await here.pilot.press("minus")
        assert [drawings[chart] for chart in screen.query(Chart)] == [
            drawn[0] + 1, drawn[1] + 1, drawn[2]
        ]  # fmt: skip
