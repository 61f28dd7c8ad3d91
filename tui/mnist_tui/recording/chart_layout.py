"""How many charts lie beside and below each other, and which of them share a row."""

import math
from collections.abc import Sequence

from mnist_tui.lab.recorded_curves import ChartNames

LEAST_WIDTH, LEAST_HEIGHT = 38, 9
"""Cells that a chart with its frame needs to be read."""
_SHAPE = 3.5
"""How many times as wide as high a chart is in cells, if there is a choice."""
MOST_CHARTS = 30
"""On show at once, however large the terminal is."""


def grid_for(count: int, width: int, height: int) -> tuple[int, int]:
    """(columns, rows) of the charts to show at once of `count`, in width x height cells."""
    most_columns = max(1, width // LEAST_WIDTH)
    most_rows = max(1, min(height // LEAST_HEIGHT, MOST_CHARTS // most_columns))
    if count >= most_columns * most_rows:
        return most_columns, most_rows
    choices = [
        (columns, math.ceil(count / columns)) for columns in range(1, min(most_columns, count) + 1)
    ]
    fitting = [each for each in choices if each[1] <= most_rows] or [(1, 1)]
    return min(
        fitting, key=lambda each: abs(math.log(width / each[0] / (height / each[1]) / _SHAPE))
    )


def rows_of(charts: Sequence[ChartNames], columns: int) -> list[Sequence[ChartNames]]:
    """The charts in rows of at most `columns`; a group that fills a row begins a new one."""
    groups: list[list[ChartNames]] = []
    for chart in charts:
        if groups and groups[-1][-1].group == chart.group:
            groups[-1].append(chart)
        else:
            groups.append([chart])
    runs: list[list[ChartNames]] = []
    before_is_small = False
    for group in groups:
        is_small = len(group) < columns
        if runs and is_small and before_is_small:
            runs[-1] += group
        else:
            runs.append([*group])
        before_is_small = is_small
    return [run[start : start + columns] for run in runs for start in range(0, len(run), columns)]
