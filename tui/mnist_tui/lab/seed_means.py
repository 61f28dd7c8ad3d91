"""Runs that differ in the seed alone, as their mean and a band of one deviation to either side."""

from collections.abc import Iterable, Sequence

import numpy as np

from mnist_tui.charts.series import Series
from mnist_tui.lab.overlay import Overlay
from mnist_tui.lab.run_progress import AXES, RunProgress


def recipe_key(run: Overlay | RunProgress) -> object:
    """The same for two runs that differ in the seed alone: recipe, changes and data."""
    if isinstance(run, RunProgress):
        recipe, data, changes = run.hyperparameters, run.dataset.fingerprint, tuple(run.changes)
    else:
        record = run.curves.record
        recipe, data, changes = record.hyperparameters, record.fingerprint, record.changes
    return recipe.model_copy(update={"seed": 0}), data, changes


def by_recipe(overlays: Iterable[Overlay]) -> list[tuple[Overlay, ...]]:
    """Groups of runs that differ in the seed alone, in the order of their first ones."""
    groups: dict[object, list[Overlay]] = {}
    for overlay in overlays:
        groups.setdefault(recipe_key(overlay), []).append(overlay)
    return [tuple(group) for group in groups.values()]


def mean_and_band(runs: Sequence[Series]) -> tuple[Series, Series, Series]:
    """(mean, mean - deviation, mean + deviation) of two runs or more, as far as all of them go.

    The deviation is that of a sample, over n - 1. Places on the axis, such as seconds, are means
    too.
    """
    length = min(map(len, runs))
    values = np.array([run.y[:length] for run in runs])
    places = {axis: np.mean([run.x(axis)[:length] for run in runs], axis=0) for axis in AXES}
    mean, deviation = values.mean(axis=0), values.std(axis=0, ddof=1)
    drawn = []
    for y in (mean, mean - deviation, mean + deviation):
        series = Series(*AXES)
        series.extend(y, **places)
        drawn.append(series)
    return drawn[0], drawn[1], drawn[2]
