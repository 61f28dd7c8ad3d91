"""NumPy as a rival of MLX, and as a check on its figures."""

import time
from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import numpy as np

from mnist_core.benchmark.engine import WARM_UP_BATCHES, EpochTrained, thread_count
from mnist_core.benchmark.numpy_network import Floats, NumpyNetwork, Sgd
from mnist_core.benchmark.problem import Problem
from mnist_core.network.evaluation import evaluate


def numpy_description() -> str:
    """NumPy and its BLAS, each with its version."""
    build: Any = np.show_config(mode="dicts")
    blas = build["Build Dependencies"]["blas"]
    return f"NumPy {np.__version__}, {blas['name']} {blas['version']}"


class NumpyEngine:
    """Trains a problem with `NumpyNetwork` and `Sgd` in float32."""

    def __init__(self, problem: Problem, threads: int) -> None:
        """`threads` is only told on: NumPy's BLAS takes it from the environment as it loads."""
        self._problem = problem
        self._threads = threads
        train = problem.split.train
        self._images = train.images.reshape(len(train), -1)
        self._labels = train.labels.astype(np.int64)
        self._epoch = 0
        self._start()

    @property
    def description(self) -> str:
        return f"{numpy_description()}, {thread_count(self._threads)}"

    def warm_up(self) -> None:
        for _ in islice(self._train(1), WARM_UP_BATCHES):
            pass
        self._start()

    def train_epoch(self) -> EpochTrained:
        self._epoch += 1
        examples, loss_sum, right = 0, 0.0, 0
        began = time.perf_counter()
        for batch, loss, correct in self._train(self._epoch):
            examples += batch
            loss_sum += loss * batch
            right += correct
        seconds = time.perf_counter() - began
        test = self._problem.split.test
        logits = self._network.logits(self._problem.inputs(test.images))
        evaluation = evaluate(logits, test.labels)
        return EpochTrained(
            epoch=self._epoch,
            examples=examples,
            seconds=seconds,
            train_loss=loss_sum / examples,
            train_accuracy=right / examples,
            test_loss=evaluation.loss,
            test_accuracy=evaluation.accuracy,
        )

    def batch_losses(self) -> Iterator[float]:
        """Train from the start, batch after batch without end, telling the mean loss of each."""
        self._start()
        for epoch in count(1):
            for _, loss, _ in self._train(epoch):
                yield loss

    @property
    def parameters(self) -> list[Floats]:
        """Weight (inputs, outputs) and bias (outputs,) of each layer as they are now; views."""
        return self._network.parameters

    def _start(self) -> None:
        recipe = self._problem.hyperparameters
        assert recipe.activation in ("relu", "sigmoid")  # what a Problem allows
        size = min(recipe.batch_size, len(self._labels))
        parameters = self._problem.initial_parameters()
        self._network = NumpyNetwork(parameters, recipe.activation, size)
        self._optimizer = Sgd(recipe.learning_rate, recipe.momentum, recipe.weight_decay)
        self._pixels = np.empty((size, self._images.shape[1]), np.uint8)
        self._inputs = np.empty(self._pixels.shape, np.float32)

    def _train(self, epoch: int) -> Iterator[tuple[int, float, int]]:
        """Train on each batch of an epoch; how many examples, their mean loss, how many right."""
        network = self._network
        shift, divisor = self._problem.pixel_scaling
        for rows in self._problem.batches(epoch):
            pixels, inputs = self._pixels[: len(rows)], self._inputs[: len(rows)]
            # The rows are in bounds; "clip" spares NumPy the check and a copy.
            np.take(self._images, rows, axis=0, out=pixels, mode="clip")
            np.copyto(inputs, pixels)
            if shift:
                inputs -= shift
            inputs *= 1 / divisor
            loss, correct = network.loss_and_gradients(inputs, self._labels[rows])
            self._optimizer.update(network.flat_parameters, network.flat_gradients)
            yield len(rows), loss, correct
