"""A step of training: updates against their formulas, what dropout keeps, and compiled steps.

The update rules are in float64 NumPy, as their papers write them. Each remembers what it needs for
one parameter array, from zeros; `update` counts from 1.
"""

import math
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.kernel_cache import install_kernel_cache
from mnist_core.backend.mlx import mx
from mnist_core.benchmark.engines.numpy_engine import NumpyNetwork
from mnist_core.benchmark.problem import Problem
from mnist_core.checks.check import (
    Check,
    CheckContext,
    Measurement,
    NotRun,
    largest_absolute,
    largest_relative,
    parameter_names,
)
from mnist_core.checks.reference_network import Doubles, distance_to_kink, doubles
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.network.halves import layers_of, to_mlx, to_numpy
from mnist_core.network.learner import Learner
from mnist_core.network.models import Dropout, Gradient, forward_pass
from mnist_core.network.optimizers import OPTIMIZERS, Settings
from mnist_core.network.parameters import initial_parameters, layer_sizes
from mnist_core.recipe.hyperparameters import Hyperparameters, OptimizerName
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


_UPDATES = 3
_SIZES = (784, 32, 32, 10)
"""As in the preset mlx-docs."""
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
    _Case("SGD without momentum", "sgd", sgd, Rates(0.05, 0.0, 0.1), 1e-5),
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
    start = initial_parameters(_SIZES, seed=0)
    ours = to_mlx(start)
    state = optimizer.initial_state(ours)
    exact = doubles(start)
    memories: list[list[Doubles]] = [[np.zeros_like(w), np.zeros_like(w)] for w in exact]
    for update in range(1, _UPDATES + 1):
        gradients = [random.normal(0, 0.1, array.shape).astype(np.float32) for array in start]
        settings = Settings(
            learning_rate=mx.array(rates.learning_rate),
            momentum=mx.array(rates.momentum),
            weight_decay=mx.array(rates.weight_decay),
            update=mx.array(float(update)),
            has_momentum=rates.momentum > 0,
            has_decay=rates.weight_decay > 0,
        )
        factor = optimizer.factor(settings)
        one = mx.array(1.0)
        given = [
            gradient_of(array * (one if factor is None else factor), is_of_bias=bool(index % 2))
            for index, array in enumerate(to_mlx(gradients))
        ]
        ours, state = optimizer.update(ours, given, state, settings)
        exact = [
            case.rule(w, g, memory, update, rates)
            for w, g, memory in zip(exact, doubles(gradients), memories, strict=True)
        ]
    mx.eval(ours, state)
    moved = zip(to_numpy(ours), start, strict=True)
    found = [new.astype(np.float64) - old for new, old in moved]
    expected = [new - old for new, old in zip(exact, start, strict=True)]
    difference = largest_relative(found, expected, parameter_names(len(found)))
    return difference.within(case.tolerance)


def gradient_of(array: mx.array, *, is_of_bias: bool) -> Gradient:
    """`array`, (inputs, outputs) or (1, outputs), as a gradient."""
    return Gradient(mx.eye(array.shape[0]), array, is_of_bias)


_SHARES = (0.1, 0.5, 0.8)
_EXAMPLES, _UNITS = 400, 250
_DEVIATIONS = 5.0
"""A share that is kept to is this many standard deviations off once in two million times."""


def check_share(_: CheckContext) -> Measurement:
    """The units kept by a layer, by the same layer in two batches, and by two layers in turn."""
    worst, where = 0.0, "none of them"
    for share in _SHARES:
        first = _left(share, step=1) != 0
        later = _left(share, step=2) != 0
        both = (1 - share) ** 2
        counts = (
            (f"a layer that drops {share}", first, 1 - share),
            (f"two batches that drop {share}", first & later, both),
            (f"two layers that drop {share}", _left(share, step=1, layers=2) != 0, both),
        )
        for name, kept, expected in counts:
            deviation = math.sqrt(expected * (1 - expected) / kept.size)
            figure = abs(float(kept.mean()) - expected) / deviation
            if figure > worst:
                worst, where = figure, name
    return Measurement(worst, _DEVIATIONS, f"The largest is in {where}.")


def check_scale(_: CheckContext) -> Measurement:
    """The units that were kept, against 1 / (1 - share)."""
    left = [_left(share, step=1) for share in _SHARES]
    found = [values[values != 0].astype(np.float64) for values in left]
    scaled = [values * (1 - share) for values, share in zip(found, _SHARES, strict=True)]
    names = [f"a layer that drops {share}" for share in _SHARES]
    difference = largest_absolute(scaled, [np.ones_like(values) for values in found], names)
    return difference.within(1e-6)


