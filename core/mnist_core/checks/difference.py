"""The largest difference between two lists of arrays, and where it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference, and the array it is in."""

    figure: float
    where: str

    @property
    def sentence(self) -> str:
        """Where to look."""
        return f"The largest is in {self.where}." if self.figure else "Nothing differs."


def parameter_names(count: int) -> list[str]:
    """Names of `count` parameter arrays: weights and biases of layer 1, layer 2, and so on."""
    return [f"the {('weights', 'biases')[k % 2]} of layer {k // 2 + 1}" for k in range(count)]


def largest_relative(
    found: Sequence[Floats], expected: Sequence[Floats], names: Sequence[str]
) -> Difference:
    """The largest difference, relative to the largest absolute value expected in its array.

    Values near 0 are thus held to the rounding of their array, not to their own. Arrays of zeros
    are compared absolutely. A difference that is not a number is the largest of all.

    Raises:
        ValueError: arrays that do not match in number or shape, as a sentence.
    """
    scales = [float(np.abs(array).max(initial=0.0)) or 1.0 for array in expected]
    return _largest(found, expected, names, scales)


def largest_absolute(
    found: Sequence[Floats], expected: Sequence[Floats], names: Sequence[str]
) -> Difference:
    """The largest absolute difference; one that is not a number is the largest of all.

    Raises:
        ValueError: arrays that do not match in number or shape, as a sentence.
    """
    return _largest(found, expected, names, [1.0] * len(expected))


def _largest(
    found: Sequence[Floats],
    expected: Sequence[Floats],
    names: Sequence[str],
    scales: Sequence[float],
) -> Difference:
    if [array.shape for array in found] != [array.shape for array in expected]:
        raise ValueError("The arrays that were to be compared have different shapes.")
    largest = Difference(0.0, names[0])
    for ours, theirs, name, scale in zip(found, expected, names, scales, strict=True):
        gaps = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
        figure = float(gaps.max(initial=0.0)) / scale
        # Written so that NaN wins over every number, and the first NaN over the others.
        if not figure <= largest.figure and not np.isnan(largest.figure):
            largest = Difference(figure, name)
    return largest
