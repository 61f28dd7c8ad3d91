"""The training loop of MLX's own examples, by itself on the BLAS that MLX's wheel brings.

It is the only module besides `mnist_core.backend.mlx` that imports MLX. A process that imports that
one first gets the loop on the fast BLAS it puts in place; one that does not measures what people
have.
"""

import time
from collections.abc import Iterator
from functools import partial
from importlib import metadata
from itertools import islice, pairwise
from typing import Literal

import mlx.core as mx
import mlx.nn as nn
import mlx.optimizers as optim
import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.kernel_cache import install_kernel_cache
from mnist_core.benchmark.engines.engine import WARM_UP_BATCHES, EpochTrained
from mnist_core.benchmark.problem import Problem
from mnist_core.network.evaluation import Evaluation, evaluate

_EVALUATION_BATCH = 1000


class StockEngine:
    """Trains a problem as the published loop does, which reads no loss or accuracy of a batch."""

    def __init__(self, problem: Problem, batches: int | None) -> None:
        """`batches` limits how many of each epoch are trained; None trains all.

        Raises:
            BackendMissing: MLX cannot be used here, as a sentence.
        """
        if install_kernel_cache().reason:
            mx.disable_compile()
        self._problem = problem
        self._batches = batches
        train = problem.split.train
        self._images = mx.array(problem.inputs(train.images))
        self._labels = mx.array(train.labels.astype(np.int32))
        self._epoch = 0
        self._start()

    @property
    def description(self) -> str:
        device = "gpu" if mx.default_device() == mx.Device(mx.gpu) else "cpu"
        version = metadata.version("mlx")
        return f"MLX {version} on the {device} as its wheel comes; reads no loss of a batch"

    def warm_up(self) -> None:
        self._train(1, WARM_UP_BATCHES)
        self._start()

    def train_epoch(self) -> EpochTrained:
        self._epoch += 1
        began = time.perf_counter()
        examples = self._train(self._epoch, self._batches)
        seconds = time.perf_counter() - began
        evaluation = self.test_evaluation()
        return EpochTrained(
            epoch=self._epoch,
            examples=examples,
            seconds=seconds,
            train_loss=None,
            train_accuracy=None,
            test_loss=evaluation.loss,
            test_accuracy=evaluation.accuracy,
        )

    def _start(self) -> None:
        recipe = self._problem.hyperparameters
        activation = nn.ReLU if recipe.activation == "relu" else nn.Sigmoid
        dense = [nn.Linear(inputs, outputs) for inputs, outputs in pairwise(self._problem.sizes)]
        parameters = self._problem.initial_parameters()
        for layer, weight, bias in zip(dense, parameters[::2], parameters[1::2], strict=True):
            layer.weight, layer.bias = mx.array(weight.T.copy()), mx.array(bias)
        hidden = [layer for linear in dense[:-1] for layer in (linear, activation())]
        self._model = nn.Sequential(*hidden, dense[-1])
        mx.eval(self._model.parameters())
        self._optimizer = optim.SGD(recipe.learning_rate, recipe.momentum, recipe.weight_decay)

    def train_lazily(self, epochs: int, evaluate_each: Literal["batch", "epoch", "end"]) -> None:
        """Train the first epochs, forgetting what was trained before, with so few evaluations."""
        self._start()
        for epoch in range(1, epochs + 1):
            self._train(epoch, self._batches, evaluate_each=evaluate_each == "batch")
            if evaluate_each == "epoch":
                self._evaluate()
        self._evaluate()

    def test_evaluation(self) -> Evaluation:
        """Loss and accuracy on the test examples."""
        return evaluate(self._test_logits(), self._problem.split.test.labels)

    def _evaluate(self) -> None:
        mx.eval(self._model.parameters(), self._optimizer.state)

    def _train(self, epoch: int, batches: int | None, *, evaluate_each: bool = True) -> int:
        """Train on the first `batches` of an epoch; how many examples these are."""
        model, optimizer = self._model, self._optimizer
        loss_and_gradients = nn.value_and_grad(model, partial(_loss, model))
        examples = 0
        for images, labels in islice(self._batch_iterate(epoch), batches):
            _, gradients = loss_and_gradients(images, labels)
            optimizer.update(model, gradients)
            if evaluate_each:
                mx.eval(model.parameters(), optimizer.state)
            examples += len(labels)
        return examples

    def _batch_iterate(self, epoch: int) -> Iterator[tuple[mx.array, mx.array]]:
        order = mx.array(self._problem.order(epoch))
        size = self._problem.hyperparameters.batch_size
        for start in range(0, order.size, size):
            rows = order[start : start + size]
            yield self._images[rows], self._labels[rows]

    def _test_logits(self) -> NDArray[np.float32]:
        images = self._problem.split.test.images
        parts = []
        for start in range(0, len(images), _EVALUATION_BATCH):
            inputs = mx.array(self._problem.inputs(images[start : start + _EVALUATION_BATCH]))
            parts.append(np.array(self._model(inputs)))
        return np.concatenate(parts)


def _loss(model: nn.Module, images: mx.array, labels: mx.array) -> mx.array:
    return nn.losses.cross_entropy(model(images), labels, reduction="mean")
