"""The update rules in float64 NumPy, as their papers write them.

Each remembers what it needs for one parameter array, from zeros. `update` counts from 1.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mnist_core.checks.references import Doubles


@dataclass(frozen=True, slots=True)
class Rates:
    """The settings of a rule."""

    learning_rate: float
    momentum: float
    weight_decay: float


Rule = Callable[[Doubles, Doubles, list[Doubles], int, Rates], Doubles]
"""(parameter, gradient, memory, update, rates) -> parameter; the memory is changed in place."""


def sgd(w: Doubles, g: Doubles, memory: list[Doubles], update: int, rates: Rates) -> Doubles:
    """v = m v + (g + d w); w = w - r v (Polyak, 1964, with L2 decay)."""
    memory[0] = rates.momentum * memory[0] + g + rates.weight_decay * w
    return w - rates.learning_rate * memory[0]


def adam(w: Doubles, g: Doubles, memory: list[Doubles], update: int, rates: Rates) -> Doubles:
    """Kingma and Ba, 2015, algorithm 1, with their 0.9, 0.999 and 1e-8."""
    memory[0] = 0.9 * memory[0] + (1 - 0.9) * g
    memory[1] = 0.999 * memory[1] + (1 - 0.999) * g**2
    mean = memory[0] / (1 - 0.9**update)
    mean_square = memory[1] / (1 - 0.999**update)
    return w - rates.learning_rate * mean / (np.sqrt(mean_square) + 1e-8)


def adamw(w: Doubles, g: Doubles, memory: list[Doubles], update: int, rates: Rates) -> Doubles:
    """Loshchilov and Hutter, 2019, algorithm 2: Adam, and apart from it w - r d w."""
    return adam(w, g, memory, update, rates) - rates.learning_rate * rates.weight_decay * w


def rmsprop(w: Doubles, g: Doubles, memory: list[Doubles], update: int, rates: Rates) -> Doubles:
    """Tieleman and Hinton, 2012, lecture 6.5, with a decay of 0.99."""
    memory[0] = 0.99 * memory[0] + (1 - 0.99) * g**2
    return w - rates.learning_rate * g / (np.sqrt(memory[0]) + 1e-8)


def adagrad(w: Doubles, g: Doubles, memory: list[Doubles], update: int, rates: Rates) -> Doubles:
    """Duchi et al., 2011, figure 1, diagonal."""
    memory[0] = memory[0] + g**2
    return w - rates.learning_rate * g / (np.sqrt(memory[0]) + 1e-8)


def lion(w: Doubles, g: Doubles, memory: list[Doubles], update: int, rates: Rates) -> Doubles:
    """Chen et al., 2023, algorithm 2, with 0.9 and 0.99."""
    direction = np.sign(0.9 * memory[0] + (1 - 0.9) * g)
    memory[0] = 0.99 * memory[0] + (1 - 0.99) * g
    return w - rates.learning_rate * (direction + rates.weight_decay * w)


def muon(w: Doubles, g: Doubles, memory: list[Doubles], update: int, rates: Rates) -> Doubles:
    """Jordan et al., 2024: Nesterov momentum, for matrices through five Newton-Schulz steps.

    The polynomial acts on the singular values alone, so here it is applied to them.
    """
    m = rates.momentum
    memory[0] = m * memory[0] + (1 - m) * g
    change = m * memory[0] + (1 - m) * g
    if w.ndim == 2:
        left, singular, right = np.linalg.svd(change, full_matrices=False)
        singular /= np.linalg.norm(singular) + 1e-7
        for _ in range(5):
            singular = 3.4445 * singular - 4.7750 * singular**3 + 2.0315 * singular**5
        change = (left * singular) @ right * max(1.0, w.shape[1] / w.shape[0]) ** 0.5
    return w - rates.learning_rate * (change + rates.weight_decay * w)
