"""The forward pass in NumPy, and what it says of examples: predictions, losses, confidence."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset
from mnist_core.network.shape import ConvolutionShape, convolution_shapes
from mnist_core.recipe.hyperparameters import Activation, Hyperparameters

Floats = NDArray[np.floating[Any]]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x: Floats) -> Floats:
    # 1 / (1 + exp(-x)) in a form that cannot overflow.
    return np.asarray((1 + np.tanh(x / 2)) / 2)


ACTIVATIONS: Mapping[Activation, Callable[[Floats], Floats]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "gelu": lambda x: x * (1 + _erf(x / math.sqrt(2)).astype(x.dtype)) / 2,
    "silu": lambda x: x * _sigmoid(x),
    "leaky_relu": lambda x: np.maximum(x, 0.01 * x),
}


def layer_sums(
    parameters: Sequence[Floats],
    inputs: Floats,
    activation: Activation,
    convolutions: Sequence[ConvolutionShape] = (),
) -> list[Floats]:
    """What each layer makes before its activation; the last are the logits.

    Of a dense layer (examples, outputs), of a convolution (examples, channels, rows, columns) after
    its pooling.

    Args:
        parameters: weight (inputs, outputs) and bias (outputs,) of each layer in turn, perhaps of
            the first layers alone.
        inputs: (examples, pixels), scaled, in the dtype of the parameters.
        activation: applied after every layer but the last.
        convolutions: those of the network, its first layers.
    """
    sums: list[Floats] = []
    values = inputs
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))
    filters, dense = layers[: len(convolutions)], layers[len(convolutions) :]
    for (weight, bias), shape in zip(filters, convolutions, strict=False):
        sums.append(_pooled_sums(shape, weight, bias, values))
        values = ACTIVATIONS[activation](sums[-1])
    values = values.reshape(len(values), -1)
    for weight, bias in dense:
        sums.append(values @ weight + bias)
        values = ACTIVATIONS[activation](sums[-1])
    return sums


def _pooled_sums(shape: ConvolutionShape, weight: Floats, bias: Floats, inputs: Floats) -> Floats:
    """(examples, channels, rows, columns): the largest sums of a filter in each 2x2 places."""
    sums = place_sums(shape, weight, inputs)
    in_rows = np.maximum(sums[..., ::2], sums[..., 1::2])
    pools = np.maximum(in_rows[:, :, ::2], in_rows[:, :, 1::2])
    return np.asarray(pools.swapaxes(0, 1) + bias[:, None, None])


def place_sums(shape: ConvolutionShape, weight: Floats, inputs: Floats) -> Floats:
    """(channels, examples, 2 rows, 2 columns): what a filter sums in each place that is pooled.

    Inputs are (examples, pixels), or (examples, maps, height, width).
    """
    kernel, padding = shape.convolution.kernel, shape.convolution.padding
    rows, columns = shape.pooled
    maps = inputs.reshape(len(inputs), shape.inputs, shape.height, shape.width)
    maps = np.pad(maps, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    # (examples, inputs, height, width, kernel, kernel)
    windows = np.lib.stride_tricks.sliding_window_view(maps, (kernel, kernel), axis=(2, 3))
    windows = windows[:, :, : 2 * rows, : 2 * columns].transpose(1, 4, 5, 0, 2, 3)
    return np.asarray(
        (weight.T @ windows.reshape(len(weight), -1)).reshape(
            -1, len(inputs), 2 * rows, 2 * columns
        )
    )


def logits(
    parameters: Sequence[NDArray[np.float32]],
    images: NDArray[np.uint8],
    hyperparameters: Hyperparameters,
    dataset: Dataset,
) -> NDArray[np.float32]:
    """Logits (examples, classes) that `Learner.logits` gives of `images` (examples, height, width).

    `hyperparameters` and `dataset` are those that the parameters were trained with. Weights that
    are not finite give logits that are not, and no warning.
    """
    inputs = scaled_inputs(images, hyperparameters, dataset)
    height, width = images.shape[1:]
    convolutions = convolution_shapes(hyperparameters, (height, width))
    with np.errstate(all="ignore"):
        sums = layer_sums(parameters, inputs, hyperparameters.activation, convolutions)
    return sums[-1].astype(np.float32, copy=False)


def scaled_inputs(
    images: NDArray[np.uint8] | NDArray[np.float32],
    hyperparameters: Hyperparameters,
    dataset: "PixelStatistics",
) -> NDArray[np.float32]:
    """(examples, pixels) of `images` (examples, height, width), as a network is given them."""
    shift, divisor = pixel_scaling(hyperparameters, dataset)
    pixels = images.reshape(len(images), -1).astype(np.float32)
    pixels -= np.float32(shift)
    pixels *= np.float32(1 / divisor)
    return pixels


class PixelStatistics(Protocol):
    """Of all training pixels of a data set; `Dataset` has them."""

    @property
    def pixel_mean(self) -> float: ...
    @property
    def pixel_deviation(self) -> float: ...


def pixel_scaling(
    hyperparameters: Hyperparameters, dataset: PixelStatistics
) -> tuple[float, float]:
    """What to subtract from a pixel, and what to divide it by then."""
    match hyperparameters.pixel_scaling:
        case "unit":
            return 0.0, 255.0
        case "standard":
            # A set of blank images has no deviation; 1 keeps them blank instead of dividing by 0.
            return dataset.pixel_mean, dataset.pixel_deviation or 1.0
        case "none":
            return 0.0, 1.0


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model says of a set of examples, in their order."""

    logits: NDArray[np.float32]
    """(examples, classes)."""
    predictions: NDArray[np.uint8] | NDArray[np.uint16]
    """(examples,), the class with the largest logit; uint16 for more than 256 classes."""
    confidences: NDArray[np.float32]
    """(examples,), the softmax probability of the predicted class."""

    def of(self, rows: NDArray[np.intp]) -> "Answers":
        """Those of `rows` alone."""
        return Answers(self.logits[rows], self.predictions[rows], self.confidences[rows])


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A model's answers, measured against the labels."""

    answers: Answers
    losses: NDArray[np.float32]
    """(examples,), cross-entropy of each example in nats."""
    loss: float
    """Mean of `losses`."""
    accuracy: float
    """Share of examples whose prediction is the label."""


