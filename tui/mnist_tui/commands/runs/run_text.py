"""A stored run in words, and as plain JSON values."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from mnist_core.events import json_values
from mnist_core.recipe.hyperparameters import Hyperparameters, hyperparameter_fields, to_json
from mnist_core.store import EpochRecord, RunRecord, Score
from mnist_tui.lab.differences import difference_text
from mnist_tui.lab.reproduce import command_line
from mnist_tui.text.numbers import percent


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
    return f"{difference_text(record.hyperparameters, defaults)}; otherwise the defaults"


def run_to_json(record: RunRecord) -> dict[str, Any]:
    """What `mnist-tui runs list --json` writes of a run; times in UTC after ISO 8601."""
    return json_values(
        {
            "id": record.id,
            "name": record.name,
            "state": record.state.value,
            "epochs": record.epoch,
            "planned_epochs": record.epochs,
            "best_test_accuracy": record.best_test_accuracy,
            "best_validation_accuracy": record.best_validation_accuracy,
            "best_epoch": record.best_epoch,
            "test_accuracy": record.test_accuracy,
            "validation_accuracy": record.validation_accuracy,
            "started": _moment(record.started),
            "seconds": record.seconds,
            "examples_per_second": record.examples_per_second,
            "dataset": record.dataset,
            "note": record.note,
            "tags": list(record.tags),
            "hyperparameters": to_json(record.hyperparameters),
        }
    )


def details_to_json(record: RunRecord, epochs: list[EpochRecord]) -> dict[str, Any]:
    """What `mnist-tui runs show --json` writes: all that is known of a run but its batches."""
    values = to_json(record.hyperparameters)
    defaults = {name: field.default for name, field in hyperparameter_fields().items()}
    return run_to_json(record) | json_values(
        {
            "differs": {
                name: values[name]
                for name, default in defaults.items()
                if getattr(record.hyperparameters, name) != default
            },
            "changes": [asdict(change) for change in record.changes],
            "command": command_line(record),
            "failure": record.failure,
            "step": record.step,
            "steps_per_epoch": record.steps_per_epoch,
            "test_loss": record.test_loss,
            "validation_loss": record.validation_loss,
            "updated": _moment(record.updated),
            "ended": None if record.ended is None else _moment(record.ended),
            "data": record.data,
            "fingerprint": record.fingerprint,
            "train_examples": record.train_examples,
            "validation_examples": record.validation_examples,
            "test_examples": record.test_examples,
            "parameter_count": record.parameter_count,
            "environment": asdict(record.environment),
            "pid": record.pid,
            "host": record.host,
            "epoch_figures": [json_values(asdict(epoch)) for epoch in epochs],
        }
    )


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
