"""Regressions in MLX, in three forms: as published, like NumPy's, and as fast as we can."""

from collections.abc import Callable
from typing import Any

import numpy as np

from mnist_core.backend.backend import Backend, configure
from mnist_core.backend.kernel_cache import healed
from mnist_core.backend.mlx import mx
from mnist_core.benchmark.engines.engine import mlx_description
from mnist_core.benchmark.regression import (
    Descent,
    RegressionProblem,
    relative_difference,
)

_Block = Callable[[mx.array], tuple[mx.array, ...]]


class _MlxRegression:
    """What the forms share. Weights and targets are columns, as matrix products take them."""

    def __init__(self, problem: RegressionProblem, threads: int) -> None:
        self._backend: Backend = configure("auto", threads)
        self._problem = problem
        self._rate = problem.learning_rate / problem.examples
        features, targets = problem.train
        self._features = mx.array(features.astype(np.float32))
        self._targets = mx.array(targets.astype(np.float32)[:, None])
        self._positive = self._targets > 0
        mx.eval(self._features, self._targets, self._positive)

    @property
    def description(self) -> str:
        return mlx_description(self._backend)

    def gradient_difference(self) -> float:
        weights = mx.full((self._problem.features, 1), 0.5)
        automatic, by_hand = mx.grad(self._loss)(weights), self._gradient_by_hand(weights)
        return relative_difference(np.array(automatic), np.array(by_hand))

    def _loss(self, weights: mx.array) -> mx.array:
        outputs = self._features @ weights
        if self._problem.task == "linear":
            return 0.5 * mx.mean(mx.square(outputs - self._targets))
        return mx.mean(mx.logaddexp(0.0, outputs) - self._targets * outputs)

    def _gradient_by_hand(self, weights: mx.array) -> mx.array:
        outputs = self._features @ weights
        if self._problem.task == "logistic":
            outputs = mx.sigmoid(outputs)
        return self._features.T @ (outputs - self._targets) / self._problem.examples

    def _zeros(self) -> mx.array:
        return mx.zeros((self._problem.features, 1))

    def _right(self, logits: mx.array) -> mx.array:
        """How many right predictions are in each column of `logits` (examples, columns).

        Only their signs count.
        """
        return mx.sum((logits > 0) == self._positive, axis=0)

    def _enough(self, right: mx.array) -> bool:
        """Whether `right`, for one column, stops the training; evaluates it."""
        return bool(np.array(right)[0] >= self._problem.needed_right)


class MlxPublished(_MlxRegression):
    """`mx.grad`, lazily: linear is evaluated once, logistic where its accuracy is read."""

    def descend(self, iterations: int) -> Descent:
        weights, learning_rate = self._zeros(), self._problem.learning_rate
        if self._problem.task == "linear":
            gradient = mx.grad(self._loss)
            for _ in range(iterations):
                weights = weights - learning_rate * gradient(weights)
            return _descent(weights, iterations)
        loss_right_and_gradient = mx.value_and_grad(self._loss_and_right)
        for iteration in range(iterations):
            (_, right), step = loss_right_and_gradient(weights)
            if self._enough(right):
                return _descent(weights, iteration)
            weights = weights - learning_rate * step
        return _descent(weights, iterations)

    def _loss_and_right(self, weights: mx.array) -> tuple[mx.array, mx.array]:
        logits = self._features @ weights
        loss = mx.mean(mx.logaddexp(0.0, logits) - self._targets * logits)
        return loss, self._right(logits)


class MlxLike(_MlxRegression):
    """The operations of `NumpyRegression`, each iteration evaluated before the next begins."""

    def descend(self, iterations: int) -> Descent:
        features, targets, rate = self._features, self._targets, self._rate
        weights, transposed = self._zeros(), features.T
        if self._problem.task == "linear":
            for _ in range(iterations):
                weights = weights - rate * (transposed @ (features @ weights - targets))
                mx.eval(weights)
            return _descent(weights, iterations)
        for iteration in range(iterations):
            logits = features @ weights
            right = self._right(logits)
            following = weights - rate * (transposed @ (mx.sigmoid(logits) - targets))
            mx.eval(right, following)
            if self._enough(right):
                return _descent(weights, iteration)
            weights = following
        return _descent(weights, iterations)


class MlxFast(_MlxRegression):
    """Several iterations compiled into one call, each with all its products."""

    def __init__(self, problem: RegressionProblem, threads: int, iterations_per_call: int) -> None:
        super().__init__(problem, threads)
        self._per_call = iterations_per_call
        self._blocks: dict[int, _Block] = {}
        self._halves, self._signs = self._features / 2, 1 - 2 * self._targets
        mx.eval(self._halves, self._signs)

    def descend(self, iterations: int) -> Descent:
        return healed(lambda: self._descend(iterations))

    def _descend(self, iterations: int) -> Descent:
        linear, weights = self._problem.task == "linear", self._zeros()
        for done in range(0, iterations, self._per_call):
            # The last call does what is left: never an iteration too many.
            block = self._block(min(self._per_call, iterations - done))
            weights, *others = block(weights)
            mx.eval(weights, *others[:1])
            if linear:
                continue
            enough = np.flatnonzero(np.array(others[0]) >= self._problem.needed_right)
            if len(enough):
                return _descent(others[1 + int(enough[0])], done + int(enough[0]))
        return _descent(weights, iterations)

    def _block(self, iterations: int) -> _Block:
        if iterations not in self._blocks:
            make = self._linear if self._problem.task == "linear" else self._logistic
            self._blocks[iterations] = mx.compile(make(iterations))
        return self._blocks[iterations]

    def _linear(self, iterations: int) -> _Block:
        """weights -> (weights after the iterations,)."""
        features, targets, rate = self._features, self._targets, self._rate

        def block(weights: mx.array) -> tuple[mx.array, ...]:
            for _ in range(iterations):
                errors = mx.addmm(targets, features, weights, beta=-1.0)
                weights = mx.addmm(weights, features.T, errors, alpha=-rate)
            return (weights,)

        return block

    def _logistic(self, iterations: int) -> _Block:
        """weights -> (weights after them, right predictions before each, weights before each)."""
        halves, signs, rate = self._halves, self._signs, self._rate

        def block(weights: mx.array) -> tuple[mx.array, ...]:
            before, half_logits = [], []
            for _ in range(iterations):
                before.append(weights)
                half_logits.append(halves @ weights)
                # With the sigmoid p of z, tanh(z/2) is 2p - 1, which MLX computes faster on a CPU:
                # the features times p - y are half of them times tanh(z/2) + 1 - 2y.
                errors = mx.tanh(half_logits[-1]) + signs
                weights = mx.addmm(weights, halves.T, errors, alpha=-rate)
            return weights, self._right(mx.concatenate(half_logits, axis=1)), *before

        return block


def _descent(weights: mx.array, iterations: int) -> Descent:
    """Evaluates what is still lazy."""
    values: Any = np.array(weights)
    return Descent(values[:, 0], iterations)