def _left(share: float, step: int, layers: int = 1) -> NDArray[np.float32]:
    """What is left of units (examples, units) that are all 1 after dropout in each of `layers`."""
    identity, zeros = np.eye(_UNITS, dtype=np.float32), np.zeros(_UNITS, np.float32)
    # The first layer puts out its biases; the others hand on what they get.
    arrays = [np.zeros_like(identity), np.ones_like(zeros), *([identity, zeros] * layers)]
    key = mx.array(np.array([0, step], np.uint32))
    parameters = to_mlx(arrays)
    inputs = mx.zeros((_EXAMPLES, _UNITS))
    passed = forward_pass(layers_of(parameters), inputs, "relu", Dropout(mx.array(share), key))
    return np.array(passed.logits)


_STEPS = 5
_RECIPE = Hyperparameters(
    hidden_sizes=(32,),
    dropout=0.3,
    momentum=0.9,
    weight_decay=0.01,
    label_smoothing=0.1,
    batch_size=32,
)
_CLASSES = 10


def check_compiled(context: CheckContext) -> Measurement | NotRun:
    """Some updates by a compiled step and by an uncompiled one."""
    # Only there a run changes over in its midst, when its kernels are ready.
    to_the_bit = sys.platform == "linux" and context.backend.device == "cpu"
    if to_the_bit:
        reason = install_kernel_cache().reason
        if not reason and shutil.which("g++") is None:
            reason = "MLX compiles with g++, which is not installed."
        if reason:
            return NotRun(f"Nothing was compiled, so this was not compared. {reason}")
    dataset = _dataset()
    eager, _ = _learn(dataset, compiled=False)
    compiled, failure = _learn(dataset, compiled=True)
    if failure is not None:
        return NotRun(f"Nothing was compiled, so this was not compared. {failure}")
    names = parameter_names(len(eager) // 2)
    names += [f"the optimizer's memory of {name}" for name in names]
    difference = largest_relative(compiled, eager, names)
    tolerance = 0.0 if to_the_bit else 1e-5
    return difference.within(tolerance)


def _learn(dataset: Dataset, *, compiled: bool) -> tuple[Sequence[NDArray[np.float32]], str | None]:
    """Parameters and optimizer state after `_STEPS` updates; why they could not be compiled."""
    learner = Learner(_RECIPE, dataset, dataset.train, compiled=compiled)
    sizes = layer_sizes(dataset.input_size, _RECIPE.hidden_sizes, dataset.class_count)
    learner.load(initial_parameters(sizes, _RECIPE.seed), None)
    for step in range(_STEPS):
        rows = np.arange(_RECIPE.batch_size, dtype=np.int32) + step
        learner.update(rows, step, _RECIPE.learning_rate)
    parameters, state = learner.arrays()
    return (*parameters, *state), learner.take_compile_failure()


def _dataset() -> Dataset:
    random = np.random.default_rng(4)
    count = _RECIPE.batch_size + _STEPS
    labels = random.integers(0, _CLASSES, count).astype(np.uint16)
    examples = Examples(random.integers(0, 256, (count, 28, 28), np.uint8), labels)
    return Dataset(
        "noise", examples, examples, tuple(map(str, range(_CLASSES))), tuple(range(_CLASSES))
    )


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
            f"{case.name}, {_UPDATES} updates",
            f"{_UPDATES} updates follow the published formula in float64. The figure is the "
            "difference relative to the layer's largest change.",
            partial(check_updates, case),
        )
        for case in _CASES
    ),
    Check(
        "Dropout keeps its share",
        "A layer keeps one minus the share of its units, apart from what other batches and layers "
        "keep. The figure is the largest difference in standard deviations of that many coins.",
        check_share,
    ),
    Check(
        "Dropout scales what it keeps",
        "The units that are kept are divided by one minus the share. The figure is the largest "
        "relative difference.",
        check_scale,
    ),
    Check(
        "Compiled steps as uncompiled ones",
        f"{_STEPS} compiled updates give the same weights and optimizer state as uncompiled ones: "
        "the same bits on a Linux CPU, where a run changes over. The figure is the difference "
        "relative to the largest value of an array.",
        check_compiled,
    ),
)
