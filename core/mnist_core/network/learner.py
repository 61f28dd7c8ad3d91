"""A network being trained: its MLX arrays, the step that updates them, and its answers."""

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.kernel_cache import compile_failure, healed
from mnist_core.backend.mlx import mx
from mnist_core.data.dataset import Dataset, Examples
from mnist_core.network.convolutions import convolve, gradients_of_convolutions
from mnist_core.network.evaluation import pixel_scaling
from mnist_core.network.halves import Arrays, layers_of, to_mlx, to_numpy
from mnist_core.network.models import (
    AnyGradient,
    Dropout,
    backward_pass,
    cross_entropy,
    forward_pass,
)
from mnist_core.network.optimizers import OPTIMIZERS, Settings
from mnist_core.network.shape import ConvolutionShape, convolution_shapes
from mnist_core.recipe.hyperparameters import Hyperparameters


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
    ones: mx.array
    """(1, examples), float32."""
    classes: mx.array
    """(1, classes), int32: all of them."""
    key: mx.array
    """Decides which units to drop, (2,) uint32."""
    within: Arrays = ()
    """What of `Dropout` says so."""


Step = Callable[[Arrays, Arrays, Batch, Settings], tuple[Arrays, Arrays, mx.array, mx.array]]
"""(parameters, optimizer state, batch, settings) -> (parameters, optimizer state, mean loss,
number of right predictions); loss and predictions are those before the update."""

Gradients = Callable[[Arrays, Batch], Arrays]
"""(parameters, batch) -> the gradients of the mean loss, one of each parameter."""
Learn = Callable[[Arrays, Batch, mx.array | None], tuple[mx.array, mx.array, list[AnyGradient]]]
"""What `make_gradients` makes."""

GradientNorm = Callable[[Arrays, Batch], mx.array]
"""(parameters, batch) -> the Euclidean norm of all gradients of the mean loss, a scalar."""


COMPILED_AS_ZERO_OR_NOT = ("dropout", "momentum", "weight_decay")


class CompiledForm(NamedTuple):
    """Which of `COMPILED_AS_ZERO_OR_NOT` are above 0: of the values that may change during a run,
    only that decides how its step is compiled.
    """

    drops: bool
    has_momentum: bool
    has_decay: bool

    @classmethod
    def of(cls, hyperparameters: Hyperparameters) -> "CompiledForm":
        return cls(*(getattr(hyperparameters, name) > 0 for name in COMPILED_AS_ZERO_OR_NOT))


EVALUATION_BATCH = 1000
"""Examples in one forward pass: fast on a CPU, and small beside the weights in memory."""

CONVOLVED_TOGETHER = 200
"""The same with convolutions, whose columns take 25 times the memory of the pixels and more."""


def scale_pixels(pixels: mx.array, shift: mx.array, factor: mx.array) -> mx.array:
    """float32 inputs of the network, from uint8 pixels."""
    return (pixels.astype(mx.float32) - shift) * factor


Convolutions = tuple[ConvolutionShape, ...]
"""Those of a network, before its dense layers; empty: it has none."""


def make_step(
    hyperparameters: Hyperparameters,
    convolutions: Convolutions = (),
    *,
    drops: bool,
    halved: bool = False,
) -> Step:
    """The step of this recipe; only one that `drops` units spends time on choosing them.

    Of a network that is `halved`, it takes and gives the arrays by halves.

    Of the hyperparameters it takes what cannot change during a run: the activation, the optimizer
    and the label smoothing.
    """
    optimizer = OPTIMIZERS[hyperparameters.optimizer]
    learn = make_gradients(hyperparameters, convolutions, drops=drops, halved=halved)

    def step(
        parameters: Arrays, state: Arrays, batch: Batch, settings: Settings
    ) -> tuple[Arrays, Arrays, mx.array, mx.array]:
        loss, correct, gradients = learn(parameters, batch, optimizer.factor(settings))
        parameters, state = optimizer.update(parameters, gradients, state, settings)
        return parameters, state, loss, correct

    return step


def make_gradient_norm(
    hyperparameters: Hyperparameters,
    convolutions: Convolutions = (),
    *,
    drops: bool,
    halved: bool = False,
) -> GradientNorm:
    """The norm of the gradients that the step of this recipe updates with."""
    learn = make_gradients(hyperparameters, convolutions, drops=drops, halved=halved)

    def gradient_norm(parameters: Arrays, batch: Batch) -> mx.array:
        _, _, gradients = learn(parameters, batch, None)
        squares = [mx.sum(mx.square(gradient.value())) for gradient in gradients]
        return mx.sqrt(mx.sum(mx.stack(squares)))

    return gradient_norm


