"""One recipe on one data set: everything that engines must share to be compared."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset, Split, split
from mnist_core.network.evaluation import pixel_scaling
from mnist_core.network.parameters import batch_order, initial_parameters
from mnist_core.network.shape import NetworkShape
from mnist_core.recipe.effective_recipe import learning_rate_at, steps_per_epoch
from mnist_core.recipe.hyperparameters import Hyperparameters


@dataclass(frozen=True)
class Problem:
    """What is learned and how; the start and the batches follow from the seed."""

    hyperparameters: Hyperparameters
    dataset: Dataset

    def __post_init__(self) -> None:
        """Raise ValueError, as a sentence, for a recipe that not every engine knows."""
        recipe = self.hyperparameters
        known = {
            "activation": ("relu", "sigmoid"),
            "optimizer": ("sgd",),
            "warmup_steps": (0,),
            "dropout": (0,),
            "label_smoothing": (0,),
        }
        for name, values in known.items():
            value = getattr(recipe, name)
            if value not in values:
                raise ValueError(
                    f"The engines cannot be compared with {name} {value}: hand-written ones know "
                    f"{' and '.join(map(str, values))} only."
                )

    @cached_property
    def split(self) -> Split:
        """The examples to train on and those to test with."""
        return split(self.dataset, self.hyperparameters.validation)

    @cached_property
    def shape(self) -> NetworkShape:
        """Of the network; raises ValueError, as a sentence, where the images are too small."""
        dataset = self.dataset
        return NetworkShape.of(self.hyperparameters, dataset.image_shape, dataset.class_count)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of each dense layer, what the first is given and the output included."""
        return self.shape.sizes

    def initial_parameters(self) -> tuple[NDArray[np.float32], ...]:
        """Weight (inputs, outputs) and bias (outputs,) of each layer in turn."""
        return initial_parameters(self.shape, self.hyperparameters.seed)

    def learning_rate(self, epoch: int, batch: int) -> float:
        """That of batch `batch`, from 0, of epoch `epoch`, from 1; after the plan it stays."""
        recipe = self.hyperparameters
        steps = steps_per_epoch(len(self.split.train), recipe.batch_size)
        return learning_rate_at(recipe, (epoch - 1) * steps + batch, recipe.epochs * steps)

    def order(self, epoch: int) -> NDArray[np.int32]:
        """The order (examples,) in which epoch `epoch`, from 1, visits the training examples."""
        recipe = self.hyperparameters
        return batch_order(len(self.split.train), recipe.seed, epoch, shuffle=recipe.shuffle)

    def batches(self, epoch: int) -> Iterator[NDArray[np.int32]]:
        """The training rows (examples,) of each batch of epoch `epoch`."""
        order, size = self.order(epoch), self.hyperparameters.batch_size
        for start in range(0, len(order), size):
            yield order[start : start + size]

    def inputs(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Inputs (examples, pixels) of images (examples, height, width)."""
        shift, divisor = pixel_scaling(self.hyperparameters, self.dataset)
        inputs = images.reshape(len(images), -1).astype(np.float32)
        inputs -= shift
        inputs /= divisor
        return inputs
