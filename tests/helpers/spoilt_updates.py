"""Updates that ruin a network for certain: where a real one is ruined rests on last digits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_core.network.learner import Learner

Parameters = tuple[NDArray[np.float32], ...]
"""The weight and bias of each layer in turn."""


def overflow(parameters: Parameters) -> None:
    """No weight is a number any more, and neither is the next loss."""
    for array in parameters:
        array[:] = np.nan


def die(parameters: Parameters) -> None:
    """Push every hidden unit out of reach; what is left is sure of class 0: a huge loss."""
    *biases, last = parameters[1::2]
    for bias in biases:
        bias[:] = -1e9
    last[:] = 0
    last[0] = 1e4


def spoil_updates(
    monkeypatch: pytest.MonkeyPatch,
    how: Callable[[int, float], Callable[[Parameters], None] | None],
) -> None:
    """Have update number `step` (from 1) end with `how(step, learning_rate)`; None: unspoilt."""
    update = Learner.update

    def spoiling(
        self: Learner, rows: NDArray[np.int32], step: int, learning_rate: float, *then: Any
    ) -> tuple[float, int]:
        told = update(self, rows, step, learning_rate, *then)
        spoil = how(step + 1, learning_rate)
        if spoil is not None:
            parameters, state = self.arrays()
            spoil(parameters)
            self.load(parameters, state)
        return told

    monkeypatch.setattr(Learner, "update", spoiling)


def spoil_rates(monkeypatch: pytest.MonkeyPatch, ruinous: float) -> None:
    """Have updates at a learning rate from `ruinous` on leave no weight a number."""
    spoil_updates(monkeypatch, lambda _step, rate: overflow if rate >= ruinous else None)
