"""Dropout: how many units it keeps, and what becomes of these."""

import math

import numpy as np
from numpy.typing import NDArray

from mnist_core.backend.mlx import mx
from mnist_core.checks.check import Check, CheckContext, Measurement, largest_absolute
from mnist_core.network.models import forward

_SHARES = (0.1, 0.5, 0.8)
_EXAMPLES, _UNITS = 400, 250
_DEVIATIONS = 5.0
"""A share that is kept to is this many standard deviations off once in two million times."""


def check_share(_: CheckContext) -> Measurement:
    """The units kept by a layer, by the same layer in two batches, and by two layers in turn."""
    worst, where = 0.0, "none of them"
    for share in _SHARES:
        first = _left(share, step=1) != 0
        later = _left(share, step=2) != 0
        both = (1 - share) ** 2
        counts = (
            (f"a layer that drops {share}", first, 1 - share),
            (f"two batches that drop {share}", first & later, both),
            (f"two layers that drop {share}", _left(share, step=1, layers=2) != 0, both),
        )
        for name, kept, expected in counts:
            deviation = math.sqrt(expected * (1 - expected) / kept.size)
            figure = abs(float(kept.mean()) - expected) / deviation
            if figure > worst:
                worst, where = figure, name
    return Measurement(worst, _DEVIATIONS, f"The largest is in {where}.")


def check_scale(_: CheckContext) -> Measurement:
    """The units that were kept, against 1 / (1 - share)."""
    left = [_left(share, step=1) for share in _SHARES]
    found = [values[values != 0].astype(np.float64) for values in left]
    scaled = [values * (1 - share) for values, share in zip(found, _SHARES, strict=True)]
    names = [f"a layer that drops {share}" for share in _SHARES]
    difference = largest_absolute(scaled, [np.ones_like(values) for values in found], names)
    return difference.within(1e-6)


def _left(share: float, step: int, layers: int = 1) -> NDArray[np.float32]:
    """What is left of units (examples, units) that are all 1 after dropout in each of `layers`."""
    identity, zeros = np.eye(_UNITS, dtype=np.float32), np.zeros(_UNITS, np.float32)
    # The first layer puts out its biases; the others hand on what they get.
    arrays = [np.zeros_like(identity), np.ones_like(zeros), *([identity, zeros] * layers)]
    key = mx.array(np.array([0, step], np.uint32))
    parameters = [mx.array(array) for array in arrays]
    inputs = mx.zeros((_EXAMPLES, _UNITS))
    return np.array(forward(parameters, inputs, "relu", (mx.array(share), key)))


CHECKS = (
    Check(
        "Dropout keeps its share",
        "A layer keeps one minus the share of its units, apart from what other batches and layers "
        "keep. The figure is the largest difference in standard deviations of that many coins.",
        check_share,
    ),
    Check(
        "Dropout scales what it keeps",
        "The units that are kept are divided by one minus the share. The figure is the largest "
        "relative difference.",
        check_scale,
    ),
)
