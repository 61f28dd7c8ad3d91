"""Digits drawn by strokes: data that looks like MNIST and needs no download.

A digit starts as one of the skeletons of :mod:`mnist_core.strokes`. Its points are jittered, the
curve is bent, slanted, turned and made to tremble, and a soft pen inks it. Then it is brought into
the form of MNIST as LeCun et al. describe it ("Gradient-based learning applied to document
recognition", 1998, section III.A): fitted into a box of 20x20 pixels, its centre of mass moved to
the middle of 28x28. No image of any data set goes into them.
"""

import logging
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_core.dataset import Dataset, Examples, class_names_for
from mnist_core.strokes import SAMPLES, stroke_table

GENERATOR_VERSION = 1
"""Part of the cache's name: raise it with every change to what is drawn."""

TRAIN_SIZE = 12_000
TEST_SIZE = 2_000

_CHUNK = 500
"""Digits drawn at a time; keeps the working memory near 20 MB, small enough for the caches."""

# The style of handwriting. Lengths are in half heights of a digit, angles in radians; each is a
# standard deviation unless it says mean.
_JITTER = 0.10
"""How far a skeleton's point moves, as a share of the distance to its neighbour."""
_BEND = 0.12
_TREMBLE = 0.02
_WIDENING_MEAN, _WIDENING = 0.03, 0.18
"""Logarithm of the ratio of width to height."""
_SLANT_MEAN, _SLANT = 0.08, 0.25
_TURN = 0.10

# The pen, in pixels of a 28x28 image.
_PEN_RADIUS_MEAN, _PEN_RADIUS_DEVIATION = 1.2, 0.3
"""Median, and deviation of the logarithm."""
_PEN_RADIUS_RANGE = 0.75, 2.2
_EDGE = 1.2
"""Width of the ramp from background to full ink."""
_PEN_SHARPNESS = 1.6
"""The pen's radius over the standard deviation of its footprint."""

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


def _normal(random: np.random.Generator, *shape: int) -> _Floats:
    return random.standard_normal(shape, dtype=np.float32)


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
    """Bend, tremble, widen, slant and turn each digit as a whole."""
    count = len(curves.points)
    x, y = curves.points[..., 0], curves.points[..., 1]
    bend = _BEND * _normal(random, 2, 3, count, 1)
    products = np.stack([x * x, x * y, y * y])
    x = x + (bend[0] * products).sum(axis=0)
    y = y + (bend[1] * products).sum(axis=0)
    along = np.linspace(0, 2 * np.pi, SAMPLES, dtype=np.float32)
    for waves in (2, 4):
        amplitude = _TREMBLE * _normal(random, 2, count, 1)
        phase = random.uniform(0, 2 * np.pi, (2, count, 1)).astype(np.float32)
        x = x + amplitude[0] * np.sin(waves * along + phase[0])
        y = y + amplitude[1] * np.sin(waves * along + phase[1])
    x = x * np.exp(_WIDENING_MEAN + _WIDENING * _normal(random, count, 1))
    x = x - (_SLANT_MEAN + _SLANT * _normal(random, count, 1)) * y
    turn = _TURN * _normal(random, count, 1)
    cos, sin = np.cos(turn), np.sin(turn)
    return _Curves(np.stack([cos * x - sin * y, sin * x + cos * y], axis=2), curves.pen_down)


