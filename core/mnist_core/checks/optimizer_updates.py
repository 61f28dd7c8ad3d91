"""Updates against their formulas: one of training's own, and three of every optimizer.

The update rules are in float64 NumPy, as their papers write them. Each remembers what it needs for
one parameter array, from zeros; `update` counts from 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from mnist_core.backend.mlx import mx
from mnist_core.benchmark.engines.numpy_engine import NumpyNetwork
from mnist_core.benchmark.problem import Problem
from mnist_core.checks.check import (
    Check,
    CheckContext,
    Measurement,
    largest_relative,
    parameter_names,
)
from mnist_core.checks.references import Doubles, distance_to_kink, doubles
from mnist_core.network.learner import Learner
from mnist_core.network.optimizers import OPTIMIZERS, Settings
from mnist_core.network.parameters import initial_parameters
from mnist_core.recipe.hyperparameters import OptimizerName
from mnist_core.recipe.presets import presets


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


UPDATES = 3
SIZES = (784, 32, 32, 10)
"""As in the preset mlx-docs: the first layer is large enough for MLX's split update."""
_ROUNDING = 1e-5
"""Of float32, which has 7 digits, over the sums of a batch."""
_KINK_MARGIN = 1e-5


@dataclass(frozen=True, slots=True)
class _Case:
    name: str
    optimizer: OptimizerName
    rule: Rule
    rates: Rates
    tolerance: float


_CASES = (
    _Case("SGD with momentum", "sgd", sgd, Rates(0.05, 0.9, 0.0), 1e-5),
    _Case("SGD with weight decay", "sgd", sgd, Rates(0.05, 0.5, 0.1), 1e-5),
    _Case("Adam", "adam", adam, Rates(0.05, 0.0, 0.0), 1e-4),
    _Case("AdamW", "adamw", adamw, Rates(0.05, 0.0, 0.1), 1e-4),
    _Case("RMSprop", "rmsprop", rmsprop, Rates(0.05, 0.0, 0.0), 1e-5),
    _Case("Adagrad", "adagrad", adagrad, Rates(0.05, 0.0, 0.0), 1e-5),
    _Case("Lion", "lion", lion, Rates(0.05, 0.0, 0.1), 1e-5),
    _Case("Muon", "muon", muon, Rates(0.05, 0.95, 0.1), 1e-4),
)


def check_sgd_update(context: CheckContext) -> Measurement:
    """Train one batch as a run does; compare with float64 weights minus the rate times backprop."""
    recipe = presets()["mlx-unit-rate"].hyperparameters
    problem = Problem(recipe, context.dataset)
    before = problem.initial_parameters()
    exact = doubles(before)
    rows = problem.order(1)[: recipe.batch_size]
    inputs = problem.inputs(problem.split.train.images[rows]).astype(np.float64)
    # Where a unit is as good as at 0, float32 may take the other one of relu's slopes.
    clear = distance_to_kink(exact, inputs, "relu") > _KINK_MARGIN
    if clear.any():
        rows, inputs = rows[clear], inputs[clear]

    learner = Learner(recipe, context.dataset, problem.split.train)
    learner.load(before, None)
    learner.update(rows, 0, recipe.learning_rate)
    after, _ = learner.arrays()

    network = NumpyNetwork(exact, "relu", len(rows))
    network.loss_and_gradients(inputs, problem.split.train.labels[rows])
    found = [new.astype(np.float64) - old for new, old in zip(after, exact, strict=True)]
    expected = [-recipe.learning_rate * gradient for gradient in network.gradients]
    difference = largest_relative(found, expected, parameter_names(len(found)))
    return difference.within(_ROUNDING)


def check_updates(case: _Case, _: CheckContext) -> Measurement:
    """Three updates along the same random gradients; how far each parameter moved in all."""
    random = np.random.default_rng(1)
    optimizer, rates = OPTIMIZERS[case.optimizer], case.rates
    start = initial_parameters(SIZES, seed=0)
    ours = tuple(mx.array(array) for array in start)
    state = optimizer.initial_state(ours)
    exact = doubles(start)
    memories: list[list[Doubles]] = [[np.zeros_like(w), np.zeros_like(w)] for w in exact]
    for update in range(1, UPDATES + 1):
        gradients = [random.normal(0, 0.1, array.shape).astype(np.float32) for array in start]
        settings = Settings(
            learning_rate=mx.array(rates.learning_rate),
            momentum=mx.array(rates.momentum),
            weight_decay=mx.array(rates.weight_decay),
            update=mx.array(float(update)),
        )
        ours, state = optimizer.update(ours, [mx.array(g) for g in gradients], state, settings)
        exact = [
            case.rule(w, g, memory, update, rates)
            for w, g, memory in zip(exact, doubles(gradients), memories, strict=True)
        ]
    mx.eval(ours, state)
    found = [np.array(new).astype(np.float64) - old for new, old in zip(ours, start, strict=True)]
    expected = [new - old for new, old in zip(exact, start, strict=True)]
    difference = largest_relative(found, expected, parameter_names(len(found)))
    return difference.within(case.tolerance)


CHECKS = (
    Check(
        "One SGD update, w - lr * gradient",
        "A batch trained with SGD changes the weights of every layer by the learning rate times "
        "the float64 gradient. The figure is the difference relative to the layer's largest "
        "change.",
        check_sgd_update,
    ),
    *(
        Check(
            f"{case.name}, {UPDATES} updates",
            f"{UPDATES} updates follow the published formula in float64. The figure is the "
            "difference relative to the layer's largest change.",
            partial(check_updates, case),
        )
        for case in _CASES
    ),
)
