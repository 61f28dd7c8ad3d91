"""A drawn image brought into the form of MNIST, as LeCun et al. describe it. NumPy only.

"Gradient-based learning applied to document recognition", 1998, section III.A: the images "were
size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", with grey levels
"as result of the anti-aliasing", and centred in 28x28 "by computing the center of mass of the
pixels, and translating the image so as to position this point at the center".
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core.resampling import resample

_BOX_SHARE = 20 / 28
"""Of an image's height and width, that its ink fills."""


class Box(NamedTuple):
    """The smallest box of an image that holds all ink: rows top to bottom - 1, and columns."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left


def ink_box(ink: NDArray[np.uint8]) -> Box | None:
    """The box of the pixels of `ink` (height, width) that are above 0; None of a blank image."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        return None
    return Box(int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1)


def normalised(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`ink` (height, width), background 0, as MNIST would show it in an image of the same size.

    It is scaled to fit into 20/28 of the height and of the width, and moved by whole pixels, as
    MNIST's own images were: their centres of mass lie within half a pixel of row 14, column 14.
    Where that would push ink over the edge, it is moved less far. A blank image stays blank.
    """
    out = np.zeros_like(ink)
    box = ink_box(ink)
    if box is None:
        return out
    height, width = ink.shape
    scale = min(_BOX_SHARE * height / box.height, _BOX_SHARE * width / box.width)
    down, across = max(1, round(scale * box.height)), max(1, round(scale * box.width))
    part = ink[box.top : box.bottom, box.left : box.right]
    scaled = np.rint(resample(part[None], down, across)[0])
    mass = scaled.sum()
    if not mass:
        return out
    top = _start(float(scaled.sum(axis=1) @ np.arange(down) / mass), down, height)
    left = _start(float(scaled.sum(axis=0) @ np.arange(across) / mass), across, width)
    out[top : top + down, left : left + across] = scaled
    return out


def _start(centre_of_mass: float, length: int, room: int) -> int:
    """Where `length` pixels begin among `room`, so that their centre of mass is in the middle."""
    return max(0, min(round(room / 2 - centre_of_mass), room - length))
