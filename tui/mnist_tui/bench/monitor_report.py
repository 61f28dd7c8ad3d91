"""What watching a run in the app costs, in words and in JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from mnist_core.backend.backend import DEFAULT_THREADS
from mnist_core.benchmark.race import Quartiles, quartiles
from mnist_tui.bench.bench_flags import BenchOptions
from mnist_tui.bench.monitor import POINTS, Monitored, MonitorValue, measure
from mnist_tui.bench.pseudo_terminal import COLUMNS, ROWS
from mnist_tui.runtime.output import WriteLine
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import in_columns, visible

ROUNDS = 5
"""Rounds when none are asked for; one takes about a minute."""


def report_monitor(options: BenchOptions, write: WriteLine, write_error: WriteLine) -> None:
    """Measure the app on a pseudo-terminal, and training without it.

    A table is written, or with --json an object for each value and one for all.

    Raises:
        NotShownError: the app did not do what was asked for.
        TrainingFailedError: training without the app did not complete.
    """
    flags = options.flags
    # As many threads as the app takes by itself, so that both train with the same.
    threads = flags.threads or DEFAULT_THREADS
    monitored = Monitored(options.presets[0], flags.data, threads)
    rounds = flags.rounds or ROUNDS
    if not flags.json:
        write(heading(monitored, rounds))
    measurements: list[MonitorValue] = []
    for measured in measure(monitored, rounds):
        if not measurements or measured.round != measurements[-1].round:
            write_error(f"round {measured.round} of {rounds} is measured")
        measurements.append(measured)
        if flags.json:
            write(json.dumps(measured_to_json(measured), allow_nan=False))
    summary = summarize(measurements)
    if flags.json:
        write(json.dumps(summary_to_json(monitored, rounds, summary), allow_nan=False))
        return
    for line in ("", *table_lines(summary), "", *NOTES):
        write(line)


class MetricUnit(Enum):
    """What a metric counts, and how many of the shown unit make one."""

    RATIO = "", 1.0, 3
    STEPS = "steps/s", 1.0, 0
    SECONDS = "s", 1.0, 3
    MILLISECONDS = "ms", 1e3, 1
    MICROSECONDS = "µs", 1e6, 2
    MEGABYTES = "MB", 1e-6, 0

    def shown(self, value: float) -> str:
        """`value`, in seconds, bytes or as it is, in this unit but without its name."""
        _, factor, digits = self.value
        return f"{value * factor:.{digits}f}"

    @property
    def sign(self) -> str:
        """The name of the unit with a blank before it; empty for a ratio."""
        return f" {self.value[0]}" if self.value[0] else ""


@dataclass(frozen=True, slots=True)
class Metric:
    """One thing that is measured."""

    name: str
    words: str
    unit: MetricUnit
    at_most: float | None = None
    """The bar it has to meet; in seconds or bytes."""
    at_least: float | None = None

    def meets_bar(self, value: float) -> bool | None:
        """None where there is no bar."""
        if self.at_most is not None:
            return value <= self.at_most
        if self.at_least is not None:
            return value >= self.at_least
        return None


METRICS = (
    Metric("training_speed", "training in the app / without it", MetricUnit.RATIO, at_least=0.95),
    Metric("app_steps_per_second", "  in the app", MetricUnit.STEPS),
    Metric("headless_steps_per_second", "  without it", MetricUnit.STEPS),
    Metric("key_p50", "key to screen while training, median", MetricUnit.MILLISECONDS),
    Metric("key_p99", "  99 of 100 keys", MetricUnit.MILLISECONDS, at_most=0.05),
    Metric("network_speed", "training under the network screen", MetricUnit.RATIO, at_least=0.95),
    Metric("network_steps_per_second", "  its steps, evaluation apart", MetricUnit.STEPS),
    Metric("network_open", "network screen, opened first", MetricUnit.MILLISECONDS, at_most=0.15),
    Metric("network_move_p50", "  to another unit, median", MetricUnit.MILLISECONDS, at_most=0.03),
    Metric("network_move_p99", "  99 of 100 keys", MetricUnit.MILLISECONDS),
    Metric("first_frame", "start to first frame", MetricUnit.SECONDS, at_most=0.8),
    Metric("press_first", "run to first batch, first time", MetricUnit.SECONDS, at_most=0.3),
    Metric("press_again", "  second time", MetricUnit.SECONDS, at_most=0.3),
    Metric("press_cold", "  with no kernel compiled", MetricUnit.SECONDS, at_most=1.0),
    Metric("redraw", f"redraw of {count(POINTS)} points", MetricUnit.MILLISECONDS, at_most=0.016),
    Metric("event", "event to the interface, CPU time", MetricUnit.MICROSECONDS, at_most=10e-6),
    Metric("record_p50", "a row of a recording, median", MetricUnit.MICROSECONDS, at_most=10e-6),
    Metric("record_p99", "  99 of 100 rows", MetricUnit.MICROSECONDS, at_most=10e-6),
    Metric("memory", "memory of the app, training", MetricUnit.MEGABYTES, at_most=400e6),
)
"""In the order of the table."""

NOTES = (
    "Medians and quartiles of the rounds. Training speed is wall time, evaluation included, from "
    "the end of epoch 1 to the end of the run. A key is a letter typed into a field; its time, and "
    "that from pressing run to the first batch, end when the terminal has been written to: they "
    "hold the handlers, what they do, and the repaint.",
)


def heading(monitored: Monitored, rounds: int) -> str:
    data = f" on {visible(monitored.data)}" if monitored.data else ""
    return (
        f"{monitored.preset}{data}, {count(monitored.threads, 'thread')}, "
        f"{count(rounds, 'round')}, in a terminal of {COLUMNS}x{ROWS}"
    )


def summarize(measurements: Sequence[MonitorValue]) -> list[tuple[Metric, Quartiles]]:
    """Each metric over the rounds, in the order of the table."""
    values = {
        metric.name: [item.value for item in measurements if item.metric == metric.name]
        for metric in METRICS
    }
    return [(metric, quartiles(values[metric.name])) for metric in METRICS if values[metric.name]]


def table_lines(summary: Sequence[tuple[Metric, Quartiles]]) -> list[str]:
    rows = [("", "median", "quartiles", "bar", ""), *(_row(*item) for item in summary)]
    return in_columns(rows, numbers=range(1, len(rows[0])))


def _row(metric: Metric, values: Quartiles) -> tuple[str, ...]:
    unit = metric.unit
    bar = metric.at_least if metric.at_most is None else metric.at_most
    sign = "" if bar is None else ">= " if metric.at_most is None else "<= "
    met = {None: "", True: "met", False: "missed"}[metric.meets_bar(values.median)]
    return (
        metric.words,
        unit.shown(values.median) + unit.sign,
        f"{unit.shown(values.lower)} to {unit.shown(values.upper)}",
        "" if bar is None else f"{sign}{bar * unit.value[1]:g}{unit.sign}",
        met,
    )


def measured_to_json(measured: MonitorValue) -> dict[str, Any]:
    return {
        "event": "figure_measured",
        "task": "monitor",
        "round": measured.round,
        "figure": measured.metric,
        "value": measured.value,
    }


def summary_to_json(
    monitored: Monitored, rounds: int, summary: Sequence[tuple[Metric, Quartiles]]
) -> dict[str, Any]:
    """All metrics in one object, in seconds, bytes, steps per second or as ratios."""
    return {
        "event": "monitor_completed",
        "task": "monitor",
        "recipe": monitored.preset,
        "data": monitored.data,
        "threads": monitored.threads,
        "rounds": rounds,
        "figures": [
            {
                "figure": metric.name,
                **asdict(values),
                "at_most": metric.at_most,
                "at_least": metric.at_least,
                "met": metric.meets_bar(values.median),
            }
            for metric, values in summary
        ],
    }
