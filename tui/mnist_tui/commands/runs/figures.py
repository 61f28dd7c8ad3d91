"""Figures of a run in words, as the table of runs and a run's own page write them."""

from datetime import datetime

from mnist_core.hyperparameters import Hyperparameters
from mnist_core.store import RunRecord, Score
from mnist_tui.numbers import percent
from mnist_tui.plots import difference


def score(value: Score | None) -> str:
    """An accuracy and the set it was measured on; "-" before the first evaluation."""
    return "-" if value is None else f"{percent(value.value, 2)} {value.measured_on}"


def local_time(seconds: float) -> str:
    """A time since 1970 by the clock on the wall, to the minute."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


def recipe(record: RunRecord) -> str:
    """What differs from the defaults."""
    defaults = Hyperparameters()
    if record.hyperparameters == defaults:
        return "the defaults"
    return f"{difference(record.hyperparameters, defaults)}; otherwise the defaults"
