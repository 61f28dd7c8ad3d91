"""The command line that trains a run again."""

import shlex
from collections.abc import Iterable
from typing import Any

from mnist_core.recipe.changes import Change
from mnist_core.recipe.hyperparameters import (
    HyperparameterField,
    Hyperparameters,
    differing_fields,
    hyperparameter_fields,
    unused_fields,
)
from mnist_core.recipe.presets import nearest_preset
from mnist_core.store import RunRecord


def command_line(record: RunRecord) -> str:
    """The shell command that gives the run's figures again, on the same machine to the bit.

    Values without effect, such as a momentum beside adam, are in it only where a preset has them,
    since the flags refuse them. A run whose data had no name or folder takes the default data.
    """
    words = ["mnist-tui", "train"]
    if record.data:
        words += _with_value("--data", record.data)
    words += recipe_flags(record.hyperparameters)
    words += change_flags(record.changes)
    if record.epochs != _planned_epochs(record):
        words += ["--until-epoch", str(record.epochs)]
    environment = record.environment
    words += ["--device", environment.device, "--threads", str(environment.threads)]
    return shlex.join(words)


def change_flags(changes: Iterable[Change]) -> list[str]:
    """--change for each."""
    return [word for change in changes for word in ("--change", str(change))]


def _planned_epochs(record: RunRecord) -> int:
    """The epoch that the recipe and the changes made so far end with."""
    epochs = record.hyperparameters.epochs
    for change in record.changes:
        if change.field == "epochs" and change.step <= record.step:
            epochs = max(int(change.value), record.recipe.epoch_steps.completed(change.step))
    return epochs


def recipe_flags(hyperparameters: Hyperparameters) -> list[str]:
    """--preset and the flags that make that preset into `hyperparameters`, as few as can be."""
    unused, preset = unused_fields(hyperparameters), nearest_preset(hyperparameters)
    words = ["--preset", preset.name]
    for name in differing_fields(hyperparameters, preset.hyperparameters):
        if name not in unused:
            words += _flag(hyperparameter_fields()[name], getattr(hyperparameters, name))
    return words


def _flag(field: HyperparameterField, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [field.flag if value else "--no-" + field.flag.removeprefix("--")]
    if isinstance(value, float):
        # Unlike the text for people, this one reads back as the same number.
        return [field.flag, repr(value)]
    return [field.flag, field.format(value).replace(", ", ",")]


def _with_value(flag: str, value: str) -> list[str]:
    return [f"{flag}={value}"] if value.startswith("-") else [flag, value]
