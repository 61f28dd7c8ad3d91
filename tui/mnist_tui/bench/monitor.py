"""What watching costs: the app on a terminal against training without it, in rounds."""

import asyncio
import math
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import numpy as np
from textual.app import App, ComposeResult
from textual.geometry import Region

from mnist_core.events import BatchCompleted, Event
from mnist_core.recording.recording import record
from mnist_core.store import RunStore
from mnist_core.training.training_run import TrainingRun
from mnist_core.training.training_thread import TrainingThread
from mnist_core.user_folders import user_folder
from mnist_tui.bench.app_processes import open_app, train_headless
from mnist_tui.bench.pseudo_terminal import COLUMNS, ROWS, NotShownError
from mnist_tui.charts.chart import Chart
from mnist_tui.charts.plot import Curve, LineStyle, Plot, XAxis, YAxis
from mnist_tui.charts.series import Series
from mnist_tui.charts.view import SMOOTHING
from mnist_tui.commands.headless import RunSoFar

POINTS = 1_000_000
_RUN_SECONDS = 8.0
"""How long a run shall last, so that the tenths between two frames matter little."""
_FEWEST_EPOCHS, _MOST_EPOCHS = 3, 1000
_KEYS = 60
_REDRAWS = 50
_EVENTS = 50_000
_ROWS = 200_000
_NEW_POINTS = 100
"""Batches between two redraws."""
_DRAIN_INTERVAL = 0.1


@dataclass(frozen=True, slots=True)
class Monitored:
    """What is trained while it is watched."""

    preset: str
    data: str | None
    """A name or a folder; None for what the app takes by itself."""
    threads: int


@dataclass(frozen=True, slots=True)
class MonitorValue:
    """One value of one round."""

    round: int
    """From 1."""
    metric: str
    """The name of one of `mnist_tui.bench.monitor_report.METRICS`."""
    value: float
    """In seconds, bytes, steps per second, or as a ratio."""


def measure(monitored: Monitored, rounds: int) -> Iterator[MonitorValue]:
    """Measure everything once in each of `rounds`, so that the machine's moods hit all alike.

    Raises:
        NotShownError: the app did not do what was asked for.
        TrainingFailedError: training without the app did not complete.
    """
    with tempfile.TemporaryDirectory(prefix="mnist-tui-bench-") as name:
        folder = Path(name)
        flags = ["--preset", monitored.preset, "--threads", str(monitored.threads)]
        flags += ["--home", str(folder / "home")]
        if monitored.data is not None:
            flags += ["--data", monitored.data]
        flags += ["--epochs", str(_epochs(flags))]
        # Also gives the kernels the time to be compiled.
        train_headless(flags)
        for number in range(1, rounds + 1):
            for metric, value in _round(flags, folder, app_first=number % 2 == 0).items():
                yield MonitorValue(number, metric, value)


def _epochs(flags: list[str]) -> int:
    """How many make a run of the wanted length."""
    seconds = train_headless([*flags, "--epochs", "2"]).seconds_per_epoch
    return min(max(math.ceil(_RUN_SECONDS / seconds), _FEWEST_EPOCHS), _MOST_EPOCHS)


def _round(flags: list[str], folder: Path, *, app_first: bool) -> Mapping[str, float]:
    """Every metric once. Who trains first alternates, since machines slow down and recover."""
    home = folder / "home"
    if app_first:
        metrics, network = _app(flags), _network(flags, home)
        headless, alone = train_headless(flags).steps_per_second, training_speed(home)
    else:
        headless, alone = train_headless(flags).steps_per_second, training_speed(home)
        metrics, network = _app(flags), _network(flags, home)
    rows = record_seconds(home, _ROWS)
    return {
        **metrics,
        **network,
        "network_speed": network["network_steps_per_second"] / alone,
        "record_p50": median(rows),
        "record_p99": quantiles(rows, n=100, method="inclusive")[-1],
        "headless_steps_per_second": headless,
        "training_speed": metrics["app_steps_per_second"] / headless,
        "press_cold": _cold_press(flags, folder),
        "redraw": median(asyncio.run(redraw_seconds(POINTS, _REDRAWS))),
        "event": event_seconds(_EVENTS),
    }


