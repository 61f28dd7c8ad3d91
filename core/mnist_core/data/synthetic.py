"""Digits drawn by strokes: data that looks like MNIST and needs no download.

A digit starts as one of the skeletons of :mod:`mnist_core.data.strokes`. Its points are jittered,
the curve is bent, slanted, turned and made to tremble, and a soft pen inks it. Then it is brought
into the form of MNIST as LeCun et al. describe it ("Gradient-based learning applied to document
recognition", 1998, section III.A): fitted into a box of 20x20 pixels, its centre of mass moved to
the middle of 28x28.

No image of any data set goes into them, but the styles and the constants below were chosen by
looking at MNIST's training images: their amount of ink, and which of them a network trained on
these digits misreads. Its test images were not used. A 784-256-256-10 network trained on these
digits gets 0.84 to 0.90 of those right.
"""

import logging
import tempfile
import zipfile
from pathlib import Path
from tokenize import TokenError
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.dataset import Dataset, Examples
from mnist_core.data.strokes import SAMPLES, stroke_table
from mnist_core.user_folders import make_private

GENERATOR_VERSION = 1
"""Part of the cache's name: raise it with every change to what is drawn."""

TRAIN_SIZE = 12_000
TEST_SIZE = 2_000

_CHUNK = 500
"""Digits drawn at a time, which bounds the working memory to about 20 MB."""

# The hand. Half the height of a digit is 1, angles are in radians; a single value is the standard
# deviation of a normal distribution around 0, a pair its mean and deviation.
_JITTER = 0.08
"""How far a point of a skeleton strays, as a share of the distance to its nearer neighbour."""
_BEND = 0.12
"""Coefficients of x², xy and y² that are added to x and to y."""
_TREMBLE = 0.02
"""Height of each of the waves laid along the strokes."""
_WIDENING = (0.03, 0.18)
"""Logarithm of the factor that x is multiplied by."""
_SLANT = (0.08, 0.25)
"""Tangent of the angle by which uprights lean to the right."""
_TURN = (0.0, 0.10)

# The pen, in pixels of a 28x28 image.
_PEN_RADIUS = 1.2
"""The median."""
_PEN_RADIUS_SPREAD = 0.3
"""Standard deviation of the radius's logarithm."""
_PEN_RADIUS_BOUNDS = (0.75, 2.2)
_PEN_EDGE = 1.2
"""Width of the ramp from background to full ink, where the pen has room for it."""
_PEN_SHARPNESS = 1.6
"""Radius over the standard deviation of the footprint; larger keeps small loops open."""

_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    NotImplementedError,
    TokenError,
    zipfile.BadZipFile,
)
"""What np.load raises for files with missing or flipped bytes."""

_log = logging.getLogger(__name__)

_Floats = NDArray[np.float32]


class _Curves(NamedTuple):
    """Strokes as points joined by lines; x to the right, y down."""

    points: _Floats
    """(digits, SAMPLES, 2)"""
    pen_down: _Floats
    """(digits, SAMPLES - 1), 1 where a line is drawn, 0 where the pen jumps."""