def answer(logits: NDArray[np.float32]) -> Answers:
    """Read `logits` (examples, classes). Logits that are NaN give NaN confidences, not an error."""
    with np.errstate(over="ignore", invalid="ignore"):
        shifted = logits - logits.max(axis=1, keepdims=True)
        confidences = 1 / np.exp(shifted).sum(axis=1)
    kind = np.uint8 if logits.shape[1] <= 256 else np.uint16
    return Answers(logits, logits.argmax(axis=1).astype(kind), confidences)


def evaluate(logits: NDArray[np.float32], labels: NDArray[np.uint16]) -> Evaluation:
    """Measure `logits` (examples, classes) against `labels` (examples,).

    The loss of an example is -log softmax(logits)[label], with the largest logit subtracted first
    so that nothing overflows (Goodfellow et al., "Deep Learning", 2016, section 4.1). Logits that
    are NaN give NaN losses, not an error.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        shifted = logits - logits.max(axis=1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    answers = answer(logits)
    return Evaluation(
        answers=answers,
        losses=losses,
        loss=float(losses.mean(dtype=np.float64)),
        accuracy=float((answers.predictions == labels).mean()),
    )


def probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(examples, classes) softmax: p[k] = exp(logits[k]) / sum over j of exp(logits[j]).

    The largest logit is subtracted first, so nothing overflows. A row with a logit that is NaN or
    +inf is NaN as a whole.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def margins(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(examples,) the largest softmax probability minus the second largest: 0 is undecided, 1 sure.

    With one class there is no second one, and the margin is the probability itself, 1. It is NaN
    where `probabilities` is.
    """
    shares = probabilities(logits)
    if shares.shape[1] == 1:
        return shares[:, 0]
    highest = np.partition(shares, -2, axis=1)
    return np.asarray(highest[:, -1] - highest[:, -2])


def second_guesses(logits: NDArray[np.float32]) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """(examples,) the class with the largest logit but for the predicted one, the first of equals.

    Of the type of `Answers.predictions`. It is never the predicted class, except that with one
    class it is that one, 0. Where logits are NaN it means as little as the prediction.
    """
    examples, classes = logits.shape
    if classes == 1:
        return np.zeros(examples, np.uint8)
    predicted = logits.argmax(axis=1)
    others = np.ones(logits.shape, np.bool_)
    others[np.arange(examples), predicted] = False
    second: NDArray[np.intp] = logits[others].reshape(examples, classes - 1).argmax(axis=1)
    # The predicted class is missing in that row: those behind it have moved up by one.
    second += second >= predicted
    return second.astype(np.uint8) if classes <= 256 else second.astype(np.uint16)
