"""NumPy as a rival of MLX, and as a check on its figures.

Backpropagation and gradient descent are written by hand, and nothing here is derived from the MLX
code. Arrays keep the dtype of the parameters they were made from, so float64 ones give gradients
that central differences can confirm.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mnist_core.benchmark.engines.engine import LoopEngine, thread_count
from mnist_core.benchmark.problem import Problem
from mnist_core.network.evaluation import pixel_scaling

Floats = NDArray[np.floating[Any]]


class NumpyNetwork:
    """Dense layers with softmax and cross-entropy; every batch reuses the same buffers."""

    def __init__(
        self,
        parameters: Sequence[Floats],
        activation: Literal["relu", "sigmoid"],
        batch_size: int,
    ) -> None:
        """Copy `parameters`, weight (inputs, outputs) and bias (outputs,) of each layer in turn.

        `batch_size` is the largest batch that :meth:`loss_and_gradients` will be given.
        """
        self._activate, self._times_slope = _ACTIVATIONS[activation]
        self.flat_parameters: Floats = np.concatenate([array.ravel() for array in parameters])
        """All parameters in one array: an update is a few operations on it, whatever the layers."""
        self.flat_gradients: Floats = np.zeros_like(self.flat_parameters)
        shapes = [array.shape for array in parameters]
        self.parameters = _views(self.flat_parameters, shapes)
        """Views of `flat_parameters`, shaped like the parameters given."""
        self.gradients = _views(self.flat_gradients, shapes)
        """Views of `flat_gradients`, filled by :meth:`loss_and_gradients`."""
        dtype = self.flat_parameters.dtype
        widths = [len(bias) for bias in parameters[1::2]]
        self._outputs = [np.empty((batch_size, width), dtype) for width in widths]
        self._changes = [np.empty((batch_size, width), dtype) for width in widths[:-1]]
        self._ones = np.ones(batch_size, dtype)
        self._rows = np.arange(batch_size)

    def loss_and_gradients(
        self, inputs: Floats, labels: NDArray[np.integer[Any]]
    ) -> tuple[float, int]:
        """Fill `gradients` with those of the mean cross-entropy of a batch.

        Args:
            inputs: (examples, pixels), in the dtype of the parameters.
            labels: (examples,).

        Returns:
            The mean cross-entropy in nats, and the number of right predictions.
        """
        examples = len(labels)
        layer_inputs = [inputs, *(output[:examples] for output in self._outputs)]
        self._forward(layer_inputs)
        # The gradient of the loss by what a layer puts out before its activation.
        change = layer_inputs.pop()
        loss, correct = self._softmax_gradient(change, labels)
        for layer in reversed(range(len(self._outputs))):
            given = layer_inputs[layer]
            np.dot(given.T, change, out=self.gradients[2 * layer])
            np.dot(self._ones[:examples], change, out=self.gradients[2 * layer + 1])
            if layer > 0:
                below = self._changes[layer - 1][:examples]
                np.dot(change, self.parameters[2 * layer].T, out=below)
                self._times_slope(below, given)
                change = below
        return loss, correct

    def logits(self, inputs: Floats) -> Floats:
        """Logits (examples, classes) of `inputs` (examples, pixels), of any number."""
        outputs = [np.empty((len(inputs), len(bias)), bias.dtype) for bias in self.parameters[1::2]]
        self._forward([inputs, *outputs])
        return outputs[-1]

    def _forward(self, layer_inputs: Sequence[Floats]) -> None:
        """Fill all of `layer_inputs` but the first: each layer's output is the next one's input."""
        last = len(layer_inputs) - 2
        for layer in range(last + 1):
            output = layer_inputs[layer + 1]
            np.dot(layer_inputs[layer], self.parameters[2 * layer], out=output)
            output += self.parameters[2 * layer + 1]
            if layer < last:
                self._activate(output)

    def _softmax_gradient(
        self, logits: Floats, labels: NDArray[np.integer[Any]]
    ) -> tuple[float, int]:
        """Turn `logits` into (softmax - one-hot label) / examples; the mean loss, how many right.

        Subtracting the largest logit first keeps the exponentials from overflowing (Goodfellow et
        al., "Deep Learning", 2016, section 4.1).
        """
        rows = self._rows[: len(labels)]
        best = logits.argmax(axis=1)
        logits -= logits[rows, best, None]
        of_labels = logits[rows, labels]
        np.exp(logits, out=logits)
        total = logits.sum(axis=1, keepdims=True)
        loss = float(np.mean(np.log(total[:, 0]) - of_labels))
        total *= len(labels)
        logits /= total
        logits[rows, labels] -= 1 / len(labels)
        return loss, int(np.count_nonzero(best == labels))


def _views(flat: Floats, shapes: Sequence[tuple[int, ...]]) -> list[Floats]:
    ends = np.cumsum([np.prod(shape) for shape in shapes])
    parts = np.split(flat, ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def _relu(values: Floats) -> None:
    np.maximum(values, 0, out=values)


def _times_relu_slope(change: Floats, output: Floats) -> None:
    change *= output > 0


def _sigmoid(values: Floats) -> None:
    # 1 / (1 + exp(-x)) = (1 + tanh(x / 2)) / 2, which cannot overflow and is faster in NumPy.
    values *= 0.5
    np.tanh(values, out=values)
    values += 1
    values *= 0.5


def _times_sigmoid_slope(change: Floats, output: Floats) -> None:
    # output * (1 - output); what a layer put out is not needed after this.
    change *= output
    np.subtract(1, output, out=output)
    change *= output


_ACTIVATIONS = {"relu": (_relu, _times_relu_slope), "sigmoid": (_sigmoid, _times_sigmoid_slope)}


class Sgd:
    """Stochastic gradient descent with heavy-ball momentum; the decay is added to the gradient."""

    def __init__(self, learning_rate: float, momentum: float, weight_decay: float) -> None:
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._weight_decay = weight_decay
        self._velocity: Floats | None = None

    def update(self, parameters: Floats, gradients: Floats) -> None:
        """Change `parameters` (size,) in place. `gradients` (size,) are used up."""
        if self._momentum and self._velocity is None:
            self._velocity = np.zeros_like(parameters)
        # Piece by piece, each stays in the processor's cache from one operation to the next.
        for start in range(0, len(parameters), _PIECE):
            piece = slice(start, start + _PIECE)
            change = gradients[piece]
            if self._weight_decay:
                change += self._weight_decay * parameters[piece]
            if self._velocity is None:
                change *= self._learning_rate
            else:
                velocity = self._velocity[piece]
                velocity *= self._momentum
                velocity += change
                np.multiply(velocity, self._learning_rate, out=change)
            parameters[piece] -= change


_PIECE = 65_536
"""Parameters that are updated at once: 256 kB of float32."""


def numpy_description() -> str:
    """NumPy and its BLAS, each with its version."""
    build: Any = np.show_config(mode="dicts")
    blas = build["Build Dependencies"]["blas"]
    return f"NumPy {np.__version__}, {blas['name']} {blas['version']}"


class NumpyEngine(LoopEngine):
    """Trains a problem with `NumpyNetwork` and `Sgd` in float32."""

    def __init__(self, problem: Problem, threads: int) -> None:
        """`threads` is only told on: NumPy's BLAS takes it from the environment as it loads."""
        super().__init__(problem)
        self._threads = threads
        train = problem.split.train
        self._images = train.images.reshape(len(train), -1)
        self._labels = train.labels.astype(np.int64)
        self._start()

    @property
    def description(self) -> str:
        return f"{numpy_description()}, {thread_count(self._threads)}"

    @property
    def parameters(self) -> list[Floats]:
        """Views of them."""
        return self._network.parameters

    def _logits(self, inputs: Floats) -> Floats:
        return self._network.logits(inputs)

    def _start(self) -> None:
        recipe = self._problem.hyperparameters
        assert recipe.activation in ("relu", "sigmoid")  # what a Problem allows
        size = min(recipe.batch_size, len(self._labels))
        parameters = self._problem.initial_parameters()
        self._network = NumpyNetwork(parameters, recipe.activation, size)
        self._optimizer = Sgd(recipe.learning_rate, recipe.momentum, recipe.weight_decay)
        self._pixels = np.empty((size, self._images.shape[1]), np.uint8)
        self._inputs = np.empty(self._pixels.shape, np.float32)

    def _batches(self, epoch: int) -> Iterator[tuple[int, float, int]]:
        network = self._network
        shift, divisor = pixel_scaling(self._problem.hyperparameters, self._problem.dataset)
        for rows in self._problem.batches(epoch):
            pixels, inputs = self._pixels[: len(rows)], self._inputs[: len(rows)]
            # The rows are in bounds; "clip" spares NumPy the check and a copy.
            np.take(self._images, rows, axis=0, out=pixels, mode="clip")
            np.copyto(inputs, pixels)
            if shift:
                inputs -= shift
            inputs *= 1 / divisor
            loss, correct = network.loss_and_gradients(inputs, self._labels[rows])
            self._optimizer.update(network.flat_parameters, network.flat_gradients)
            yield len(rows), loss, correct
