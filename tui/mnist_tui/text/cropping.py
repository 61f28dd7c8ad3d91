"""Small pictures show the ink alone: each image without its margin, all in one scale."""

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.drawn_digit import ink_box, resample
from mnist_tui.text.digits import ink

_WHOLE_SHARE = 0.99
"""Of the images, at least, are drawn in the common scale; a stray dot must not shrink them all."""


def cropped_shape(images: NDArray[np.uint8], dark_on_light: bool = False) -> tuple[int, int]:
    """(height, width) in pixels of a box that holds the ink of nearly each of `images`.

    `images` is (n, height, width). Blank images, and none, have their own shape.
    """
    inked = images != (255 if dark_on_light else 0)
    heights, widths = _lengths(inked.any(axis=2)), _lengths(inked.any(axis=1))
    if not heights.any():
        return images.shape[1], images.shape[2]
    height, width = (
        int(np.quantile(lengths[heights > 0], _WHOLE_SHARE, method="higher"))
        for lengths in (heights, widths)
    )
    return height, width


def _lengths(inked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """(n,), from the first to the last that is true of each of (n, length); 0 if none is."""
    length = inked.shape[1]
    between = length - inked[:, ::-1].argmax(axis=1) - inked.argmax(axis=1)
    return np.where(inked.any(axis=1), between, 0)


def cropped(
    images: NDArray[np.uint8], shape: tuple[int, int], dark_on_light: bool = False
) -> NDArray[np.uint8]:
    """(n, *shape): the ink of each of `images` (n, height, width) in the middle, full ink = 255.

    What is larger than `shape` is made smaller, so no ink is cut.
    """
    out = np.zeros((len(images), *shape), np.uint8)
    for image, place in zip(ink(images, dark_on_light), out, strict=True):
        box = ink_box(image)
        if box is None:
            continue
        part = image[box.top : box.bottom, box.left : box.right]
        scale = min(1.0, shape[0] / box.height, shape[1] / box.width)
        down, across = max(1, round(scale * box.height)), max(1, round(scale * box.width))
        if scale < 1:
            part = np.rint(resample(part[None], down, across)[0]).astype(np.uint8)
        top, left = (shape[0] - down) // 2, (shape[1] - across) // 2
        place[top : top + down, left : left + across] = part
    return out
