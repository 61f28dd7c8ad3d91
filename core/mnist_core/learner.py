"""A network being trained: its MLX arrays, the step that updates them, and its answers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mnist_core import models
from mnist_core.dataset import Dataset, Examples
from mnist_core.hyperparameters import Hyperparameters
from mnist_core.mlx import mx
from mnist_core.optimizers import OPTIMIZERS, Arrays, Settings

EVALUATION_BATCH = 1000
"""Examples in one forward pass: fast on a CPU, and small beside the weights in memory."""

_Step = Callable[
    [Arrays, Arrays, mx.array, mx.array, Settings, mx.array, mx.array],
    tuple[Arrays, Arrays, mx.array, mx.array],
]


class Learner:
    """Holds parameters and optimizer state as MLX arrays of the calling thread."""

    def __init__(self, hyperparameters: Hyperparameters, dataset: Dataset, train: Examples) -> None:
        self._hyperparameters = hyperparameters
        self._optimizer = OPTIMIZERS[hyperparameters.optimizer]
        self._images = mx.array(train.images.reshape(len(train), -1))
        self._labels = mx.array(train.labels.astype(np.int32))
        self._shift, self._scale = _pixel_scaling(hyperparameters, dataset)
        self._step = self._make_step()
        self._parameters: Arrays = ()
        self._state: Arrays = ()

    def load(
        self,
        parameters: tuple[NDArray[np.float32], ...],
        optimizer_state: tuple[NDArray[np.float32], ...] | None,
    ) -> None:
        """Continue from these arrays; without an optimizer state, from a fresh one."""
        self._parameters = tuple(mx.array(array) for array in parameters)
        if optimizer_state is None:
            self._state = self._optimizer.initial_state(self._parameters)
        else:
            self._state = tuple(mx.array(array) for array in optimizer_state)
        mx.eval(self._parameters, self._state)

    def arrays(self) -> tuple[tuple[NDArray[np.float32], ...], tuple[NDArray[np.float32], ...]]:
        """Copies of the parameters and the optimizer state."""
        return (
            tuple(np.array(array) for array in self._parameters),
            tuple(np.array(array) for array in self._state),
        )

    def update(self, rows: NDArray[np.int32], step: int, learning_rate: float) -> tuple[float, int]:
        """Train on one batch of training rows; `step` is the number of updates done before.

        Returns the mean loss of the batch and the number of right predictions, both before the
        update.
        """
        chosen = mx.array(rows)
        hyperparameters = self._hyperparameters
        settings = Settings(
            learning_rate=mx.array(learning_rate),
            momentum=mx.array(hyperparameters.momentum),
            weight_decay=mx.array(hyperparameters.weight_decay),
            update=mx.array(float(step + 1)),
        )
        # A threefry key is two 32-bit words: seed and step make dropout repeatable from any step.
        key = mx.array([hyperparameters.seed, step], dtype=mx.uint32)
        self._parameters, self._state, loss, correct = self._step(
            self._parameters,
            self._state,
            self._images[chosen],
            self._labels[chosen],
            settings,
            mx.array(hyperparameters.dropout),
            key,
        )
        mx.eval(self._parameters, self._state, loss, correct)
        return float(loss), int(correct)

    def logits(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Logits (examples, classes) of uint8 images (examples, height, width)."""
        flat = images.reshape(len(images), -1)
        parts = []
        for start in range(0, len(flat), EVALUATION_BATCH):
            inputs = self._scaled(mx.array(flat[start : start + EVALUATION_BATCH]))
            parts.append(
                np.array(models.forward(self._parameters, inputs, self._hyperparameters.activation))
            )
        return np.concatenate(parts)

    def _scaled(self, pixels: mx.array) -> mx.array:
        return (pixels.astype(mx.float32) - self._shift) / self._scale

    def _make_step(self) -> _Step:
        hyperparameters = self._hyperparameters
        optimizer = self._optimizer
        drops = hyperparameters.dropout > 0

        def loss_and_correct(
            parameters: Arrays, inputs: mx.array, labels: mx.array, share: mx.array, key: mx.array
        ) -> tuple[mx.array, mx.array]:
            logits = models.forward(
                parameters, inputs, hyperparameters.activation, (share, key) if drops else None
            )
            return models.loss_and_correct(logits, labels, hyperparameters.label_smoothing)

        value_and_gradients = mx.value_and_grad(loss_and_correct)

        def step(
            parameters: Arrays,
            state: Arrays,
            pixels: mx.array,
            labels: mx.array,
            settings: Settings,
            share: mx.array,
            key: mx.array,
        ) -> tuple[Arrays, Arrays, mx.array, mx.array]:
            (loss, correct), gradients = value_and_gradients(
                parameters, self._scaled(pixels), labels, share, key
            )
            parameters, state = optimizer.update(parameters, gradients, state, settings)
            return parameters, state, loss, correct

        return step


def _pixel_scaling(hyperparameters: Hyperparameters, dataset: Dataset) -> tuple[float, float]:
    """What to subtract from a pixel, and what to divide it by."""
    match hyperparameters.pixel_scaling:
        case "unit":
            return 0.0, 255.0
        case "standard":
            # A set of blank images has no deviation; 1 keeps them blank instead of dividing by 0.
            return dataset.pixel_mean, dataset.pixel_deviation or 1.0
        case "none":
            return 0.0, 1.0