def _app(flags: list[str]) -> dict[str, float]:
    """One start of the app: a run to the end, and a second one during which keys are pressed."""
    with open_app(flags) as app:
        metrics = {"first_frame": app.first_frame()}
        app.load()
        metrics["press_first"] = app.press_run()
        metrics["app_steps_per_second"] = app.train_to_the_end()
        metrics["memory"] = float(app.peak_memory())
        metrics["press_again"] = app.press_run()
        latencies = app.type_while_training(_KEYS)
    if len(latencies) < 2:
        raise NotShownError("The run was over before keys could be pressed during it.")
    metrics["key_p50"] = median(latencies)
    metrics["key_p99"] = quantiles(latencies, n=100, method="inclusive")[-1]
    return metrics


def _network(flags: list[str], home: Path) -> dict[str, float]:
    """One start of the app: keys on the network screen during a run, and a second one watched there
    to its end.
    """
    with open_app(flags) as app:
        app.first_frame()
        app.load()
        app.press_run()
        opened = app.open_network()
        moves = app.move_in_network(_KEYS)
        app.watch_network_to_the_end()
        app.leave_network()
        app.press_run()
        app.open_network()
        app.watch_network_to_the_end()
    return {
        "network_open": opened,
        "network_move_p50": median(moves),
        "network_move_p99": quantiles(moves, n=100, method="inclusive")[-1],
        "network_steps_per_second": training_speed(home),
    }


def training_speed(home: Path) -> float:
    """Steps per second of the last run in a home, after its epoch 1 and without evaluation, as it
    was recorded: the network screen does not tell of steps.

    Raises:
        NotShownError: it has no two epochs.
    """
    with closing(RunStore(home)) as store:
        run = store.latest()
        epochs = store.epochs(run.id, after=0) if run is not None else []
    if len(epochs) < 2:
        raise NotShownError("The run whose speed is asked for has no two epochs.")
    first, last = epochs[0], epochs[-1]
    return (last.step - first.step) / (last.run_seconds - first.run_seconds)


def _cold_press(flags: list[str], folder: Path) -> float:
    """As `press_run`, the first time after the start, where no kernel has ever been compiled."""
    with tempfile.TemporaryDirectory(dir=folder) as cache:
        _share_cache(Path(cache))
        with open_app(flags, {"XDG_CACHE_HOME": cache}) as app:
            app.first_frame()
            app.load()
            return app.press_run()


def _share_cache(cache: Path) -> None:
    """Make the folder `cache` hold what the user's does, but for the kernels.

    Only on Linux are there kernels to compile, and there this variable moves the cache.
    """
    own = user_folder("cache")
    shared = cache / own.name
    shared.mkdir()
    if own.is_dir():
        for entry in own.iterdir():
            if entry.name != "kernels":
                (shared / entry.name).symlink_to(entry)


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
        chart.plot = Plot(curves, XAxis(end=float(total)), YAxis(include=0.0))
        await pilot.pause()
        for first in range(points, total, _NEW_POINTS):
            new = slice(first, first + _NEW_POINTS)
            series.extend(losses[new], step=steps[new])
            began = time.perf_counter()
            chart.redraw()
            chart.render_lines(Region(0, 0, *chart.size))
            seconds.append(time.perf_counter() - began)
    return seconds


def record_seconds(home: Path, rows: int) -> list[float]:
    """Seconds that each of `rows` calls of `mnist_core.record`'s log holds a loop up."""
    seconds = []
    with record("bench", home=home) as recording:
        for step in range(rows):
            began = time.perf_counter()
            recording.log({"train/loss": 0.5, "train/accuracy": 0.9}, step=step)
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

    thread = TrainingThread(lambda: spent.append(time.thread_time()))
    run = TrainingRun(batches, thread=thread)
    run.start()
    began = time.thread_time()
    pause = threading.Event()
    while run.alive:
        pause.wait(_DRAIN_INTERVAL)
        run.drain()
    thread.close()
    return (spent[0] + time.thread_time() - began) / events
