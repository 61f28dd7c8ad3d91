"""The first batches of a run against the same batches in other libraries."""

from collections.abc import Sequence
from importlib.util import find_spec
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_core.benchmark.engines.engine import LoopEngine
from mnist_core.benchmark.engines.numpy_engine import NumpyEngine
from mnist_core.benchmark.problem import Problem
from mnist_core.checks.check import (
    Check,
    CheckContext,
    Measurement,
    NotRun,
    largest_absolute,
    parameter_names,
)
from mnist_core.events import BatchCompleted, RunStopped, StopTraining, TrainingState
from mnist_core.recipe.presets import presets
from mnist_core.training.train import train

BATCHES = 200
_TOLERANCE = 1e-4
_WITHOUT_END = 100_000
"""An epoch that these batches do not reach, however few make one."""


def check_against_numpy(context: CheckContext) -> Measurement:
    """Our losses against those of the hand-written network in float32 NumPy."""
    problem = _problem(context)
    return _compare(context, problem, NumpyEngine(problem, context.backend.threads))


def check_against_torch(context: CheckContext) -> Measurement | NotRun:
    """Our losses against those of PyTorch's autograd on the CPU."""
    if find_spec("torch") is None:
        return NotRun("PyTorch is not installed, so this was not compared.")
    try:
        from mnist_core.benchmark.engines.torch_engine import TorchEngine
    except ImportError as error:
        return NotRun(f"PyTorch cannot be imported, so this was not compared: {error}.")
    problem = _problem(context)
    return _compare(context, problem, TorchEngine(problem, context.backend.threads))


def _problem(context: CheckContext) -> Problem:
    return Problem(presets()["mlx-docs"].hyperparameters, context.dataset)


def _compare(context: CheckContext, problem: Problem, rival: LoopEngine) -> Measurement:
    ours, state = _train(context, problem)
    theirs = list(islice(rival.batch_losses(), BATCHES))
    names = [f"batch {step}" for step in range(1, BATCHES + 1)]
    loss = largest_absolute(_scalars(ours), _scalars(theirs), names)
    weights = largest_absolute(
        state.parameters, rival.parameters, parameter_names(len(state.parameters))
    )
    return Measurement(
        loss.figure,
        _TOLERANCE,
        f"The losses differ most in {loss.where}. After batch {BATCHES}, {weights.where} differ "
        f"most, by {weights.figure:.2g}.",
    )


def _scalars(losses: Sequence[float]) -> list[NDArray[np.float64]]:
    return [np.asarray(loss) for loss in losses]


def _train(context: CheckContext, problem: Problem) -> tuple[list[float], TrainingState]:
    """The loss of each of our batches, and the state after the last of them."""
    losses: list[float] = []
    events = train(
        problem.hyperparameters, context.dataset, backend=context.backend, until_epoch=_WITHOUT_END
    )
    for event in events:
        if isinstance(event, BatchCompleted):
            losses.append(event.loss)
        if len(losses) == BATCHES:
            break
    end = events.throw(StopTraining())
    events.close()
    if not isinstance(end, RunStopped):
        raise RuntimeError("Training did not stop when it was asked to.")
    return losses, end.state


def _check(library: str, measure: Any) -> Check:
    return Check(
        f"{BATCHES} batches as in {library}",
        f"{BATCHES} batches of the recipe mlx-docs have the losses that {library} has from the "
        "same initial weights in the same order. The figure is the largest absolute difference.",
        measure,
    )


CHECKS = (_check("NumPy", check_against_numpy), _check("PyTorch", check_against_torch))
