"""The trials of a sweep in words: what was chosen, and what came of it."""

import math
from collections.abc import Sequence

from mnist_core.recipe.hyperparameters import hyperparameter_fields
from mnist_tui.lab.sweep_progress import TrialSoFar
from mnist_tui.text.numbers import metric


def parameters_text(trial: TrialSoFar) -> str:
    """What was chosen, as "lr 0.0123, hidden 64,64"."""
    fields = hyperparameter_fields()
    return ", ".join(
        f"{fields[name].short_name} {chosen_text(name, value)}"
        for name, value in trial.parameters.items()
    )


def chosen_text(name: str, value: object) -> str:
    """A value of the field `name`, in few characters."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value)) or "none"
    return hyperparameter_fields()[name].format(value)


def value_text(trial: TrialSoFar) -> str:
    """Its value, with the spread over its seeds."""
    value = trial.value
    if value is None:
        return "-"
    text = metric(value) if math.isfinite(value) else "diverged"
    return text if trial.spread is None else f"{text} ± {metric(trial.spread)}"
