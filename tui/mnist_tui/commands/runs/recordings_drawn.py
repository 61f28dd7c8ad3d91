"""Recordings laid over each other, in a chart for each of their names."""

from collections.abc import Callable, Sequence

from rich.segment import Segment

from mnist_core.store import RecordingRecord, RunStore, StoreError
from mnist_tui.charts.view import View
from mnist_tui.commands.runs.drawing import LOWEST, Drawn, chart_lines, legend, look_of
from mnist_tui.lab.recipe_text import config_text
from mnist_tui.lab.recorded_curves import ChartNames, RecordedCurves, charts_of
from mnist_tui.lab.recorded_plots import RecordedOverlay, recorded_plot
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import visible

_MOST_CHARTS = 24
"""More of them nobody reads in one go."""


def recordings_drawing(
    store: RunStore, records: Sequence[RecordingRecord], metric: str | None, *, log: bool
) -> Callable[[int, int], Drawn]:
    """What draws the recordings in so many columns and rows, or more rows where they need them.

    Args:
        store: where they are.
        records: one or more.
        metric: only this name, or those that end in / and this; None: all.
        log: on logarithmic axes.

    Raises:
        StoreError: they cannot be read, or have no such metric.
    """
    overlays = []
    for index, record in enumerate(records):
        curves = RecordedCurves(record)
        curves.update(store, record)
        label = f"step {count(record.step)}  {config_text(record.config)}".rstrip()
        overlays.append(RecordedOverlay(curves, label, look_of(index)))
    names = dict.fromkeys(name for overlay in overlays for name in overlay.curves.names)
    charts = charts_of(names)
    if metric is not None:
        charts = [
            chart
            for chart in charts
            if metric == chart.title or any(metric == name for _, name in chart.names)
        ]
        if not charts:
            raise StoreError(
                f"{records[0].name} has no {metric!r}. It has {', '.join(list(names)[:10])}"
                f"{' and more' if len(names) > 10 else ''}."
            )
    view = View(log=log)
    return lambda width, height: _drawn(charts, overlays, view, width, height)


def _drawn(
    charts: Sequence[ChartNames],
    overlays: Sequence[RecordedOverlay],
    view: View,
    width: int,
    height: int,
) -> Drawn:
    rows = [(visible(each.curves.record.name), visible(each.label)) for each in overlays]
    lines = [*legend(rows, [each.look for each in overlays], width), [Segment("")]]
    shown = charts[:_MOST_CHARTS]
    room = max(0, height - len(lines))
    for index, chart in enumerate(shown):
        each = max(LOWEST, room // (len(shown) - index))
        room -= each
        plot = recorded_plot(chart, None, overlays, view)
        lines += chart_lines(plot, visible(chart.title), width, each)
    if len(charts) > len(shown):
        more = count(len(charts) - len(shown), "more chart")
        lines.append([Segment(f"And {more}; --metric NAME draws one.")])
    return lines
