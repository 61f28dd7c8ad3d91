"""Regressions in NumPy, with gradients derived by hand."""

import numpy as np
from numpy.typing import DTypeLike

from mnist_core.benchmark.engine import thread_count
from mnist_core.benchmark.numpy_engine import numpy_description
from mnist_core.benchmark.regression import Descent, Floats, RegressionProblem


class NumpyRegression:
    """Gradient descent in one dtype."""

    def __init__(self, problem: RegressionProblem, dtype: DTypeLike, threads: int) -> None:
        """`threads` is only told on: NumPy's BLAS takes it from the environment as it loads."""
        self._problem = problem
        features, targets = problem.train
        self._features: Floats = features.astype(dtype)
        self._targets: Floats = targets.astype(dtype)
        self._rate = problem.learning_rate / problem.examples
        self._threads = threads

    @property
    def description(self) -> str:
        return f"{numpy_description()}, {thread_count(self._threads)}"

    def descend(self, iterations: int) -> Descent:
        weights = np.zeros(self._features.shape[1], self._features.dtype)
        if self._problem.task == "linear":
            return self._linear(weights, iterations)
        return self._logistic(weights, iterations)

    def gradient(self, weights: Floats) -> Floats:
        """Of the mean loss, by the weights: (features,)."""
        outputs = self._features @ weights
        if self._problem.task == "logistic":
            outputs = 1 / (1 + np.exp(-outputs))
        gradient: Floats = self._features.T @ (outputs - self._targets) / self._problem.examples
        return gradient

    def gradient_difference(self) -> None:
        return None

    def _linear(self, weights: Floats, iterations: int) -> Descent:
        features, targets, rate = self._features, self._targets, self._rate
        transposed = features.T
        for _ in range(iterations):
            weights -= rate * (transposed @ (features @ weights - targets))
        return Descent(weights, iterations)

    def _logistic(self, weights: Floats, iterations: int) -> Descent:
        features, targets, rate = self._features, self._targets, self._rate
        transposed, positive = features.T, targets > 0
        for iteration in range(iterations):
            logits = features @ weights
            right = np.count_nonzero((logits > 0) == positive)
            if right >= self._problem.needed_right:
                return Descent(weights, iteration)
            weights -= rate * (transposed @ (1 / (1 + np.exp(-logits)) - targets))
        return Descent(weights, iterations)