def _ink(curves: _Curves, random: np.random.Generator, size: int) -> _Floats:
    """Draw the curves into the 20x20 box, (digits, size, size), 0 to 1.

    The pen's footprint is Gaussian. Summed along the strokes it is a product of a factor in x and
    one in y, so each image is one matrix product. A long straight stroke has 1 along its middle
    and `level` at the pen's radius; around that the ink goes from 0 to 1.
    """
    pixel = np.float32(size / 28)
    spread = np.exp(_PEN_RADIUS_DEVIATION * _normal(random, len(curves.points), 1, 1))
    radius = pixel * np.clip(_PEN_RADIUS_MEAN * spread, *_PEN_RADIUS_RANGE)
    deviation = radius / np.float32(_PEN_SHARPNESS)
    low, high = curves.points.min(axis=1), curves.points.max(axis=1)
    # Curves overhang their points by the radius on each side, the ends of lines by less.
    room = 20 * pixel - 1.6 * radius[:, 0]
    scale = room / (high - low).max(axis=1, keepdims=True)
    points = (curves.points - ((low + high) / 2)[:, None]) * scale[:, None] + (size - 1) / 2
    steps = np.diff(points, axis=1)
    lengths = np.hypot(steps[..., 0], steps[..., 1]) * curves.pen_down
    middles = points[:, :-1] + steps / 2
    pixels = np.arange(size, dtype=np.float32)
    from_x, from_y = ((middles[..., axis, None] - pixels) / deviation for axis in (0, 1))
    weights = lengths[..., None] / (deviation * np.float32(np.sqrt(2 * np.pi)))
    footprint = (weights * np.exp(-(from_y**2) / 2)).transpose(0, 2, 1) @ np.exp(-(from_x**2) / 2)
    level = np.float32(np.exp(-(_PEN_SHARPNESS**2) / 2))
    slope = level * _PEN_SHARPNESS / deviation
    # A thin pen has no room for the full ramp; below this contrast the background would be grey.
    contrast = np.maximum(1 / (slope * _EDGE * pixel), 0.5 / level)
    ink: _Floats = np.clip(0.5 + (footprint - level) * contrast, 0, 1)
    return ink


def _centre(ink: _Floats) -> NDArray[np.uint8]:
    """Move the centre of mass to the middle by whole pixels and scale to 0 to 255."""
    count, size, _ = ink.shape
    pixels = np.arange(size)
    mass = ink.sum(axis=(1, 2))
    down = np.rint(size / 2 - ink.sum(axis=2) @ pixels / mass).astype(np.intp)
    right = np.rint(size / 2 - ink.sum(axis=1) @ pixels / mass).astype(np.intp)
    rows = (pixels - down[:, None]) % size
    columns = (pixels - right[:, None]) % size
    moved = ink[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return np.rint(255 * moved).astype(np.uint8)


def synthetic_dataset(cache_folder: Path | None = None) -> Dataset:
    """Return the data set `synthetic`: 12 000 training and 2 000 test digits of 28x28 pixels.

    With a `cache_folder` they are read from a file there, which is written when it is missing,
    damaged or of another version. A folder that cannot be written is logged and costs only time.
    """
    cache = cache_folder / f"synthetic-{GENERATOR_VERSION}.npz" if cache_folder else None
    examples = _read(cache) if cache else None
    if examples is None:
        examples = _examples(TRAIN_SIZE, seed=1), _examples(TEST_SIZE, seed=2)
        if cache:
            _write_cache(cache, *examples)
    return Dataset(
        name="synthetic",
        train=examples[0],
        test=examples[1],
        class_names=class_names_for(range(10)),
        class_labels=tuple(range(10)),
        source="digits drawn by strokes on this computer, not written by people",
        synthetic=True,
    )


def _examples(count: int, seed: int) -> Examples:
    """Equally many of each digit, in random order."""
    labels = np.random.default_rng(seed).permutation(np.arange(count) % 10).astype(np.uint16)
    return Examples(draw_digits(labels, seed), labels)


def _read(cache: Path) -> tuple[Examples, Examples] | None:
    """Return the cached training and test examples; None when they must be drawn anew."""
    try:
        with np.load(cache) as file:
            train = Examples(file["train_images"], file["train_labels"])
            test = Examples(file["test_images"], file["test_labels"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        _log.info("The cached digits in %s cannot be used and are drawn anew: %s", cache, error)
        return None
    return train, test


def _write_cache(cache: Path, train: Examples, test: Examples) -> None:
    """Write the file whole or not at all, so that a reader never meets half of one."""
    temporary = None
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
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
