"""Why a model takes an image for one class and not for another. NumPy only.

All three compare two classes: the one that the model predicts with the true one, or, where it is
right, with its second guess. What they measure is the difference of the two logits.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core.network.evaluation import second_guesses
from mnist_core.network.pixel_function import PixelFunction

Image = NDArray[np.uint8] | NDArray[np.float32]
"""(height, width), pixels from 0 to 255."""

_PATCHES = 7
"""To a side of the image: 4 x 4 pixels of 28 x 28, about the width of a stroke."""
_SHORTEST, _LONGEST = 0.25, 255 * 64
"""Grey levels by which the pixel that matters most is moved, were there no ends to the scale."""
_SCANNED, _AT_ONCE = 240, 24
"""Steps that are tried, each 4.7 % longer than the one before."""
_HALVINGS = 24


class Contrast(NamedTuple):
    """Two classes, why one and not the other."""

    predicted: int
    against: int


def contrast_of(logits: NDArray[np.float32], true: int) -> Contrast | None:
    """Of an image with these logits (classes,); None with one class or logits not finite."""
    if len(logits) < 2 or not np.isfinite(logits).all():
        return None
    predicted = int(logits.argmax())
    return Contrast(predicted, true if predicted != true else int(second_guesses(logits[None])[0]))


def saliency(function: PixelFunction, image: Image, contrast: Contrast) -> NDArray[np.float64]:
    """(height, width) the gradient of the logits' difference with respect to each pixel.

    In logits a grey level. Above 0, a lighter pixel speaks for the predicted class. This is the
    class saliency of Simonyan et al., "Deep Inside Convolutional Networks", 2014, section 3, of a
    difference of two scores in place of one, and with its sign.
    """
    return function.gradient(image, _weights(function, contrast))


def patch_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """(height, width) of the patches that cover an image (height, width): a seventh of each."""
    height, width = shape
    return -(-height // _PATCHES), -(-width // _PATCHES)


def patch_starts(length: int, patch: int) -> list[int]:
    """Where patches begin along one side: every half patch, and at the end."""
    return sorted({*range(0, length - patch, max(1, patch // 2)), length - patch})


def occlusion(
    function: PixelFunction, image: Image, contrast: Contrast, blank: int
) -> NDArray[np.float32]:
    """(height, width) how much the logits' difference falls where a patch is covered.

    A patch of `patch_shape` is moved over the image as `patch_starts` says and set to `blank`; a
    pixel has the mean over the patches that cover it. Above 0, what is there speaks for the
    predicted class. Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks",
    2014, section 4.2, cover with grey and look at one class; here the cover is background, since
    grey would be ink.
    """
    height, width = image.shape
    down, across = patch_shape((height, width))
    lefts = patch_starts(width, across)
    falls = np.zeros((height, width), np.float32)
    covers = np.zeros((height, width), np.float32)
    whole = _difference(function, image[None].astype(np.float32), contrast)[0]
    for top in patch_starts(height, down):
        covered = np.repeat(image[None].astype(np.float32), len(lefts), axis=0)
        for place, left in enumerate(lefts):
            covered[place, top : top + down, left : left + across] = blank
        fall = whole - _difference(function, covered, contrast)
        for place, left in enumerate(lefts):
            patch = np.s_[top : top + down, left : left + across]
            falls[patch] += fall[place]
            covers[patch] += 1
    return np.asarray(falls / covers)


@dataclass(frozen=True, slots=True, eq=False)
class Flip:
    """The smallest step that changes an answer."""

    image: NDArray[np.float32]
    """(height, width) after the step, pixels from 0 to 255, not rounded."""
    predicted: int
    """The class that the model takes it for."""
    step: float
    """As `moved` takes it."""


def moved(image: Image, gradient: NDArray[np.float64], step: float) -> NDArray[np.float32]:
    """The image (height, width) after a step against a gradient, kept between 0 and 255.

    `step` is in grey levels: by how much the pixel with the largest slope moves, were there no
    ends to the scale. The gradient must not be 0 everywhere.
    """
    direction = -gradient / np.abs(gradient).max()
    return np.asarray(np.clip(image + step * direction, 0, 255), np.float32)


def smallest_flip(function: PixelFunction, image: Image, contrast: Contrast) -> Flip | None:
    """The smallest step along the gradient of the logits' difference that changes the answer.

    The gradient is that at the image, so this is one straight line, as in Goodfellow et al.,
    "Explaining and Harnessing Adversarial Examples", 2015, without its sign function. Steps are
    tried from a quarter of a grey level on, each 5 % longer than the one before; between the first
    that changes the answer and the one before, the smallest is found by halving. None: no step
    does, as where the gradient is 0.
    """
    gradient = saliency(function, image, contrast)
    if not np.isfinite(gradient).all() or not gradient.any():
        return None
    steps = np.geomspace(_SHORTEST, _LONGEST, _SCANNED)
    before = 0.0
    for start in range(0, _SCANNED, _AT_ONCE):
        tried = steps[start : start + _AT_ONCE]
        images = np.stack([moved(image, gradient, float(step)) for step in tried])
        changed = np.flatnonzero(function.logits(images).argmax(axis=1) != contrast.predicted)
        if len(changed):
            first = int(changed[0])
            before = float(tried[first - 1]) if first else before
            return _halved(function, image, gradient, contrast, before, float(tried[first]))
        before = float(tried[-1])
    return None


def _halved(
    function: PixelFunction,
    image: Image,
    gradient: NDArray[np.float64],
    contrast: Contrast,
    low: float,
    high: float,
) -> Flip:
    """The smallest step between `low`, which changes nothing, and `high`, which does."""

    def answer(step: float) -> int:
        return int(function.logits(moved(image, gradient, step)[None])[0].argmax())

    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if answer(middle) != contrast.predicted:
            high = middle
        else:
            low = middle
    return Flip(moved(image, gradient, high), answer(high), high)


def _weights(function: PixelFunction, contrast: Contrast) -> NDArray[np.float64]:
    """(classes,) that make the difference of the two logits of all of them."""
    weights = np.zeros(function.classes)
    weights[contrast.predicted], weights[contrast.against] = 1, -1
    return weights


def _difference(
    function: PixelFunction, images: NDArray[np.float32], contrast: Contrast
) -> NDArray[np.float32]:
    """(examples,) how far the logit of the predicted class lies above the other."""
    logits = function.logits(images)
    return np.asarray(logits[:, contrast.predicted] - logits[:, contrast.against])
