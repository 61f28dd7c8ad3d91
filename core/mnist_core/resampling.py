"""Images at another size, without a jagged edge and without losing ink. NumPy only."""

import numpy as np
from numpy.typing import NDArray

Levels = NDArray[np.float32]


def resample(images: NDArray[np.uint8], height: int, width: int) -> Levels:
    """The images (n, h, w) at another size, as float32 (n, height, width) from 0 to 255.

    Along an axis that shrinks, each sample is the mean of the area it covers, so no ink is lost;
    along one that grows, samples are interpolated linearly.
    """
    _, old_height, old_width = images.shape
    narrowed: Levels = images.astype(np.float32) @ _weights(old_width, width).T
    levels: Levels = _weights(old_height, height) @ narrowed
    return levels


def _weights(old: int, new: int) -> Levels:
    """(new, old), rows that sum to 1: how much each old sample counts in each new one."""
    old_samples = np.arange(old)
    if new > old:
        centres = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        weights: NDArray[np.float64] = 1 - np.abs(centres[:, None] - old_samples)
        return np.maximum(weights, 0, dtype=np.float32)
    edges = np.arange(new + 1)[:, None] * old / new
    overlap = np.minimum(edges[1:], old_samples + 1) - np.maximum(edges[:-1], old_samples)
    return np.maximum(overlap * new / old, 0, dtype=np.float32)
