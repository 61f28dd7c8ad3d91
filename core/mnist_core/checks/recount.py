"""What training reported of the test set, recounted from an exported file of weights."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_core.checks.check import Check, CheckContext, Measurement
from mnist_core.checks.references import Doubles, forward, losses
from mnist_core.events import EpochCompleted
from mnist_core.export.export import export_run
from mnist_core.recipe.presets import presets
from mnist_core.store import RunStore
from mnist_core.store.recorder import recorded
from mnist_core.training.train import train

_TOLERANCE = 1e-5
_TIE = 1e-4
"""Where float32 cannot tell the largest logit from the next, either prediction is right."""


def check_recount(context: CheckContext) -> Measurement:
    """Train an epoch, keep it, export it, and measure it again in float64."""
    reported, path = _train_and_export(context)
    from safetensors.numpy import load_file

    parameters = _parameters(load_file(path))
    test = context.dataset.test
    inputs = test.images.reshape(len(test), -1) / 255
    logits = forward(parameters, inputs, "relu")
    loss = float(losses(logits, test.labels).mean())
    accuracy = float((logits.argmax(axis=1) == test.labels).mean())

    ordered = np.sort(logits, axis=1)
    ties = float((ordered[:, -1] - ordered[:, :-1].max(axis=1, initial=-np.inf) < _TIE).mean())
    figures = {
        "loss": abs(reported.test_loss - loss) / (loss or 1.0),
        "accuracy": max(0.0, abs(reported.test_accuracy - accuracy) - ties),
    }
    worst = max(figures, key=lambda name: (np.isnan(figures[name]), figures[name]))
    return Measurement(
        figures[worst],
        _TOLERANCE,
        f"The largest is in the {worst}. Training reported accuracy "
        f"{reported.test_accuracy:.6f} and loss {reported.test_loss:.6f}; "
        f"recounted, they are {accuracy:.6f} and {loss:.6f}.",
    )


def _train_and_export(context: CheckContext) -> tuple[EpochCompleted, Path]:
    """The report of the first epoch, and the file of its weights."""
    recipe = presets()["mlx-docs"].hyperparameters
    store = RunStore(context.folder / "recount")
    recorder = store.record(context.dataset, context.dataset.data, "check")
    training = train(
        recipe, context.dataset, backend=context.backend, until_epoch=1, run_id=recorder.run_id
    )
    recorder.start()
    reported = [
        event for event in recorded(training, recorder) if isinstance(event, EpochCompleted)
    ]
    try:
        path = context.folder / "recount.safetensors"
        export_run(store, store.run(recorder.run_id), "safetensors", path)
    finally:
        store.close()
    return reported[-1], path


def _parameters(arrays: Mapping[str, NDArray[Any]]) -> list[Doubles]:
    """Weight (inputs, outputs) and bias (outputs,) of each layer in turn, from an export."""
    parameters: list[Doubles] = []
    for layer in range(len(arrays) // 2):
        parameters.append(arrays[f"layers.{layer}.weight"].T.astype(np.float64))
        parameters.append(arrays[f"layers.{layer}.bias"].astype(np.float64))
    return parameters


CHECKS = (
    Check(
        "Test figures from exported weights",
        "Accuracy and loss of the test set, recounted in float64 NumPy from the exported weights, "
        "are those that training reported. The figure is the larger of the accuracy's difference "
        "and the loss's relative one.",
        check_recount,
    ),
)