def make_plain_gradients(
    hyperparameters: Hyperparameters,
    convolutions: Convolutions = (),
    *,
    drops: bool,
    halved: bool = False,
) -> Gradients:
    """The gradients that the step of this recipe updates with."""
    learn = make_gradients(hyperparameters, convolutions, drops=drops, halved=halved)

    def gradients(parameters: Arrays, batch: Batch) -> Arrays:
        return tuple(gradient.value() for gradient in learn(parameters, batch, None)[2])

    return gradients


def make_gradients(
    hyperparameters: Hyperparameters,
    convolutions: Convolutions = (),
    *,
    drops: bool,
    halved: bool = False,
) -> Learn:
    """(parameters, batch, factor) -> mean loss, number of right predictions, gradients.

    The gradients are those of the loss times the factor, which enters once, at the top.
    """
    of_filters = 2 * len(convolutions)
    activation = hyperparameters.activation

    def learn(
        parameters: Arrays, batch: Batch, factor: mx.array | None
    ) -> tuple[mx.array, mx.array, list[AnyGradient]]:
        filters, layers = parameters[:of_filters], layers_of(parameters[of_filters:], halved=halved)
        inputs = scale_pixels(batch.pixels, batch.pixel_shift, batch.pixel_factor)
        dropout = Dropout(batch.dropout, batch.key, batch.within) if drops else None
        convolved = convolve(convolutions, filters, inputs, activation) if convolutions else None
        if convolved is not None:
            inputs = convolved.features
        passed = forward_pass(layers, inputs, activation, dropout)
        is_right = mx.argmax(passed.logits, axis=1, keepdims=True) == batch.labels
        loss, change = cross_entropy(
            passed.logits,
            batch.labels,
            batch.classes,
            batch.weight,
            hyperparameters.label_smoothing,
        )
        scale = batch.weight if factor is None else batch.weight * factor
        of_dense = backward_pass(layers, passed, change * scale, batch.ones)
        gradients: list[AnyGradient] = [*of_dense]
        if convolved is not None:
            by_features = of_dense[0].delta @ layers[0].weights[0].T
            gradients[:0] = gradients_of_convolutions(convolutions, filters, convolved, by_features)
        return loss, mx.sum(is_right, keepdims=True), gradients

    return learn


class WeightsSnapshot(NamedTuple):
    """The arrays of a learner at some moment."""

    parameters: Arrays
    state: Arrays
    halved: bool

    def arrays(self) -> tuple[tuple[NDArray[np.float32], ...], tuple[NDArray[np.float32], ...]]:
        """Copies of the parameters and the optimizer state."""
        slots = len(self.state) // len(self.parameters)
        return (
            to_numpy(self.parameters, halved=self.halved),
            to_numpy(self.state, slots or 1, halved=self.halved),
        )


class _Update(NamedTuple):
    """An update that was begun, and what it makes."""

    rows: NDArray[np.int32]
    step: int
    learning_rate: float
    parameters: Arrays
    state: Arrays
    loss: mx.array
    correct: mx.array

    def is_of(self, rows: NDArray[np.int32], step: int, learning_rate: float) -> bool:
        same = (self.step, self.learning_rate) == (step, learning_rate)
        return same and np.array_equal(self.rows, rows)


