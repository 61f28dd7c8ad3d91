"""Runs that went through the store: one that was resumed, and the exported weights of another."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_core.checks.check import (
    Check,
    CheckContext,
    Measurement,
    largest_absolute,
    parameter_names,
)
from mnist_core.checks.references import Doubles, forward, losses
from mnist_core.data.dataset import Dataset
from mnist_core.events import (
    BatchCompleted,
    EpochCompleted,
    Event,
    RunCompleted,
    StopTraining,
    TrainingState,
)
from mnist_core.export.export import export_run
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.recipe.presets import presets
from mnist_core.store import RunStore
from mnist_core.store.recorder import recorded
from mnist_core.training.train import train

_TRAIN, _TEST = 1000, 200
"""Examples of the data set, at most; two epochs of them take a moment."""
_RECIPE = Hyperparameters(
    dropout=0.2, optimizer="adam", learning_rate=0.01, batch_size=64, epochs=2
)


def check_resume(context: CheckContext) -> Measurement:
    """Two epochs in one go, and two that go through a checkpoint's file."""
    dataset = replace(
        context.dataset,
        train=context.dataset.train[:_TRAIN],
        test=context.dataset.test[:_TEST],
    )
    *_, end = train(_RECIPE, dataset, backend=context.backend)
    whole = _state(end)
    resumed = _stop_and_resume(context, dataset)
    names = parameter_names(len(whole.parameters))
    found, expected = [*resumed.parameters], [*whole.parameters]
    for state, arrays in ((resumed, found), (whole, expected)):
        arrays += state.optimizer_state or ()
    names += [f"array {k + 1} of the optimizer" for k in range(len(expected) - len(names))]
    difference = largest_absolute(found, expected, names)
    return difference.within(0.0)


def _stop_and_resume(context: CheckContext, dataset: Dataset) -> TrainingState:
    """The state at the end of a run that was stopped in its first epoch."""
    stop_after = math.ceil(len(dataset.train) / _RECIPE.batch_size / 2)
    store = RunStore(context.folder / "resume")
    try:
        recorder = store.record(dataset, dataset.data, "check")
        recorder.start()
        events = recorded(
            train(_RECIPE, dataset, backend=context.backend, run_id=recorder.run_id), recorder
        )
        for event in events:
            if isinstance(event, BatchCompleted) and event.step == stop_after:
                events.throw(StopTraining())
                events.close()
        point = store.resume_point(recorder.run_id)
        if point.state is None or point.state.step != stop_after:
            why = recorder.problem or point.notice
            raise RuntimeError(f"The run cannot go on from where it was stopped. {why}".rstrip())
        recorder = store.record_again(point, dataset, dataset.data)
        recorder.start()
        training = train(_RECIPE, dataset, point.state, backend=context.backend)
        *_, end = recorded(training, recorder)
        return _state(end)
    finally:
        store.close()


def _state(end: Event) -> TrainingState:
    if not isinstance(end, RunCompleted):
        raise RuntimeError("Training did not come to its end.")
    return end.state


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
    differences = {
        "loss": abs(reported.test_loss - loss) / (loss or 1.0),
        "accuracy": max(0.0, abs(reported.test_accuracy - accuracy) - ties),
    }
    worst = max(differences, key=lambda name: (np.isnan(differences[name]), differences[name]))
    return Measurement(
        differences[worst],
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
        "A resumed run as an unbroken one",
        "A run that was stopped in the middle of an epoch and continued from its checkpoint ends "
        "with the same weights and optimizer state, to the bit. The figure is the largest "
        "absolute difference.",
        check_resume,
    ),
    Check(
        "Test figures from exported weights",
        "Accuracy and loss of the test set, recounted in float64 NumPy from the exported weights, "
        "are those that training reported. The figure is the larger of the accuracy's difference "
        "and the loss's relative one.",
        check_recount,
    ),
)
