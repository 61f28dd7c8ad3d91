"""The update rules, as functions from arrays to arrays.

`mlx.optimizers` keeps momentum and decay as Python constants, which are compiled into the step.
Here every setting is an array, so that changing one while a run goes compiles nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mnist_core.backend.mlx import mx
from mnist_core.network.models import Arrays
from mnist_core.recipe.hyperparameters import OptimizerName


class Settings(NamedTuple):
    """What an update depends on besides the gradient; scalars, float32."""

    learning_rate: mx.array
    momentum: mx.array
    weight_decay: mx.array
    update: mx.array
    """Number of this update, from 1."""


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An update rule for one parameter array, and how many arrays it remembers for each."""

    slots: int
    apply: Callable[[mx.array, mx.array, Arrays, Settings], tuple[mx.array, Arrays]]
    """(parameter, gradient, remembered, settings) -> (parameter, remembered)."""

    def initial_state(self, parameters: Sequence[mx.array]) -> Arrays:
        """Zeros: `slots` arrays like each parameter, parameter by parameter."""
        return tuple(mx.zeros_like(array) for array in parameters for _ in range(self.slots))

    def update(
        self,
        parameters: Sequence[mx.array],
        gradients: Sequence[mx.array],
        state: Arrays,
        settings: Settings,
    ) -> tuple[Arrays, Arrays]:
        """One update of every parameter: the new parameters and the new state."""
        new_parameters: list[mx.array] = []
        new_state: list[mx.array] = []
        for index, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
            remembered = state[index * self.slots : (index + 1) * self.slots]
            parameter, remembered = self.apply(parameter, gradient, remembered, settings)
            new_parameters.append(parameter)
            new_state.extend(remembered)
        return tuple(new_parameters), tuple(new_state)


_EPSILON = 1e-8


_WORTH_TWO_KERNELS = 10_000
"""Elements from which on a vectorised loop makes up for starting a second one."""


def _apart(array: mx.array) -> mx.array:
    """The same array, computed by a compiled kernel that ends with it.

    Kernels on a CPU are vectorised by the C++ compiler, which gives up on loops that write more
    than one array: a large update by two kernels took 0.7 of the time of one with two outputs.
    """
    if array.size < _WORTH_TWO_KERNELS:
        return array
    return array.reshape(-1).reshape(array.shape)


def _sgd(
    parameter: mx.array, gradient: mx.array, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Stochastic gradient descent with heavy-ball momentum; the decay is added to the gradient."""
    gradient = gradient + settings.weight_decay * parameter
    velocity = settings.momentum * remembered[0] + gradient
    return parameter - settings.learning_rate * _apart(velocity), (velocity,)


def _adam(
    parameter: mx.array, gradient: mx.array, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Kingma and Ba, "Adam", 2015, algorithm 1, with bias correction."""
    first = 0.9 * remembered[0] + 0.1 * gradient
    second = 0.999 * remembered[1] + 0.001 * mx.square(gradient)
    first_unbiased = first / (1 - mx.power(mx.array(0.9), settings.update))
    second_unbiased = second / (1 - mx.power(mx.array(0.999), settings.update))
    change = first_unbiased / (mx.sqrt(second_unbiased) + _EPSILON)
    return parameter - settings.learning_rate * change, (first, second)


def _adamw(
    parameter: mx.array, gradient: mx.array, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019."""
    decayed = parameter * (1 - settings.learning_rate * settings.weight_decay)
    return _adam(decayed, gradient, remembered, settings)


def _rmsprop(
    parameter: mx.array, gradient: mx.array, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Tieleman and Hinton, lecture 6.5 of "Neural Networks for Machine Learning", 2012."""
    mean_square = 0.99 * remembered[0] + 0.01 * mx.square(gradient)
    change = gradient / (mx.sqrt(mean_square) + _EPSILON)
    return parameter - settings.learning_rate * change, (mean_square,)


def _adagrad(
    parameter: mx.array, gradient: mx.array, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Duchi et al., "Adaptive Subgradient Methods", 2011."""
    sum_square = remembered[0] + mx.square(gradient)
    change = gradient / (mx.sqrt(sum_square) + _EPSILON)
    return parameter - settings.learning_rate * change, (sum_square,)


def _lion(
    parameter: mx.array, gradient: mx.array, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023, algorithm 2."""
    (average,) = remembered
    direction = mx.sign(0.9 * average + 0.1 * gradient)
    change = direction + settings.weight_decay * parameter
    return parameter - settings.learning_rate * change, (0.99 * average + 0.01 * gradient,)


def _muon(
    parameter: mx.array, gradient: mx.array, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.

    Matrices step along the orthogonalised Nesterov momentum; biases along the momentum itself.
    """
    momentum = settings.momentum
    average = momentum * remembered[0] + (1 - momentum) * gradient
    change = momentum * average + (1 - momentum) * gradient
    if parameter.ndim == 2:
        inputs, outputs = parameter.shape
        change = _orthogonalise(change) * max(1.0, outputs / inputs) ** 0.5
    decayed = parameter * (1 - settings.learning_rate * settings.weight_decay)
    return decayed - settings.learning_rate * change, (average,)


def _orthogonalise(matrix: mx.array) -> mx.array:
    """The nearest orthogonal matrix, roughly: five Newton-Schulz steps with Muon's factors."""
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / (mx.linalg.norm(x) + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * (square @ square)) @ x
    return x if wide else x.T


OPTIMIZERS: Mapping[OptimizerName, Optimizer] = {
    "sgd": Optimizer(1, _sgd),
    "adam": Optimizer(2, _adam),
    "adamw": Optimizer(2, _adamw),
    "rmsprop": Optimizer(1, _rmsprop),
    "adagrad": Optimizer(1, _adagrad),
    "lion": Optimizer(1, _lion),
    "muon": Optimizer(1, _muon),
}
