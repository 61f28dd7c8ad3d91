"""One update of a network, as a function from arrays to arrays that MLX can compile."""

from collections.abc import Callable
from typing import NamedTuple, cast

from mnist_core.hyperparameters import Hyperparameters
from mnist_core.mlx import mx
from mnist_core.models import Arrays, CrossEntropy, forward
from mnist_core.optimizers import OPTIMIZERS, Settings


class Batch(NamedTuple):
    """What a step learns from. All are arrays, since a constant would be compiled into the step."""

    pixels: mx.array
    """(examples, pixels), uint8."""
    labels: mx.array
    """(examples, 1), int32."""
    weight: mx.array
    """Of each example in the loss: 1/examples, float32."""
    pixel_shift: mx.array
    """Subtracted from each pixel, float32."""
    pixel_factor: mx.array
    """Then multiplied with each pixel, float32."""
    dropout: mx.array
    """The share of hidden units to drop, float32."""
    key: mx.array
    """Decides which units to drop, (2,) uint32."""


Step = Callable[[Arrays, Arrays, Batch, Settings], tuple[Arrays, Arrays, mx.array, mx.array]]
"""(parameters, optimizer state, batch, settings) -> (parameters, optimizer state, mean loss,
number of right predictions); loss and predictions are those before the update."""


def scale_pixels(pixels: mx.array, shift: mx.array, factor: mx.array) -> mx.array:
    """float32 inputs of the network, from uint8 pixels."""
    return (pixels.astype(mx.float32) - shift) * factor


GradientNorm = Callable[[Arrays, Batch], mx.array]
"""(parameters, batch) -> the Euclidean norm of all gradients of the mean loss, a scalar."""

_Gradients = Callable[[Arrays, mx.array, Batch], tuple[tuple[mx.array, mx.array], Arrays]]
"""(parameters, inputs, batch) -> (mean loss, number of right predictions), gradients."""


def make_step(hyperparameters: Hyperparameters, *, drops: bool) -> Step:
    """The step of this recipe; only one that `drops` units spends time on choosing them.

    Of the hyperparameters it takes what cannot change during a run: the activation, the optimizer
    and the label smoothing.
    """
    optimizer = OPTIMIZERS[hyperparameters.optimizer]
    value_and_gradients = _value_and_gradients(hyperparameters, drops)

    def step(
        parameters: Arrays, state: Arrays, batch: Batch, settings: Settings
    ) -> tuple[Arrays, Arrays, mx.array, mx.array]:
        inputs = scale_pixels(batch.pixels, batch.pixel_shift, batch.pixel_factor)
        (loss, correct), gradients = value_and_gradients(parameters, inputs, batch)
        parameters, state = optimizer.update(parameters, gradients, state, settings)
        return parameters, state, loss, correct

    return step


def make_gradient_norm(hyperparameters: Hyperparameters, *, drops: bool) -> GradientNorm:
    """The norm of the gradients that the step of this recipe updates with."""
    value_and_gradients = _value_and_gradients(hyperparameters, drops)

    def gradient_norm(parameters: Arrays, batch: Batch) -> mx.array:
        inputs = scale_pixels(batch.pixels, batch.pixel_shift, batch.pixel_factor)
        _, gradients = value_and_gradients(parameters, inputs, batch)
        squares = [mx.sum(mx.square(gradient)) for gradient in gradients]
        return mx.sqrt(mx.sum(mx.stack(squares)))

    return gradient_norm


def _value_and_gradients(hyperparameters: Hyperparameters, drops: bool) -> _Gradients:
    cross_entropy = CrossEntropy(hyperparameters.label_smoothing)

    def loss_and_correct(
        parameters: Arrays, inputs: mx.array, batch: Batch
    ) -> tuple[mx.array, mx.array]:
        dropout = (batch.dropout, batch.key) if drops else None
        logits = forward(parameters, inputs, hyperparameters.activation, dropout)
        correct = mx.sum(mx.argmax(logits, axis=1, keepdims=True) == batch.labels)
        return cross_entropy(logits, batch.labels, batch.weight), correct

    return cast(_Gradients, mx.value_and_grad(loss_and_correct))
