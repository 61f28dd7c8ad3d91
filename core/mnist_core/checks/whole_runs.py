"""Whole runs: one that was resumed, the exported weights of one, and two beside other libraries."""

import math
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np

from mnist_core.benchmark.engines.engine import LoopEngine
from mnist_core.benchmark.engines.numpy_engine import NumpyEngine
from mnist_core.benchmark.problem import Problem
from mnist_core.checks.batches import stop
from mnist_core.checks.check import (
    Check,
    CheckContext,
    Measurement,
    NotRun,
    largest_absolute,
    parameter_names,
)
from mnist_core.checks.reference_network import forward, losses
from mnist_core.data.dataset import Dataset
from mnist_core.events import (
    BatchCompleted,
    EpochCompleted,
    Event,
    RunCompleted,
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
    found, expected = (
        [*state.parameters, *(state.optimizer_state or ())] for state in (resumed, whole)
    )
    names = parameter_names(len(whole.parameters))
    names += [f"array {k + 1} of the optimizer" for k in range(len(expected) - len(names))]
    return largest_absolute(found, expected, names).within(0.0)


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
                stop(events)
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

    arrays = load_file(path)
    parameters = [
        arrays[f"layers.{layer}.{kind}"].T.astype(np.float64)
        for layer in range(len(arrays) // 2)
        for kind in ("weight", "bias")
    ]
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


_BATCHES = 200
_PATH_TOLERANCE = 1e-4
_WITHOUT_END = 100_000
"""An epoch that these batches do not reach, however few make one."""


def check_against_numpy(context: CheckContext) -> Measurement:
    """Our losses against those of the hand-written network in float32 NumPy."""
    return _compare(context, NumpyEngine)


def check_against_torch(context: CheckContext) -> Measurement | NotRun:
    """Our losses against those of PyTorch's autograd on the CPU."""
    if find_spec("torch") is None:
        return NotRun("PyTorch is not installed, so this was not compared.")
    try:
        from mnist_core.benchmark.engines.torch_engine import TorchEngine
    except ImportError as error:
        return NotRun(f"PyTorch cannot be imported, so this was not compared: {error}.")
    return _compare(context, TorchEngine)


def _compare(
    context: CheckContext, make_rival: Callable[[Problem, int], LoopEngine]
) -> Measurement:
    """`make_rival` takes what is trained, and the CPU threads."""
    problem = Problem(presets()["mlx-docs"].hyperparameters, context.dataset)
    ours, state = _train(context, problem)
    rival = make_rival(problem, context.backend.threads)
    theirs = islice(rival.batch_losses(), _BATCHES)
    loss = largest_absolute(
        [*map(np.asarray, ours)],
        [*map(np.asarray, theirs)],
        [f"batch {step}" for step in range(1, _BATCHES + 1)],
    )
    weights = largest_absolute(
        state.parameters, rival.parameters, parameter_names(len(state.parameters))
    )
    return Measurement(
        loss.figure,
        _PATH_TOLERANCE,
        f"The losses differ most in {loss.where}. After batch {_BATCHES}, {weights.where} differ "
        f"most, by {weights.figure:.2g}.",
    )


def _train(context: CheckContext, problem: Problem) -> tuple[list[float], TrainingState]:
    """The loss of each of our batches, and the state after the last of them."""
    losses: list[float] = []
    events = train(
        problem.hyperparameters, context.dataset, backend=context.backend, until_epoch=_WITHOUT_END
    )
    for event in events:
        if isinstance(event, BatchCompleted):
            losses.append(event.loss)
        if len(losses) == _BATCHES:
            break
    return losses, stop(events)


def _check(library: str, measure: Callable[[CheckContext], Measurement | NotRun]) -> Check:
    return Check(
        f"{_BATCHES} batches as in {library}",
        f"{_BATCHES} batches of the recipe mlx-docs have the losses that {library} has from the "
        "same initial weights in the same order. The figure is the largest absolute difference.",
        measure,
    )


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
    _check("NumPy", check_against_numpy),
    _check("PyTorch", check_against_torch),
)
