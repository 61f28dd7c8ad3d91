"""What is measured without a terminal: a chart's redraw, and an event's way to the interface."""

import threading
import time
from collections.abc import Generator

import numpy as np
from textual.app import App, ComposeResult
from textual.geometry import Region

from mnist_core.events import BatchCompleted, Event
from mnist_core.training.training_run import TrainingRun
from mnist_tui.bench.terminal import COLUMNS, ROWS
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.plot import Curve, LineStyle, XAxis, YAxis
from mnist_tui.charts.series import Series
from mnist_tui.charts.view import SMOOTHING
from mnist_tui.commands.headless import RunSoFar

_NEW_POINTS = 100
"""Batches between two redraws."""
_DRAIN_INTERVAL = 0.1


class _ChartApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Chart()


async def redraw_seconds(points: int, redraws: int) -> list[float]:
    """Seconds for each redraw of a chart as large as the terminal, after some batches more.

    It shows what the train screen does, the loss of each of `points` batches and above it the same
    smoothed. The time is that of the chart alone: new points taken in, every line made anew that
    looks different, and all lines handed over.
    """
    random = np.random.default_rng(0)
    total = points + redraws * _NEW_POINTS
    steps = np.arange(1.0, total + 1)
    losses = 0.2 + 2 * np.exp(-3 * steps / total) * random.lognormal(0, 0.3, total)
    series = Series("step")
    series.extend(losses[:points], step=steps[:points])
    curves = [
        Curve(series, "$primary", line=LineStyle.NOISE, dim=True),
        Curve(series, "$primary", label="train", smoothing=SMOOTHING),
    ]
    seconds = []
    app = _ChartApp()
    async with app.run_test(size=(COLUMNS, ROWS)) as pilot:
        chart = app.query_one(Chart)
        chart.show(curves, x=XAxis(end=float(total)), y=YAxis(include=0.0))
        await pilot.pause()
        for first in range(points, total, _NEW_POINTS):
            new = slice(first, first + _NEW_POINTS)
            series.extend(losses[new], step=steps[new])
            began = time.perf_counter()
            chart.redraw()
            chart.render_lines(Region(0, 0, *chart.size))
            seconds.append(time.perf_counter() - began)
    return seconds


def event_seconds(events: int) -> float:
    """CPU seconds for each of `events` from its making to the interface's hands.

    They hold the generator, the event, the mailbox and the thread between, and taking the events
    out; not what the interface does with them.
    """
    spent: list[float] = []

    def batches() -> Generator[Event, None, None]:
        for step in range(1, events + 1):
            yield BatchCompleted(step, 1, step, 0.5, 0.9, 0.1, step * 1e-3)
        yield RunSoFar().stopped()

    run = TrainingRun(batches, at_thread_end=lambda: spent.append(time.thread_time()))
    run.start()
    began = time.thread_time()
    pause = threading.Event()
    while run.alive:
        pause.wait(_DRAIN_INTERVAL)
        run.drain()
    run.join()
    return (spent[0] + time.thread_time() - began) / events
