from dataclasses import replace

import pytest
from textual.app import App, ComposeResult

from helpers.counting import count_calls
from helpers.read_out import read_out
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.plot import Curve, Plot, XAxis, YAxis
from mnist_tui.charts.series import Series


class ChartApp(App[None]):
    CSS = "Chart { border: round $foreground; padding: 0 1; }"

    def compose(self) -> ComposeResult:
        yield Chart()


def ramp(points: int) -> Series:
    series = Series("step")
    series.extend(range(points), step=range(points))
    return series


def text(chart: Chart) -> list[str]:
    return [chart.render_line(y).text for y in range(chart.size.height)]


async def test_a_chart_says_what_will_be_there_then_shows_it() -> None:
    app = ChartApp()
    async with app.run_test(size=(50, 14)) as pilot:
        chart = app.query_one(Chart)
        chart.plot = Plot(empty="Loss will be drawn here: press r")
        await pilot.pause()
        assert any("Loss will be drawn here: press r" in row for row in text(chart))
        chart.plot = Plot([Curve(ramp(10), "$primary", "train")], XAxis(end=20))
        await pilot.pause()
        rows = text(chart)
        assert rows[0].startswith("━━ train 9.0000")
        assert rows[-1].startswith(" step 0 ")
        assert {len(row) for row in rows} == {chart.size.width}


async def test_a_chart_is_drawn_only_when_something_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = count_calls(monkeypatch, Chart, "_draw")
    app = ChartApp()
    async with app.run_test(size=(50, 14)) as pilot:
        chart = app.query_one(Chart)
        series = ramp(10)
        chart.plot = Plot([Curve(series, "$primary", "train")], XAxis(end=20))
        await pilot.pause()
        before = drawn[chart]
        chart.refresh()
        await pilot.pause()
        assert drawn[chart] == before
        series.extend(3.0, step=10)
        chart.redraw()
        await pilot.pause()
        assert drawn[chart] == before + 1
        assert text(chart)[0].startswith("━━ train 3.0000")
        await pilot.resize_terminal(60, 14)
        await pilot.pause()
        assert drawn[chart] > before + 1
        assert {len(row) for row in text(chart)} == {chart.size.width}


async def test_a_redraw_of_changed_lines_leaves_the_screen_as_a_whole_one_would() -> None:
    app = ChartApp()
    async with app.run_test(size=(50, 14)) as pilot:
        chart = app.query_one(Chart)
        series = ramp(10)
        chart.plot = Plot([Curve(series, "$primary", "train")], XAxis(end=20), YAxis(include=0))
        await pilot.pause()
        series.extend([2.0, 8.0], step=[11, 15])
        chart.redraw()
        await pilot.pause()
        by_lines = app.export_screenshot(simplify=True)
        app.refresh()
        await pilot.pause()
        assert app.export_screenshot(simplify=True) == by_lines


async def test_the_cursor_reads_values_and_places_follow_columns() -> None:
    app = ChartApp()
    async with app.run_test(size=(50, 14)) as pilot:
        chart = app.query_one(Chart)
        await pilot.pause()
        assert chart.place_at(10) is None
        assert read_out(chart) == {}
        chart.plot = Plot([Curve(ramp(21), "$primary", "train")], XAxis(end=20))
        chart.cursor = 7
        await pilot.pause()
        assert read_out(chart) == {"train": (7.0, 7.0)}
        column = text(chart)[-2].index("▲")
        place = chart.place_at(column)
        assert place is not None
        assert abs(place - 7) < 20 / 40
        chart.plot = replace(chart.plot, curves=[Curve(ramp(21), "$primary", "train")])
        assert chart.cursor == 7
        chart.cursor = None
        assert read_out(chart) == {}


async def test_a_theme_restyles_the_curves() -> None:
    app = ChartApp()
    async with app.run_test(size=(50, 14)) as pilot:
        chart = app.query_one(Chart)
        chart.plot = Plot(
            [Curve(ramp(10), "$primary", "train"), Curve(ramp(5), "$primary", dim=True)]
        )
        await pilot.pause()

        def colors() -> set[str]:
            lines = [chart.render_line(y) for y in range(chart.size.height)]
            styles = [segment.style for line in lines for segment in line if segment.style]
            return {style.color.name for style in styles if style.color is not None}

        dark = colors()
        app.theme = "textual-light"
        await pilot.pause()
        assert app.theme_variables["primary"].lower() in colors()
        assert not dark & colors()
