"""A network that looks for the blocks of the scripted digits, to be asked why."""

import numpy as np
from numpy.typing import NDArray

from mnist_core.network.parameters import initial_parameters


def blocks(epoch: int, hidden: tuple[int, ...] = (16, 12)) -> tuple[NDArray[np.float32], ...]:
    """A network 784-16-12-10, or without hidden layers 784-10; another one after each epoch.

    Units of its first layer look for a lighter half, so that an explanation has a shape.
    """
    parameters = initial_parameters((784, *hidden, 10), epoch)
    rows, columns = np.indices((28, 28)) - 13.5
    for unit in range(parameters[0].shape[1]):
        angle = unit * np.pi / 5
        side = np.tanh((rows * np.sin(angle) + columns * np.cos(angle)) / 4)
        parameters[0][:, unit] += (0.03 * side).reshape(784)
    return parameters
