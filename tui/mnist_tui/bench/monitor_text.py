"""The figures of the monitor in words and in JSON: plain functions, no output."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from mnist_core.benchmark.quartiles import Quartiles, quartiles
from mnist_tui.bench.monitor import POINTS, Measured, Monitored
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import visible


class Unit(Enum):
    """What a figure counts, and how many of the shown unit make one."""

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
class Figure:
    """One thing that is measured."""

    name: str
    words: str
    unit: Unit
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


FIGURES = (
    Figure("training_speed", "training in the app / without it", Unit.RATIO, at_least=0.95),
    Figure("app_steps_per_second", "  in the app, redrawn 10 times a second", Unit.STEPS),
    Figure("headless_steps_per_second", "  without it", Unit.STEPS),
    Figure("key_p50", "key to screen while training, median", Unit.MILLISECONDS),
    Figure("key_p99", "  99 of 100 keys", Unit.MILLISECONDS, at_most=0.05),
    Figure("first_frame", "start to first frame", Unit.SECONDS, at_most=0.8),
    Figure("press_first", "run to first batch, first time", Unit.SECONDS, at_most=0.3),
    Figure("press_again", "  second time", Unit.SECONDS, at_most=0.3),
    Figure("press_cold", "  with no kernel compiled", Unit.SECONDS, at_most=1.0),
    Figure("redraw", f"redraw of {count(POINTS)} points", Unit.MILLISECONDS, at_most=0.016),
    Figure("event", "event to the interface, CPU time", Unit.MICROSECONDS, at_most=10e-6),
    Figure("memory", "memory of the app, training", Unit.MEGABYTES, at_most=400e6),
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
        f"{count(rounds, 'round')}, in a terminal of 120x40"
    )


def summarize(measurements: Sequence[Measured]) -> list[tuple[Figure, Quartiles]]:
    """Each figure over the rounds, in the order of the table."""
    values = {
        figure.name: [item.value for item in measurements if item.figure == figure.name]
        for figure in FIGURES
    }
    return [(figure, quartiles(values[figure.name])) for figure in FIGURES if values[figure.name]]


def table_lines(summary: Sequence[tuple[Figure, Quartiles]]) -> list[str]:
    rows = [("", "median", "quartiles", "bar", ""), *(_row(*item) for item in summary)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for words, *cells in rows:
        numbers = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([words.ljust(widths[0]), *numbers]).rstrip())
    return lines


def _row(figure: Figure, values: Quartiles) -> tuple[str, ...]:
    unit = figure.unit
    bar = figure.at_least if figure.at_most is None else figure.at_most
    sign = "" if bar is None else ">= " if figure.at_most is None else "<= "
    met = {None: "", True: "met", False: "missed"}[figure.meets_bar(values.median)]
    return (
        figure.words,
        unit.shown(values.median) + unit.sign,
        f"{unit.shown(values.lower)} to {unit.shown(values.upper)}",
        "" if bar is None else f"{sign}{bar * unit.value[1]:g}{unit.sign}",
        met,
    )


def measured_to_json(measured: Measured) -> dict[str, Any]:
    return {"event": "figure_measured", "task": "monitor", **asdict(measured)}


def summary_to_json(
    monitored: Monitored, rounds: int, summary: Sequence[tuple[Figure, Quartiles]]
) -> dict[str, Any]:
    """All figures in one object, in seconds, bytes, steps per second or as ratios."""
    return {
        "event": "monitor_completed",
        "task": "monitor",
        "recipe": monitored.preset,
        "data": monitored.data,
        "threads": monitored.threads,
        "rounds": rounds,
        "figures": [
            {
                "figure": figure.name,
                **asdict(values),
                "at_most": figure.at_most,
                "at_least": figure.at_least,
                "met": figure.meets_bar(values.median),
            }
            for figure, values in summary
        ],
    }
