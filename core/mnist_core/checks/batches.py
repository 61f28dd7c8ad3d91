"""What an epoch trains on, read from the weights that a training example alone can change.

Each image has one lit pixel of its own, and the network is one layer. So a row of its weights moves
only when its example is in the batch, by the learning rate times softmax minus target, once for
each time that it is there. Nothing of how batches are made is called here.
"""

from collections.abc import Generator
from contextlib import closing
from functools import partial

import numpy as np

from mnist_core.backend.backend import Backend
from mnist_core.checks.check import Check, CheckContext, Measurement
from mnist_core.checks.reference_network import Doubles, doubles, forward
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.events import (
    BatchCompleted,
    EpochCompleted,
    Event,
    RunStopped,
    StopTraining,
    TrainingState,
)
from mnist_core.recipe.hyperparameters import Hyperparameters
from mnist_core.training.train import train

_SHAPE = (7, 10)
EXAMPLES = _SHAPE[0] * _SHAPE[1]
BATCH_SIZE = 16
"""Does not divide the examples: the last batch is a partial one."""
_CLASSES = 5
_TOLERANCE = 1e-3
"""Rounding moves a count by a few millionths."""
_GIVEN_UP = 100
"""Batches after which two epochs must have ended."""

Visits = dict[int, Doubles]
"""By epoch: (batches, examples), how often each batch was trained on each example."""


def check_coverage(shuffle: bool, context: CheckContext) -> Measurement:
    """How often each epoch trains on each example."""
    visits = read_visits(_recipe(shuffle=shuffle), 2, context.backend)
    counts = np.array([of_epoch.sum(axis=0) for of_epoch in visits.values()])
    gaps = np.abs(counts - 1)
    row, example = np.unravel_index(gaps.argmax(), gaps.shape)
    detail = "Every example was trained on once."
    if gaps[row, example] > _TOLERANCE:
        detail = (
            f"Epoch {row + 1} trained on example {example + 1} of {EXAMPLES} "
            f"{counts[row, example]:.3g} times."
        )
    return Measurement(float(gaps.max()), _TOLERANCE, detail)


def check_file_order(context: CheckContext) -> Measurement:
    """Unshuffled batches against slices of the examples."""
    (found,) = read_visits(_recipe(shuffle=False), 1, context.backend).values()
    batches = np.arange(EXAMPLES) // BATCH_SIZE
    expected = (batches == np.arange(batches[-1] + 1)[:, None]).astype(np.float64)
    if found.shape != expected.shape:
        raise ValueError(f"The epoch had {len(found)} batches instead of {len(expected)}.")
    gaps = np.abs(found - expected)
    batch, example = np.unravel_index(gaps.argmax(), gaps.shape)
    return Measurement(
        float(gaps.max()),
        _TOLERANCE,
        f"The largest is of example {example + 1} in batch {batch + 1}.",
    )


def check_orders(context: CheckContext) -> Measurement:
    """Orders of two epochs, of the same seed again, and of another one."""
    first = read_visits(_recipe(), 2, context.backend)
    again = read_visits(_recipe(), 2, context.backend)
    other = read_visits(_recipe(seed=1), 1, context.backend)
    promises = {
        "Epochs 1 and 2 have the same batches.": not _same(first[1], first[2]),
        "The same seed gives other batches.": all(_same(first[e], again[e]) for e in first),
        "Another seed gives the same batches.": not _same(first[1], other[1]),
    }
    broken = [sentence for sentence, kept in promises.items() if not kept]
    return Measurement(float(len(broken)), 0.0, " ".join(broken) or "All three hold.")


def _same(first: Doubles, second: Doubles) -> bool:
    """Whether two epochs have the same examples in each batch."""
    return first.shape == second.shape and bool(np.abs(first - second).max() <= _TOLERANCE)


def read_visits(recipe: Hyperparameters, epochs: int, backend: Backend) -> Visits:
    """How often training visited each example, by epoch.

    Raises:
        RuntimeError: the epochs do not come to an end.
    """
    dataset = _dataset()
    inputs = dataset.train.images.reshape(EXAMPLES, -1) / 255
    targets = np.eye(_CLASSES)[dataset.train.labels]
    visits: dict[int, list[Doubles]] = {}
    state: TrainingState | None = None
    for _ in range(_GIVEN_UP):
        trained = _train_batch(recipe, dataset, state, epochs, backend)
        if trained is None:
            return {epoch: np.array(rows) for epoch, rows in visits.items()}
        before, epoch, after = trained
        rows = visits.setdefault(epoch, [])
        weights = doubles(before.parameters)
        shares = np.exp(forward(weights, inputs, "relu"))
        shares /= shares.sum(axis=1, keepdims=True)
        size = min(BATCH_SIZE, EXAMPLES - len(rows) * BATCH_SIZE)
        once = recipe.learning_rate * (targets - shares) / max(1, size)
        moved = after.parameters[0].astype(np.float64) - weights[0]
        rows.append((moved * once).sum(axis=1) / (once * once).sum(axis=1))
        state = after
    raise RuntimeError(f"After {_GIVEN_UP} batches, {epochs} epochs were not complete.")


def _train_batch(
    recipe: Hyperparameters,
    dataset: Dataset,
    state: TrainingState | None,
    epochs: int,
    backend: Backend,
) -> tuple[TrainingState, int, TrainingState] | None:
    """One batch: the state before it, its epoch, and the state after it; None: no more of them."""
    with closing(train(recipe, dataset, state, backend=backend, until_epoch=epochs)) as events:
        for event in events:
            if isinstance(event, EpochCompleted):
                if event.epoch == epochs:
                    return None
                state = event.state
            if isinstance(event, BatchCompleted):
                assert state is not None, "epoch 0 is told before any batch"
                return state, event.epoch, stop(events)
    raise RuntimeError("Training ended before its last epoch was complete.")


def stop(events: Generator[Event, None, None]) -> TrainingState:
    """Stop training; the state that it was stopped in.

    Raises:
        RuntimeError: it did not stop.
    """
    end = events.throw(StopTraining())
    events.close()
    if not isinstance(end, RunStopped):
        raise RuntimeError("Training did not stop when it was asked to.")
    return end.state


def _recipe(*, shuffle: bool = True, seed: int = 0) -> Hyperparameters:
    return Hyperparameters(
        hidden_sizes=(), batch_size=BATCH_SIZE, epochs=2, shuffle=shuffle, seed=seed
    )


def _dataset() -> Dataset:
    images = (np.eye(EXAMPLES) * 255).astype(np.uint8).reshape(EXAMPLES, *_SHAPE)
    examples = Examples(images, (np.arange(EXAMPLES) % _CLASSES).astype(np.uint16))
    labels = range(_CLASSES)
    return Dataset("pixels", examples, examples, tuple(map(str, labels)), tuple(labels))


_ONCE = (
    f"Each of two epochs trains on each of {EXAMPLES} examples exactly once, in batches of "
    f"{BATCH_SIZE} of which the last is a partial one. The figure is the largest difference from "
    "one time, read from the weights."
)

CHECKS = (
    Check("Every example once, shuffled", _ONCE, partial(check_coverage, True)),
    Check("Every example once, unshuffled", _ONCE, partial(check_coverage, False)),
    Check(
        "Unshuffled batches in file order",
        "Without shuffling, each batch has the next examples of the file. The figure is the "
        "largest difference of a count, read from the weights.",
        check_file_order,
    ),
    Check(
        "Orders of epochs and seeds",
        "Two epochs have different batches, the same seed repeats them, another seed does not. "
        "The figure is how many of these three do not hold.",
        check_orders,
    ),
)
