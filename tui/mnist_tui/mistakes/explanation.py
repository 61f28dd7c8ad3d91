"""Why a sample was taken for its class: what each of the ways to ask says, ready to be drawn."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Examples
from mnist_core.network.explanations import (
    Contrast,
    contrast_of,
    occlusion,
    patch_shape,
    saliency,
    smallest_flip,
)
from mnist_core.network.neighbours import Neighbours
from mnist_core.network.pixel_function import PixelFunction
from mnist_tui.text.numbers import count
from mnist_tui.text.visible_text import class_name
from mnist_tui.ui.weight_picture import Amounts


class Why(StrEnum):
    """Ways to ask, in the order of the key."""

    DIGIT = "digit"
    GRADIENT = "gradient"
    OCCLUSION = "occlusion"
    CHANGE = "change"
    NEAREST = "nearest"

    @property
    def following(self) -> "Why":
        """The next one; after the last the first again."""
        ways = list(Why)
        return ways[(ways.index(self) + 1) % len(ways)]


class Signs(NamedTuple):
    """What it means where an explanation is above and below 0."""

    above: str
    below: str


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """What speaks for the answer and against it, over the digit."""

    image: NDArray[np.uint8]
    """(height, width) that lies below it."""
    amounts: Amounts
    """(height, width) from -1 to 1."""
    signs: Signs


@dataclass(frozen=True, slots=True, eq=False)
class Nearby:
    """Training examples, the nearest first."""

    examples: Examples
    distances: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """One way to ask, of one sample."""

    why: Why
    text: str
    """Sentences, text from outside in them."""
    shown: Map | Nearby | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What is asked about."""

    image: NDArray[np.uint8]
    """(height, width)."""
    true: int
    class_names: tuple[str, ...]
    dark_on_light: bool

    def name(self, label: int) -> str:
        """The class name, safe to draw."""
        return class_name(label, self.class_names)


NOT_TWO = (
    "There is nothing to compare: the model has one class, or its weights are not finite numbers."
)
_STILL = "The gradient is 0 here: no pixel moves the answer."


def mapped(why: Why, function: PixelFunction, sample: Sample) -> Explanation:
    """The gradient, the occlusion or the change of one sample; it takes some milliseconds."""
    contrast = contrast_of(function.logits(sample.image[None])[0], sample.true)
    if contrast is None:
        return Explanation(why, NOT_TWO)
    match why:
        case Why.GRADIENT:
            return _gradient(function, sample, contrast)
        case Why.OCCLUSION:
            return _occlusion(function, sample, contrast)
        case _:
            return _change(function, sample, contrast)


def _gradient(function: PixelFunction, sample: Sample, contrast: Contrast) -> Explanation:
    by_ink = saliency(function, sample.image, contrast) * (-1 if sample.dark_on_light else 1)
    said, other = sample.name(contrast.predicted), sample.name(contrast.against)
    if not by_ink.any():
        return Explanation(Why.GRADIENT, _STILL)
    signs = Signs(f"more ink here is for {said}", f"for {other}")
    text = f"Why {said} and not {other}, by gradient."
    return Explanation(Why.GRADIENT, text, Map(sample.image, _amounts(by_ink), signs))


def _occlusion(function: PixelFunction, sample: Sample, contrast: Contrast) -> Explanation:
    blank = 255 if sample.dark_on_light else 0
    falls = occlusion(function, sample.image, contrast, blank)
    said, other = sample.name(contrast.predicted), sample.name(contrast.against)
    height, width = sample.image.shape
    down, across = patch_shape((height, width))
    text = f"Why {said} and not {other}, with {down}x{across} pixels covered at a time."
    if not falls.any():
        return Explanation(Why.OCCLUSION, f"{text} No cover moves the answer.")
    signs = Signs(f"what is here is for {said}", f"for {other}")
    return Explanation(Why.OCCLUSION, text, Map(sample.image, _amounts(falls), signs))


def _change(function: PixelFunction, sample: Sample, contrast: Contrast) -> Explanation:
    flip = smallest_flip(function, sample.image, contrast)
    said = sample.name(contrast.predicted)
    if flip is None:
        return Explanation(
            Why.CHANGE, f"No step along the gradient makes it say other than {said}."
        )
    change = flip.image - sample.image
    largest, mean = _levels(np.abs(change).max()), _levels(np.abs(change).mean())
    text = (
        f"It would say {sample.name(flip.predicted)} and not {said} with this change: at most "
        f"{largest} of 255 in a pixel, {mean} on average."
    )
    by_ink = change * (-1 if sample.dark_on_light else 1)
    image = np.rint(flip.image).astype(np.uint8)
    shown = Map(image, _amounts(by_ink), Signs("more ink", "less ink"))
    return Explanation(Why.CHANGE, text, shown)


def _levels(change: float) -> str:
    return f"{change:.0f}" if change >= 9.95 else f"{change:.1f}"


def _amounts(values: NDArray[np.floating]) -> Amounts:
    """Divided by the strongest, which is not 0."""
    return np.asarray(values / np.abs(values).max(), np.float32)


def nearby(
    function: PixelFunction, sample: Sample, train: Examples, found: Neighbours | str | None
) -> Explanation:
    """What a search has found; None: it has not ended yet."""
    where = f"the last hidden layer ({count(function.last_units)} units)"
    if not function.has_hidden_layer:
        where = "the logits, since there is no hidden layer"
    if isinstance(found, str):
        return Explanation(Why.NEAREST, found)
    if found is None:
        return Explanation(Why.NEAREST, f"Looking through {count(len(train))} training samples…")
    if not len(found.rows):
        return Explanation(Why.NEAREST, "There are no training samples here to look through.")
    if not np.isfinite(found.distances).all():
        return Explanation(Why.NEAREST, NOT_TWO)
    text = f"The nearest of {count(len(train))} training samples in {where}."
    return Explanation(Why.NEAREST, text, Nearby(train[found.rows], found.distances))