def draw_digits(labels: NDArray[np.integer[Any]], seed: int, size: int = 28) -> NDArray[np.uint8]:
    """Draw one digit for each of `labels` (digits,), values 0 to 9.

    Returns images (digits, size, size), background 0, ink up to 255. The same labels, seed and
    size give the same images on the same machine.

    Raises:
        ValueError: when a label is not a digit.
    """
    if len(labels) and not 0 <= labels.min() <= labels.max() <= 9:
        raise ValueError(
            f"Only the digits 0 to 9 can be drawn; the labels go from {labels.min()} to "
            f"{labels.max()}."
        )
    random = np.random.default_rng(seed)
    images = np.empty((len(labels), size, size), dtype=np.uint8)
    for start in range(0, len(labels), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        curves = _distort(_write(labels[chunk], random), random)
        images[chunk] = _centre(_ink(curves, random, size))
    return images


def _write(labels: NDArray[np.integer[Any]], random: np.random.Generator) -> _Curves:
    """Choose a skeleton for each label and draw it with an unsteady hand."""
    table = stroke_table()
    skeleton = np.empty(len(labels), dtype=np.intp)
    for digit, probabilities in enumerate(table.probabilities):
        members = np.flatnonzero(labels == digit)
        skeleton[members] = random.choice(len(probabilities), len(members), p=probabilities)
    points = table.points[skeleton]
    points += _JITTER * table.spacing[skeleton] * _normal(random, *points.shape)
    return _Curves(table.splines[skeleton] @ points, table.pen_down[skeleton])


def _distort(curves: _Curves, random: np.random.Generator) -> _Curves:
    """Bend each digit, make it tremble, then widen, slant and turn it."""
    digits = len(curves.points)
    x, y = curves.points[..., 0], curves.points[..., 1]
    bend = _BEND * _normal(random, 2, 3, digits, 1)
    products = np.stack([x * x, x * y, y * y])
    x = x + (bend[0] * products).sum(axis=0)
    y = y + (bend[1] * products).sum(axis=0)
    along = np.linspace(0, 2 * np.pi, SAMPLES, dtype=np.float32)
    for waves in (2, 4):
        height = _TREMBLE * _normal(random, 2, digits, 1)
        phase = 2 * np.pi * random.random((2, digits, 1), dtype=np.float32)
        x = x + height[0] * np.sin(waves * along + phase[0])
        y = y + height[1] * np.sin(waves * along + phase[1])
    widening, slant, turn = (
        mean + deviation * _normal(random, digits, 1)
        for mean, deviation in (_WIDENING, _SLANT, _TURN)
    )
    x = np.exp(widening) * x - slant * y
    cos, sin = np.cos(turn), np.sin(turn)
    turned = np.stack([cos * x - sin * y, sin * x + cos * y], axis=2)
    return _Curves(turned, curves.pen_down)


def _ink(curves: _Curves, random: np.random.Generator, size: int) -> _Floats:
    """Ink the curves within the box of 20/28 of the size, (digits, size, size), 0 to 1.

    The pen's footprint is Gaussian. Its sum along the strokes separates into a factor in x and one
    in y, so an image is one matrix product. The sum is scaled so that a long straight line has 1
    along its middle, and is `level` at the pen's radius; there the ink is half.
    """
    pixel = np.float32(size / 28)
    spread = np.exp(_PEN_RADIUS_SPREAD * _normal(random, len(curves.points), 1, 1))
    radius = pixel * np.clip(_PEN_RADIUS * spread, *_PEN_RADIUS_BOUNDS)
    deviation = radius / _PEN_SHARPNESS

    low, high = curves.points.min(axis=1), curves.points.max(axis=1)
    # Ink overhangs its curve by the radius, but the end of a line by less.
    room = 20 * pixel - 1.8 * radius[:, 0]
    scale = room / (high - low).max(axis=1, keepdims=True)
    points = (curves.points - ((low + high) / 2)[:, None]) * scale[:, None] + (size - 1) / 2
    lines = np.diff(points, axis=1)
    lengths = np.hypot(lines[..., 0], lines[..., 1]) * curves.pen_down
    middles = points[:, :-1] + lines / 2

    pixels = np.arange(size, dtype=np.float32)
    across, down = (_gaussian((middles[..., i, None] - pixels) / deviation) for i in (0, 1))
    down *= lengths[..., None] / (deviation * np.float32(np.sqrt(2 * np.pi)))
    footprint = down.transpose(0, 2, 1) @ across

    level = np.exp(np.float32(-(_PEN_SHARPNESS**2) / 2))
    slope = level * _PEN_SHARPNESS / deviation
    # A ramp too wide for its pen is narrowed, or the footprint's tail would grey the background.
    contrast = np.maximum(1 / (slope * _PEN_EDGE * pixel), 0.6 / level)
    ink: _Floats = np.clip(0.5 + (footprint - level) * contrast, 0, 1)
    return ink


def _normal(random: np.random.Generator, *shape: int) -> _Floats:
    return random.standard_normal(shape, dtype=np.float32)


def _gaussian(distances: _Floats) -> _Floats:
    """exp(-d²/2), held above 1e-18: numbers too small for float32 take 10 times as long."""
    weights: _Floats = np.exp(-np.minimum(distances**2, 80) / 2)
    return weights


def _centre(ink: _Floats) -> NDArray[np.uint8]:
    """Move each centre of mass to the middle by whole pixels, and scale to 0 to 255."""
    digits, size, _ = ink.shape
    pixels = np.arange(size)
    mass = ink.sum(axis=(1, 2))
    down = np.rint(size / 2 - ink.sum(axis=2) @ pixels / mass).astype(np.intp)
    right = np.rint(size / 2 - ink.sum(axis=1) @ pixels / mass).astype(np.intp)
    rows = (pixels - down[:, None]) % size
    columns = (pixels - right[:, None]) % size
    moved = ink[np.arange(digits)[:, None, None], rows[:, :, None], columns[:, None, :]]
    images: NDArray[np.uint8] = np.rint(255 * moved).astype(np.uint8)
    return images


def synthetic_dataset(cache_folder: Path | None = None) -> Dataset:
    """Return the data set `synthetic`: 12 000 training and 2 000 test digits of 28x28 pixels.

    With a `cache_folder` they are kept in a file there, which is made anew when it is missing or
    damaged. A folder that cannot be written costs time at the next call and is only logged.
    """
    cache = cache_folder / f"synthetic-{GENERATOR_VERSION}.npz" if cache_folder else None
    examples = _load(cache) if cache else None
    if examples is None:
        examples = _examples(TRAIN_SIZE, seed=1), _examples(TEST_SIZE, seed=2)
        if cache:
            _save(cache, *examples)
    train, test = examples
    return Dataset(
        name="synthetic",
        train=train,
        test=test,
        class_names=tuple("0123456789"),
        class_labels=tuple(range(10)),
        source="digits drawn by strokes on this computer, not written by people",
        synthetic=True,
    )


def _examples(count: int, seed: int) -> Examples:
    """Equally many of each digit, in random order."""
    labels = np.random.default_rng(seed).permutation(np.arange(count) % 10).astype(np.uint16)
    return Examples(draw_digits(labels, seed), labels)


def _load(cache: Path) -> tuple[Examples, Examples] | None:
    """Return the training and test examples in the file, or None when they must be drawn."""
    try:
        with np.load(cache) as file:
            train = Examples(file["train_images"], file["train_labels"])
            test = Examples(file["test_images"], file["test_labels"])
    except FileNotFoundError:
        return None
    except _UNREADABLE as error:
        _log.info("The cached digits in %s cannot be used and are drawn anew: %s", cache, error)
        return None
    return train, test


def _save(cache: Path, train: Examples, test: Examples) -> None:
    """Write the file whole or not at all, so that a reader never meets half of one."""
    temporary = None
    try:
        make_private(cache.parent)
        with tempfile.NamedTemporaryFile(dir=cache.parent, delete=False) as file:
            temporary = Path(file.name)
            np.savez(
                file,
                train_images=train.images,
                train_labels=train.labels,
                test_images=test.images,
                test_labels=test.labels,
            )
        temporary.replace(cache)
    except OSError as error:
        _log.info("The drawn digits could not be cached in %s: %s", cache, error)
        if temporary:
            temporary.unlink(missing_ok=True)
