"""The update rules, as functions from arrays to arrays.

`mlx.optimizers` keeps momentum and decay as Python constants, which are compiled into the step.
Here every setting is an array, so that changing one while a run goes compiles nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mnist_core.backend.mlx import mx
from mnist_core.network.halves import Arrays, stream_of
from mnist_core.network.models import AnyGradient
from mnist_core.recipe.hyperparameters import OptimizerName


class Settings(NamedTuple):
    """What an update depends on besides the gradient; scalars, float32."""

    learning_rate: mx.array
    momentum: mx.array
    weight_decay: mx.array
    update: mx.array
    """Number of this update, from 1."""
    has_momentum: bool
    """Whether the momentum is above 0; a rule may do less where it is not."""
    has_decay: bool
    """The same of the weight decay."""


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An update rule for one parameter array, and how many arrays it remembers for each."""

    slots: int
    apply: Callable[[mx.array, AnyGradient, Arrays, Settings], tuple[mx.array, Arrays]]
    """(parameter, gradient, remembered, settings) -> (parameter, remembered)."""
    factor: Callable[[Settings], mx.array | None] = lambda _: None
    """What the gradients that it is given are to be multiplied with; None: nothing."""
    begins_with_momentum: bool = False
    """Whether it remembers nothing while the momentum is 0."""

    def initial_state(self, parameters: Sequence[mx.array]) -> Arrays:
        """Zeros: `slots` arrays like each parameter, parameter by parameter."""
        return tuple(mx.zeros_like(array) for array in parameters for _ in range(self.slots))

    def update(
        self,
        parameters: Sequence[mx.array],
        gradients: Sequence[AnyGradient],
        state: Arrays,
        settings: Settings,
    ) -> tuple[Arrays, Arrays]:
        """One update of every parameter: the new parameters and the new state."""
        new_parameters: list[mx.array] = []
        new_state: list[mx.array] = []
        for index, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
            remembered = state[index * self.slots : (index + 1) * self.slots]
            with stream_of(gradient.half):
                parameter, remembered = self.apply(parameter, gradient, remembered, settings)
            new_parameters.append(parameter)
            new_state.extend(remembered)
        return tuple(new_parameters), tuple(new_state)


_EPSILON = 1e-8


def _sgd(
    parameter: mx.array, gradient: AnyGradient, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Stochastic gradient descent with heavy-ball momentum; the decay is added to the gradient.

    Without momentum the gradient comes times minus the learning rate, and nothing is remembered.
    """
    rate, decay = settings.learning_rate, settings.weight_decay
    if not settings.has_momentum:
        kept = parameter * (1 - rate * decay) if settings.has_decay else parameter
        return gradient.added_to(kept), remembered
    carried = settings.momentum * remembered[0]
    if settings.has_decay:
        carried = carried + decay * parameter
    velocity = gradient.added_to(carried)
    return parameter - rate * velocity, (velocity,)


def _sgd_factor(settings: Settings) -> mx.array | None:
    return None if settings.has_momentum else -settings.learning_rate


def _adam(
    parameter: mx.array, gradient: AnyGradient, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Kingma and Ba, "Adam", 2015, algorithm 1, with bias correction."""
    slope = gradient.value()
    first = 0.9 * remembered[0] + 0.1 * slope
    second = 0.999 * remembered[1] + 0.001 * mx.square(slope)
    first_unbiased = first / (1 - mx.power(mx.array(0.9), settings.update))
    second_unbiased = second / (1 - mx.power(mx.array(0.999), settings.update))
    change = first_unbiased / (mx.sqrt(second_unbiased) + _EPSILON)
    return parameter - settings.learning_rate * change, (first, second)


def _adamw(
    parameter: mx.array, gradient: AnyGradient, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019."""
    decayed = parameter * (1 - settings.learning_rate * settings.weight_decay)
    return _adam(decayed, gradient, remembered, settings)


def _rmsprop(
    parameter: mx.array, gradient: AnyGradient, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Tieleman and Hinton, lecture 6.5 of "Neural Networks for Machine Learning", 2012."""
    slope = gradient.value()
    mean_square = 0.99 * remembered[0] + 0.01 * mx.square(slope)
    change = slope / (mx.sqrt(mean_square) + _EPSILON)
    return parameter - settings.learning_rate * change, (mean_square,)


def _adagrad(
    parameter: mx.array, gradient: AnyGradient, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Duchi et al., "Adaptive Subgradient Methods", 2011."""
    slope = gradient.value()
    sum_square = remembered[0] + mx.square(slope)
    change = slope / (mx.sqrt(sum_square) + _EPSILON)
    return parameter - settings.learning_rate * change, (sum_square,)


def _lion(
    parameter: mx.array, gradient: AnyGradient, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023, algorithm 2."""
    (average,), slope = remembered, gradient.value()
    direction = mx.sign(0.9 * average + 0.1 * slope)
    change = direction + settings.weight_decay * parameter
    return parameter - settings.learning_rate * change, (0.99 * average + 0.01 * slope,)


def _muon(
    parameter: mx.array, gradient: AnyGradient, remembered: Arrays, settings: Settings
) -> tuple[mx.array, Arrays]:
    """Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.

    Matrices step along the orthogonalised Nesterov momentum; biases along the momentum itself.
    """
    momentum, slope = settings.momentum, gradient.value()
    average = momentum * remembered[0] + (1 - momentum) * slope
    change = momentum * average + (1 - momentum) * slope
    if not gradient.is_of_bias:
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
    "sgd": Optimizer(1, _sgd, _sgd_factor, begins_with_momentum=True),
    "adam": Optimizer(2, _adam),
    "adamw": Optimizer(2, _adamw),
    "rmsprop": Optimizer(1, _rmsprop),
    "adagrad": Optimizer(1, _adagrad),
    "lion": Optimizer(1, _lion),
    "muon": Optimizer(1, _muon),
}
