"""Images drawn with characters: a pure, vectorised function of the images and the cell size.

A terminal cell is taken to be twice as tall as it is wide.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.drawn_digit import Levels, resample
from mnist_tui.text.glyphs import SAMPLES_ACROSS, SAMPLES_DOWN, nearest_glyphs
from mnist_tui.text.picture_style import PictureStyle

_Codes = NDArray[np.uint32]

_BRAILLE_BITS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], np.uint32)
"""The bit of each dot of a braille character, (4 down, 2 across), from the Unicode chart."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Images as lines of characters, in the order of the images."""

    lines: list[list[str]]
    """For each image its rows, all of the same width in cells."""
    shades: NDArray[np.uint8] | None = None
    """Half-blocks only: (images, rows, columns, 2), the ink from 0 to 255 of the upper and the
    lower half of each cell. The other characters are drawn in one colour."""


def ink(images: NDArray[np.uint8], dark_on_light: bool) -> NDArray[np.uint8]:
    """The images with 0 for the background and 255 for full ink, same shape."""
    return 255 - images if dark_on_light else images


def fit(height: int, width: int, columns: int, rows: int) -> tuple[int, int]:
    """(columns, rows) of the largest picture of height x width pixels that fits into the cells."""
    scale = min(columns / width, 2 * rows / height)
    return (
        min(columns, max(1, round(width * scale))),
        min(rows, max(1, round(height * scale / 2))),
    )


def drawn_size(
    height: int, width: int, columns: int, rows: int, style: PictureStyle
) -> tuple[int, int]:
    """(columns, rows) that `render` covers of the cells it is given, as large as the style allows.

    Half-blocks are as large as whole pixels can be where there is a cell for each.
    """
    zoom = _zoom(height, width, columns, rows, style)
    return (width * zoom, -(-height * zoom // 2)) if zoom else fit(height, width, columns, rows)


def render(
    images: NDArray[np.uint8],
    columns: int,
    rows: int,
    style: PictureStyle = "ascii",
    *,
    dark_on_light: bool = False,
) -> Pictures:
    """Draw each of `images` (n, height, width), whole and centred, into rows x columns cells.

    Half-blocks show the pixels themselves, each as a square of equal halves of cells, wherever
    there are as many as pixels: 28 x 28 pixels in 28 x 14 cells, and again in 56 x 28. They also
    stand where images of the terminal would, which are no characters.

    Raises:
        ValueError: if there is not at least one cell.
    """
    if columns < 1 or rows < 1:
        raise ValueError(f"A picture needs at least one cell, not {columns} x {rows}.")
    if style == "pixels":
        style = "half-block"
    images = ink(images, dark_on_light)
    count, height, width = images.shape
    across, down = drawn_size(height, width, columns, rows, style)
    if zoom := _zoom(height, width, columns, rows, style):
        images = _whole_pixels(images, zoom)
    left, top = (columns - across) // 2, (rows - down) // 2
    box = np.s_[:, top : top + down, left : left + across]

    codes = np.full((count, rows, columns), ord(" "), np.uint32)
    shades: NDArray[np.uint8] | None = None
    match style:
        case "ascii":
            fine = _sharpened(images, SAMPLES_DOWN * down, SAMPLES_ACROSS * across)
            codes[box] = nearest_glyphs(fine)
        case "braille":
            codes[box] = _braille_codes(_sharpened(images, 4 * down, 2 * across))
        case "half-block":
            codes[:] = ord("▀")
            halves = resample(images, 2 * down, across).reshape(count, down, 2, across)
            shades = np.zeros((count, rows, columns, 2), np.uint8)
            shades[box] = np.rint(halves).swapaxes(2, 3)
    # NumPy keeps text as one uint32 a character: a row of codes is already a string.
    lines: list[list[str]] = codes.view(f"U{columns}")[..., 0].tolist()
    return Pictures(lines, shades)


def _zoom(height: int, width: int, columns: int, rows: int, style: PictureStyle) -> int:
    """How many half-blocks a pixel has to either side; 0: it is resampled."""
    return min(columns // width, 2 * rows // height) if style == "half-block" else 0


def _whole_pixels(images: NDArray[np.uint8], zoom: int) -> NDArray[np.uint8]:
    """Each pixel as zoom x zoom equal ones; a blank row below where the height would be odd."""
    larger = images.repeat(zoom, axis=1).repeat(zoom, axis=2)
    return np.pad(larger, ((0, 0), (0, larger.shape[1] % 2), (0, 0)))


def _sharpened(images: NDArray[np.uint8], height: int, width: int) -> Levels:
    """Resampled so that the strongest sample is as strong as the strongest pixel was.

    Averaging dims strokes thinner than a cell; without this a thumbnail fades to dots.
    """
    levels = resample(images, height, width)
    peaks = levels.max(axis=(1, 2), keepdims=True)
    strongest = images.max(axis=(1, 2), keepdims=True)
    gain = np.divide(strongest, peaks, out=np.zeros_like(peaks), where=peaks > 0)
    sharpened: Levels = np.minimum(levels * gain, 255, dtype=np.float32)
    return sharpened


def _braille_codes(levels: Levels) -> _Codes:
    """One character for each 4 x 2 samples; a dot stands for at least half of the peak."""
    count, height, width = levels.shape
    peaks = levels.max(axis=(1, 2), keepdims=True)
    dots = (levels >= peaks / 2) & (peaks > 0)
    cells = dots.reshape(count, height // 4, 4, width // 2, 2)
    bits = np.einsum("nrycx,yx->nrc", cells, _BRAILLE_BITS, dtype=np.uint32)
    return np.where(bits, 0x2800 + bits, ord(" ")).astype(np.uint32)
