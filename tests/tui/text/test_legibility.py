"""Whether small digits can be read: drawn, made pixels again in another font, and classified.

The characters are drawn in the bitmap font that comes with Pillow, Courier, which is none of those
that the table of shapes was made from. The readers know the images themselves and no characters.
`pytest -s` prints what each of them reads.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ImageFont

from mnist_core.data.dataset import Examples
from mnist_core.data.drawn_digit import resample
from mnist_core.data.registry import load_dataset
from mnist_core.data.synthetic import draw_digits
from mnist_tui.text.cropping import cropped, cropped_shape
from mnist_tui.text.digits import render

Pixels = NDArray[np.uint8]
Artist = Callable[[Pixels, int, int], Pixels]
"""Draws images (n, height, width) into (columns, rows) cells; returns what is seen, as pixels."""
KNOWN, ASKED = 3000, 1500
"""Images that the readers have learned, and others that they are shown."""
RAMP = np.frombuffer(b" .:-=+*#%@", np.uint8)


@pytest.fixture(scope="module", params=["synthetic", "mnist"])
def examples(request: pytest.FixtureRequest, real_mnist: Path | None) -> tuple[Examples, Examples]:
    """To learn from, and to be shown: without their margins."""
    if request.param == "synthetic":
        labels = np.arange(KNOWN + ASKED, dtype=np.uint16) % 10
        images = draw_digits(labels, seed=3)
        train, test = Examples(images, labels), Examples(images[KNOWN:], labels[KNOWN:])
    elif real_mnist is None:
        pytest.skip("the real MNIST is not here")
    else:
        dataset = load_dataset(real_mnist, real_mnist)
        train, test = dataset.train, dataset.test
    shape = cropped_shape(train.images)
    return (
        Examples(cropped(train.images[:KNOWN], shape), train.labels[:KNOWN]),
        Examples(cropped(test.images[:ASKED], shape), test.labels[:ASKED]),
    )


def typed(codes: NDArray[np.uint32]) -> Pixels:
    """(n, rows, columns) printable ASCII as pixels, each cell of Courier 11 x 6."""
    font = ImageFont.load_default_imagefont()
    masks = [font.getmask(chr(code)) for code in range(128)]
    height, width = 11, 6
    bitmaps = np.zeros((128, height, width), np.uint8)
    for code in range(ord(" "), 127):
        assert masks[code].size == (width, height)
        bitmaps[code] = np.array(masks[code], np.uint8).reshape(height, width)
    count, rows, columns = codes.shape
    cells = 255 * (bitmaps[codes] > 0).astype(np.uint8)
    return cells.swapaxes(2, 3).reshape(count, rows * height, columns * width)


def by_shape(images: Pixels, columns: int, rows: int) -> Pixels:
    lines = render(images, columns, rows, "ascii").lines
    return typed(np.array(lines).view(np.uint32).reshape(len(images), rows, columns))


def by_half_blocks(images: Pixels, columns: int, rows: int) -> Pixels:
    shades = render(images, columns, rows, "half-block").shades
    assert shades is not None
    return shades.swapaxes(2, 3).reshape(len(images), 2 * rows, columns)


def by_darkness(images: Pixels, columns: int, rows: int) -> Pixels:
    """What was done before: the darker a cell's mean, the denser its character."""
    levels = resample(images, rows, columns)
    levels *= 255 / np.maximum(levels.max(axis=(1, 2), keepdims=True), 1)
    return typed(RAMP[(levels * (len(RAMP) / 256)).astype(np.intp)].astype(np.uint32))


def features(pixels: Pixels) -> NDArray[np.float32]:
    """(n, 196): what is left of the pixels from afar, whatever the contrast."""
    seen = resample(pixels, 14, 14).reshape(len(pixels), -1)
    seen -= seen.mean(axis=1, keepdims=True)
    normed: NDArray[np.float32] = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    return normed


def shares_read(
    examples: tuple[Examples, Examples], artist: Artist, columns: int, rows: int
) -> tuple[float, float]:
    """(by the nearest mean of a class, by the nearest image): what is read right, 0 to 1."""
    known, asked = examples
    templates = features(known.images)
    means = np.stack([templates[known.labels == label].mean(axis=0) for label in range(10)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    seen = features(artist(asked.images, columns, rows))
    by_mean = (seen @ means.T).argmax(axis=1)
    by_image = known.labels[(seen @ templates.T).argmax(axis=1)]
    return float((by_mean == asked.labels).mean()), float((by_image == asked.labels).mean())


@pytest.mark.parametrize(("columns", "rows"), [(8, 4), (10, 5), (12, 6), (14, 7), (16, 8)])
def test_characters_chosen_by_shape_are_read_about_as_well_as_half_blocks(
    examples: tuple[Examples, Examples], columns: int, rows: int
) -> None:
    read = {
        artist: shares_read(examples, artist, columns, rows)
        for artist in (by_half_blocks, by_shape, by_darkness)
    }
    for artist, (by_mean, by_image) in read.items():
        print(f"{columns}x{rows} {artist.__name__:14} {by_mean:.3f} {by_image:.3f}")  # noqa: T201
    shape, blocks, darkness = (
        np.array(read[artist]) for artist in (by_shape, by_half_blocks, by_darkness)
    )
    assert (shape > darkness).all()
    assert shape.mean() > darkness.mean() + 0.01
    assert (shape > blocks - (0.01 if rows >= 7 else 0.04)).all()