class Learner:
    """Holds parameters and optimizer state as MLX arrays of the calling thread."""

    def __init__(
        self,
        hyperparameters: Hyperparameters,
        dataset: Dataset,
        train: Examples,
        *,
        compiled: bool = False,
        halved: bool = False,
    ) -> None:
        """`compiled` lets MLX compile the step at its first use; `compile_step` does it later.

        A network that is `halved` has other last digits.
        """
        self._halved = halved
        self._convolutions = convolution_shapes(hyperparameters, dataset.image_shape)
        self._optimizer = OPTIMIZERS[hyperparameters.optimizer]
        self._parameters: Arrays = ()
        self._state: Arrays = ()
        self._images = mx.array(train.images.reshape(len(train), -1))
        self._labels = train.labels.astype(np.int32)[:, None]
        self._begun: _Update | None = None
        """The update that probably comes next, from where the learner stands."""
        shift, divisor = pixel_scaling(hyperparameters, dataset)
        self._pixel_shift, self._pixel_factor = mx.array(shift), mx.array(1 / divisor)
        # Most batches have the same size and the same learning rate.
        self._scalar = lru_cache(maxsize=4)(mx.array)
        self._ones = lru_cache(maxsize=4)(lambda count: mx.array(np.ones((1, count), np.float32)))
        self._classes = mx.array(np.arange(dataset.class_count, dtype=np.int32)[None])
        self._compile_failure: str | None = None
        self._cannot_compile = False
        self._form: CompiledForm
        self._uncompiled: Step
        self._gradient_norm: GradientNorm
        self._gradients: Gradients
        self._step: Step
        self._take_form(CompiledForm.of(hyperparameters), hyperparameters)
        self.follow(hyperparameters)
        if compiled:
            self.compile_step()

    def follow(self, hyperparameters: Hyperparameters) -> None:
        """Take the settings that may change during a run.

        They enter the step as arrays, so it stays compiled; but dropout, momentum or decay that
        begins or ends takes another step, which is not compiled before `compile_step`.
        """
        self._begun = None
        self._hyperparameters = hyperparameters
        self._dropout = mx.array(hyperparameters.dropout)
        self._momentum = mx.array(hyperparameters.momentum)
        self._weight_decay = mx.array(hyperparameters.weight_decay)
        form = CompiledForm.of(hyperparameters)
        if form == self._form:
            return
        if form.has_momentum > self._form.has_momentum and self._optimizer.begins_with_momentum:
            self._state = self._optimizer.initial_state(self._parameters)
        self._take_form(form, hyperparameters)

    def _take_form(self, form: CompiledForm, hyperparameters: Hyperparameters) -> None:
        self._form = form
        self._make_functions(form, hyperparameters)
        self._step = self._uncompiled

    def _make_functions(self, form: CompiledForm, hyperparameters: Hyperparameters) -> None:
        halved, convolutions = self._halved, self._convolutions
        self._uncompiled = make_step(hyperparameters, convolutions, drops=form.drops, halved=halved)
        self._gradient_norm = make_gradient_norm(
            hyperparameters, convolutions, drops=form.drops, halved=halved
        )
        self._gradients = make_plain_gradients(
            hyperparameters, convolutions, drops=form.drops, halved=halved
        )

    def run_uncompiled(self) -> None:
        """Leave the step uncompiled until `compile_step`."""
        self._step = self._uncompiled

    def compile_step(self) -> None:
        """Compile the step from its next use on; the numbers stay the same to the bit."""
        if not self._cannot_compile:
            self._step = self._compiled()

    def _compiled(self) -> Step:
        return mx.compile(self._uncompiled)

    def take_compile_failure(self) -> str | None:
        """Why the step could not be compiled, in sentences; None: it could, or it was told."""
        failure, self._compile_failure = self._compile_failure, None
        return failure

    def load(
        self,
        parameters: tuple[NDArray[np.float32], ...],
        optimizer_state: tuple[NDArray[np.float32], ...] | None,
    ) -> None:
        """Continue from these arrays; without an optimizer state, from a fresh one."""
        self.go_back(self.snapshot_of(parameters, optimizer_state or ()))
        if optimizer_state is None:
            self._state = self._optimizer.initial_state(self._parameters)
            mx.eval(self._state)

    def arrays(self) -> tuple[tuple[NDArray[np.float32], ...], tuple[NDArray[np.float32], ...]]:
        """Copies of the parameters and the optimizer state."""
        return self.snapshot().arrays()

    def parameters(self) -> tuple[NDArray[np.float32], ...]:
        """Copies of the weight (inputs, outputs) and bias (outputs,) of each layer in turn."""
        return to_numpy(self._parameters, halved=self._halved)

    def snapshot(self) -> "WeightsSnapshot":
        """Where the learner stands, to go back to; free, since MLX never changes an array."""
        return WeightsSnapshot(self._parameters, self._state, self._halved)

    def snapshot_of(
        self,
        parameters: tuple[NDArray[np.float32], ...],
        optimizer_state: tuple[NDArray[np.float32], ...],
    ) -> "WeightsSnapshot":
        """The same of these copies."""
        slots = len(optimizer_state) // len(parameters)
        made = WeightsSnapshot(
            to_mlx(parameters, halved=self._halved),
            to_mlx(optimizer_state, slots or 1, halved=self._halved),
            self._halved,
        )
        mx.eval(made.parameters, made.state)
        return made

    def go_back(self, snapshot: "WeightsSnapshot") -> None:
        """Continue from a snapshot of this learner."""
        self._begun = None
        self._parameters, self._state = snapshot.parameters, snapshot.state

    def update(
        self,
        rows: NDArray[np.int32],
        step: int,
        learning_rate: float,
        then: tuple[NDArray[np.int32], float] | None = None,
    ) -> tuple[float, int]:
        """Train on one batch of training rows; `step` is the number of updates done before.

        `then` are rows and learning rate that probably come next. Their update is begun at once,
        and is dropped if something else comes: MLX computes in a thread of its own, and to wake it
        for each step takes a tenth to a fifth of a small one.

        Returns the mean loss of the batch and the number of right predictions, both before the
        update.
        """
        try:
            return healed(lambda: self._take(rows, step, learning_rate, then))
        except RuntimeError as error:
            failure = compile_failure(error)
            if failure is None or self._step is self._uncompiled:
                raise
            self._compile_failure = failure
            self._cannot_compile = True
            self._step = self._uncompiled
            return self._take(rows, step, learning_rate, then)

    def rest(self) -> None:
        """Let an update that was begun ahead end, before the thread does."""
        begun, self._begun = self._begun, None
        if begun is not None:
            with suppress(RuntimeError):
                mx.eval(begun.parameters, begun.state, begun.loss, begun.correct)

    def gradient_norm(self, rows: NDArray[np.int32], step: int) -> float:
        """The Euclidean norm of the gradients that `update` would take of this batch now."""
        return float(self._gradient_norm(self._parameters, self._batch(rows, step)))

    def gradients(self, rows: NDArray[np.int32], step: int) -> tuple[NDArray[np.float32], ...]:
        """The gradients that `update` would take of this batch now, each like its parameter."""
        found = self._gradients(self._parameters, self._batch(rows, step))
        return to_numpy(found, halved=self._halved)

    def _batch(self, rows: NDArray[np.int32], step: int) -> Batch:
        return Batch(
            pixels=self._images[mx.array(rows)],
            labels=mx.array(self._labels[rows]),
            weight=self._scalar(1 / len(rows)),
            pixel_shift=self._pixel_shift,
            pixel_factor=self._pixel_factor,
            dropout=self._dropout,
            ones=self._ones(len(rows)),
            classes=self._classes,
            # A threefry key is two 32-bit words: seed and step make dropout repeatable from any
            # step on.
            key=mx.array(np.array([self._hyperparameters.seed, step], np.uint32)),
        )

    def _take(
        self,
        rows: NDArray[np.int32],
        step: int,
        learning_rate: float,
        then: tuple[NDArray[np.int32], float] | None,
    ) -> tuple[float, int]:
        begun, self._begun = self._begun, None
        if begun is None or not begun.is_of(rows, step, learning_rate):
            begun = self._begin(rows, step, learning_rate, self._parameters, self._state)
        if then is not None:
            # What fails ahead fails again when its turn comes.
            with suppress(RuntimeError):
                self._begun = self._begin(then[0], step + 1, then[1], begun.parameters, begun.state)
        # A step that cannot be compiled has failed by now, and what it returned cannot be used.
        told = cast(float, begun.loss.item()), cast(int, begun.correct.item())
        self._parameters, self._state = begun.parameters, begun.state
        return told

    def _begin(
        self,
        rows: NDArray[np.int32],
        step: int,
        learning_rate: float,
        parameters: Arrays,
        state: Arrays,
    ) -> _Update:
        """Begin the update of these arrays, and do not wait for it."""
        settings = Settings(
            learning_rate=self._scalar(learning_rate),
            momentum=self._momentum,
            weight_decay=self._weight_decay,
            update=mx.array(float(step + 1)),
            has_momentum=self._form.has_momentum,
            has_decay=self._form.has_decay,
        )
        made = self._step(parameters, state, self._batch(rows, step), settings)
        mx.async_eval(*made)  # type: ignore[no-untyped-call]
        return _Update(rows, step, learning_rate, *made)

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (examples, classes) of uint8 images (examples, height, width)."""
        flat = images.reshape(len(images), -1)
        activation, convolutions = self._hyperparameters.activation, self._convolutions
        filters = self._parameters[: 2 * len(convolutions)]
        layers = layers_of(self._parameters[len(filters) :], halved=self._halved)
        together = CONVOLVED_TOGETHER if convolutions else EVALUATION_BATCH
        parts = []
        for start in range(0, len(flat), together):
            pixels = mx.array(flat[start : start + together])
            inputs = scale_pixels(pixels, self._pixel_shift, self._pixel_factor)
            if convolutions:
                inputs = convolve(convolutions, filters, inputs, activation).features
            parts.append(np.array(forward_pass(layers, inputs, activation).logits))
        return np.concatenate(parts)

    def activations(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        """What each layer gives (examples, units) of uint8 images (examples, height, width): after
        its activation, and of the last one the logits. Of a convolution (maps, examples * places).
        """
        pixels = mx.array(images.reshape(len(images), -1))
        inputs = scale_pixels(pixels, self._pixel_shift, self._pixel_factor)
        activation, convolutions = self._hyperparameters.activation, self._convolutions
        filters = self._parameters[: 2 * len(convolutions)]
        maps: list[NDArray[np.float32]] = []
        if convolutions:
            convolved = convolve(convolutions, filters, inputs, activation)
            maps, inputs = [np.array(each) for each in convolved.maps], convolved.features
        layers = layers_of(self._parameters[len(filters) :], halved=self._halved)
        passed = forward_pass(layers, inputs, activation)
        hidden = (
            np.concatenate([np.array(part) for part in each], 1) for each in passed.inputs[1:]
        )
        return (*maps, *hidden, np.array(passed.logits))
