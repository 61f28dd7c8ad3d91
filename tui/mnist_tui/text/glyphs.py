"""The shapes of characters: which parts of its cell each of them inks."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from mnist_core.data.drawn_digit import Levels

SAMPLES_ACROSS = 3
SAMPLES_DOWN = 6
"""Parts of a cell, which is taken to be twice as tall as it is wide: each part is a square."""

_COVERAGE = {
    " ": "000 000 000 000 000 000",
    ".": "000 000 000 010 070 000",
    "'": "000 060 030 000 000 000",
    "`": "010 040 000 000 000 000",
    ",": "000 000 000 000 090 040",
    "-": "000 000 000 252 000 000",
    "_": "000 000 000 000 000 454",
    ":": "000 000 080 000 070 000",
    ";": "000 000 080 000 090 040",
    "/": "001 015 061 060 420 200",
    "\\": "100 510 150 060 024 002",
    "|": "010 060 060 060 060 040",
    "(": "010 051 250 250 060 021",
    ")": "010 150 052 052 060 120",
    "[": "020 061 050 050 060 041",
    "]": "020 160 050 050 060 140",
    "{": "011 061 160 270 060 032",
    "}": "110 160 061 072 060 230",
    "<": "000 001 263 461 013 000",
    ">": "000 100 362 164 310 000",
    "!": "000 050 060 030 060 000",
    "j": "010 040 281 051 061 360",
    "J": "000 164 016 016 472 000",
    "l": "110 370 060 060 063 000",
    "L": "000 410 610 610 464 000",
    "T": "000 585 070 070 050 000",
    "Y": "000 505 373 080 050 000",
    "V": "000 505 616 282 080 000",
    "v": "000 000 606 363 080 000",
    "o": "000 000 555 707 464 000",
    "c": "000 000 363 700 263 000",
    "C": "000 264 700 700 264 000",
    "U": "000 505 707 707 464 000",
    "u": "000 000 606 607 455 000",
    "O": "000 464 707 707 364 000",
    "^": "020 262 222 101 000 000",
    '"': "000 373 232 000 000 000",
    "=": "000 000 353 353 000 000",
    "+": "000 000 060 383 010 000",
    "~": "000 000 121 343 000 000",
    "%": "000 532 573 366 245 000",
    "#": "000 044 486 684 440 000",
    "@": "000 353 537 566 655 032",
    "*": "000 121 272 161 000 000",
    "&": "000 351 552 646 565 000",
    "$": "010 282 561 056 383 020",
    "F": "000 464 552 531 410 000",
    "f": "001 073 393 060 050 000",
    "P": "000 565 717 752 500 000",
    "g": "000 000 556 635 466 454",
    "?": "000 264 044 040 060 000",
}
"""Each part's share of ink, row by row from the top, in fifteenths as hexadecimal digits.

`scripts/glyph_table.py` wrote it: the mean of DejaVu Sans Mono, Fira Mono and Source Code Pro.
"""

_FULL_INK = 0.4
"""What full ink asks of each part: about as much of a cell as the densest characters cover."""


def nearest_glyphs(levels: Levels) -> NDArray[np.uint32]:
    """The characters that look most like the images `levels`, 0 (no ink) to 255, as code points.

    `levels` is (n, SAMPLES_DOWN * rows, SAMPLES_ACROSS * columns), the answer (n, rows, columns):
    of each cell the character with the least sum of squared differences over the cell's parts,
    to which that of their mean is added as often as there are parts.
    """
    count, height, width = levels.shape
    rows, columns = height // SAMPLES_DOWN, width // SAMPLES_ACROSS
    parts = levels.reshape(count, rows, SAMPLES_DOWN, columns, SAMPLES_ACROSS).swapaxes(2, 3)
    codes, shapes = _glyphs()
    cells = _with_mean(np.float32(_FULL_INK / 255) * parts.reshape(-1, shapes.shape[1] - 1))
    # |cell - shape|^2 without |cell|^2, which is the same for every shape.
    costs = (shapes**2).sum(axis=1) - 2 * (cells @ shapes.T)
    best: NDArray[np.intp] = costs.argmin(axis=1)
    return codes[best].reshape(count, rows, columns)


@cache
def _glyphs() -> tuple[NDArray[np.uint32], Levels]:
    """The characters as code points (glyphs,), and what each covers, as from `_with_mean`."""
    codes = np.array([ord(character) for character in _COVERAGE], np.uint32)
    rows = [[int(share, 16) for share in text.replace(" ", "")] for text in _COVERAGE.values()]
    return codes, _with_mean(np.divide(rows, 15, dtype=np.float32))


def _with_mean(parts: Levels) -> Levels:
    """(n, parts + 1): a last column whose squares weigh as much as those of all parts together.

    Seen from afar a cell is a tone; by its parts alone an even grey would be any odd shape.
    """
    weight = np.float32(np.sqrt(parts.shape[1]))
    return np.hstack([parts, weight * parts.mean(axis=1, keepdims=True)])
