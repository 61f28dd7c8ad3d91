"""Regressions in PyTorch on the CPU, with autograd."""

import numpy as np
import torch

from mnist_core.benchmark.engines.engine import thread_count
from mnist_core.benchmark.regression import (
    Descent,
    NumpyRegression,
    RegressionProblem,
    relative_difference,
)


class TorchRegression:
    """Gradient descent in float32, written as PyTorch's tutorials do."""

    def __init__(self, problem: RegressionProblem, threads: int) -> None:
        torch.set_num_threads(threads)
        self._problem = problem
        self._by_hand = NumpyRegression(problem, np.float32, threads)
        features, targets = problem.train
        self._features = torch.from_numpy(features.astype(np.float32))
        self._targets = torch.from_numpy(targets.astype(np.float32))
        self._positive = self._targets > 0

    @property
    def description(self) -> str:
        return f"PyTorch {torch.__version__} on the cpu, {thread_count(torch.get_num_threads())}"

    def gradient_difference(self) -> float:
        weights = torch.full((self._problem.features,), 0.5, requires_grad=True)
        self._loss(self._features @ weights).backward()
        assert weights.grad is not None
        by_hand = self._by_hand.gradient(weights.detach().numpy())
        return relative_difference(weights.grad.numpy(), by_hand)

    def descend(self, iterations: int) -> Descent:
        weights = torch.zeros(self._problem.features, requires_grad=True)
        stops = self._problem.task == "logistic"
        for iteration in range(iterations):
            outputs = self._features @ weights
            if stops:
                right = int(((outputs > 0) == self._positive).sum().item())
                if right >= self._problem.needed_right:
                    return Descent(weights.detach().numpy(), iteration)
            self._loss(outputs).backward()
            with torch.no_grad():
                assert weights.grad is not None
                weights -= self._problem.learning_rate * weights.grad
                weights.grad = None
        return Descent(weights.detach().numpy(), iterations)

    def _loss(self, outputs: "torch.Tensor") -> "torch.Tensor":
        if self._problem.task == "linear":
            return 0.5 * torch.mean((outputs - self._targets) ** 2)
        return torch.nn.functional.binary_cross_entropy_with_logits(outputs, self._targets)
