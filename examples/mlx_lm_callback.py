"""What mlx-lm reports while it fine-tunes a language model, recorded.

mlx-lm calls the two methods by their names: at every `steps_per_report` iterations the first one,
at every `steps_per_eval` the other.
"""

import sys
from collections.abc import Mapping
from typing import Any

import mnist_core
from mnist_core.recording.recording import Recording

SPEEDS = ("iterations_per_second", "tokens_per_second")


class RecordCallback:
    """A `TrainingCallback` of mlx-lm, which looks at nothing but the methods."""

    def __init__(self, run: Recording) -> None:
        self._run = run

    def on_train_loss_report(self, train_info: Mapping[str, Any]) -> None:
        numbers = dict(train_info)
        step = numbers.pop("iteration")
        self._run.log({_name(key): value for key, value in numbers.items()}, step=step)

    def on_val_loss_report(self, val_info: Mapping[str, Any]) -> None:
        numbers = dict(val_info)
        step = numbers.pop("iteration")
        self._run.log({_name(key): value for key, value in numbers.items()}, step=step)


def _name(key: str) -> str:
    """Train and validation loss share a chart by what stands after the /."""
    named = {"train_loss": "train/loss", "val_loss": "validation/loss"}
    return named.get(key) or (f"speed/{key}" if key in SPEEDS else key)


def main() -> None:
    """`python mlx_lm_callback.py MODEL DATA` fine-tunes with mlx-lm's own defaults."""
    from types import SimpleNamespace

    from mlx_lm import lora

    model, data = sys.argv[1:]
    args = {**lora.CONFIG_DEFAULTS, "model": model, "data": data, "train": True}
    with mnist_core.record("mlx-lm", config=args) as run:
        lora.run(SimpleNamespace(**args), training_callback=RecordCallback(run))


if __name__ == "__main__":
    main()
