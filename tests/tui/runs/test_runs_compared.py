"""The curves below the table, and the panes that fill the screen."""

from pathlib import Path

from helpers.runs_lab import OpenLab
from mnist_tui.charts.chart import Chart


async def test_the_charts_go_through_axes_and_a_logarithmic_loss(lab: OpenLab, three: Path) -> None:
    async with lab() as here:
        charts = list(here.screen.query(Chart))
        seen = [charts[0].plot.x.column]
        for _ in range(3):
            await here.press("x")
            assert charts[0].plot.x.column == charts[1].plot.x.column
            seen.append(charts[0].plot.x.column)
        assert seen == ["epoch", "time", "step", "epoch"]
        await here.press("y")
        assert "Loss · test · training dotted · log" in here.text()
        await here.pilot.click("#runs-loss", offset=(25, 8))
        await here.pilot.pause()
        assert charts[1].cursor is not None
        assert charts[1].cursor == charts[0].cursor
        await here.press("escape")
        assert charts[0].cursor is charts[1].cursor is None


async def test_both_charts_are_zoomed_and_smoothed_by_the_keys_of_charts(
    lab: OpenLab, three: Path
) -> None:
    async with lab() as here:
        charts = list(here.screen.query(Chart))
        await here.press("end")
        await here.until(lambda: charts[0].plot.x.end == 2.0)
        await here.press("+")
        windows = [chart.plot.x.window for chart in charts]
        assert windows[0] is not None
        assert windows[0] == windows[1]
        assert "zoomed" in here.text()
        charts[1].focus()
        await here.press("left")
        assert charts[0].plot.x.window != windows[0]
        await here.press("0", ">")
        assert charts[0].plot.x.window is None
        smoothed = {curve.smoothing for curve in charts[0].plot.curves}
        assert smoothed == {0.0, 0.95}, "training; what is held out is drawn as it is"
        assert "smoothing 0.95" in here.text()


async def test_z_lets_a_chart_or_the_table_fill_the_screen(lab: OpenLab, three: Path) -> None:
    async with lab(size=(120, 40)) as here:
        chart = here.screen.query_one("#runs-accuracy", Chart)
        before = chart.region
        await here.press("z")
        assert here.table.region.height > 30
        assert not chart.region
        await here.press("escape")
        assert chart.region == before
        chart.focus()
        await here.press("z")
        assert chart.region.width == 120
        assert not here.table.region
        await here.press("z")
        assert chart.region == before
