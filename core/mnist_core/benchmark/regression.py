"""Linear and logistic regression by full-batch descent: the problem, its forms, those in NumPy."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

from mnist_core.benchmark.engines.engine import thread_count
from mnist_core.benchmark.engines.numpy_engine import Floats, numpy_description

RegressionName = Literal["linear", "logistic"]
RegressionEngine = Literal["mlx", "mlx-stock", "numpy", "torch"]
RegressionForm = Literal[
    "mlx-fast", "mlx-like", "mlx-published", "mlx-stock", "numpy-float64", "numpy-float32", "torch"
]


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write the same gradient descent."""

    engine: RegressionEngine
    words: str
    """What is special about it, for people."""
    published: Mapping[str, int]
    """Iterations per second that were published for it, on an Apple M1, by task."""


FORMS: Mapping[str, Form] = {
    "mlx-fast": Form(
        "mlx", "iterations compiled into one call, gradient by hand, float32, on one core", {}
    ),
    "mlx-like": Form("mlx", "the operations of NumPy, evaluated each iteration, float32", {}),
    "mlx-published": Form(
        "mlx",
        "mx.grad, float32, evaluated only where a value is read",
        {"linear": 10_348, "logistic": 1_628},
    ),
    "mlx-stock": Form("mlx-stock", "mlx-published on the BLAS that MLX's wheel brings", {}),
    "numpy-float64": Form(
        "numpy", "gradient by hand, float64, as published", {"linear": 8_320, "logistic": 3_858}
    ),
    "numpy-float32": Form("numpy", "the same in float32", {}),
    "torch": Form("torch", "autograd, float32", {}),
}
"""Each form, ours first."""

assert set(FORMS) == set(get_args(RegressionForm))


@dataclass(frozen=True)
class RegressionProblem:
    """Examples drawn from the seed, and how the weights are learned, from zeros.

    Features and true weights are standard normal. The targets of `linear` are
    ``features @ true_weights + noise``; those of `logistic` are 1 where that is above 0, else 0.
    """

    task: RegressionName
    examples: int = 1000
    features: int = 100
    noise: float = 0.01
    """Standard deviation of what is added to each target."""
    learning_rate: float = 0.01
    iterations: int = 10_000
    """Updates of the weights; `logistic` may stop before."""
    enough_percent: int = 95
    """`logistic` stops when more than so many percent of the training examples are right."""
    seed: int = 0

    @property
    def needed_right(self) -> int:
        """The smallest number of right training examples that stops `logistic`."""
        return self.examples * self.enough_percent // 100 + 1

    @cached_property
    def true_weights(self) -> NDArray[np.float64]:
        """(features,)."""
        return np.random.default_rng((self.seed, 0)).standard_normal(self.features)

    @cached_property
    def train(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Features (examples, features) and targets (examples,)."""
        return self._draw(stream=1, noise=self.noise)

    @cached_property
    def test(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """As many other examples; their targets are without noise."""
        return self._draw(stream=2, noise=0.0)

    def _draw(self, stream: int, noise: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        random = np.random.default_rng((self.seed, stream))
        features = random.standard_normal((self.examples, self.features))
        targets = features @ self.true_weights + noise * random.standard_normal(self.examples)
        return features, targets if self.task == "linear" else (targets > 0).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Descent:
    """Where gradient descent ended."""

    weights: Floats
    """(features,)."""
    iterations: int
    """Updates that led to these weights."""


class Regression(Protocol):
    """One form of one problem."""

    @property
    def description(self) -> str:
        """The library with its version, device, BLAS and threads, for people."""

    def descend(self, iterations: int) -> Descent:
        """Update the weights, from zeros, `iterations` times, or until `logistic` may stop.

        Whether it may is checked before each update, for the weights as they then are.
        """

    def gradient_difference(self) -> float | None:
        """How far the library's gradient is from the one derived by hand; None: it derives none.

        The largest difference of two components over the largest component, at weights of 0.5.
        """


@dataclass(frozen=True, slots=True)
class RegressionMetrics:
    """How good weights are, computed in float64, whatever trained them."""

    train_loss: float
    """linear: half the mean squared error; logistic: mean cross-entropy in nats."""
    test_error: float | None
    """linear: mean squared error against the test targets, which have no noise."""
    train_accuracy: float | None
    """logistic: share of right predictions among the training examples."""
    test_accuracy: float | None
    """logistic: share of right predictions among the test examples."""


def metrics(problem: RegressionProblem, weights: Floats) -> RegressionMetrics:
    """The metrics of `weights` (features,)."""
    exact = weights.astype(np.float64)
    train_features, train_targets = problem.train
    test_features, test_targets = problem.test
    train, test = train_features @ exact, test_features @ exact
    if problem.task == "linear":
        return RegressionMetrics(
            train_loss=float(np.mean((train - train_targets) ** 2) / 2),
            test_error=float(np.mean((test - test_targets) ** 2)),
            train_accuracy=None,
            test_accuracy=None,
        )
    return RegressionMetrics(
        train_loss=float(np.mean(np.logaddexp(0, train) - train_targets * train)),
        test_error=None,
        train_accuracy=float(np.mean((train > 0) == train_targets)),
        test_accuracy=float(np.mean((test > 0) == test_targets)),
    )


def relative_difference(ours: Floats, reference: Floats) -> float:
    """The largest difference over the largest component of `reference`."""
    return float(np.max(np.abs(ours - reference)) / np.max(np.abs(reference)))


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
