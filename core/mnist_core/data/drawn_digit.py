"""A digit drawn by hand, and how it is brought into the form of MNIST. NumPy only.

"Gradient-based learning applied to document recognition", 1998, section III.A: the images "were
size normalized to fit in a 20x20 pixel box while preserving their aspect ratio", with grey levels
"as result of the anti-aliasing", and centred in 28x28 "by computing the center of mass of the
pixels, and translating the image so as to position this point at the center".
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
"""x to the right and y down, in pixels from the canvas's upper left corner; pixel 0 ends at 1."""

PEN_RADIUS = 1.2
"""Pixels of a 28x28 canvas from a stroke's middle to where its ink is half."""
ERASER_RADIUS = 2.2
_EDGE = 1.2
"""Width of the ramp from background to full ink."""
_MOST_STROKES = 200
"""That can be taken back."""
_BOX_SHARE = 20 / 28
"""Of a normalised image's height and width, that its ink fills."""

Levels = NDArray[np.float32]


class Drawing:
    """The ink on a canvas; a stroke goes from `begin` to the next `begin`, and can be undone."""

    def __init__(self, height: int, width: int) -> None:
        self.ink = np.zeros((height, width), np.uint8)
        """(height, width), background 0, full ink 255; another array after each change."""
        self._before: list[NDArray[np.uint8]] = []
        rows, columns = np.indices((height, width), dtype=np.float32)
        self._x, self._y = columns + 0.5, rows + 0.5
        self._pixel = min(height, width) / 28

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        height, width = self.ink.shape
        return height, width

    @property
    def is_blank(self) -> bool:
        return not self.ink.any()

    @property
    def can_undo(self) -> bool:
        return any(before is not self.ink for before in self._before)

    def begin(self) -> None:
        """What is drawn from now on is a stroke of its own."""
        if not self._before or self._before[-1] is not self.ink:
            self._before = [*self._before[1 - _MOST_STROKES :], self.ink]

    def line(self, start: Point, end: Point, *, erase: bool = False) -> None:
        """Draw from `start` to `end`, without holes however far they are apart; or erase."""
        radius = ERASER_RADIUS if erase else PEN_RADIUS
        covered = self._covered(start, end, radius)
        if erase:
            self._set(np.minimum(self.ink, 255 - covered))
        else:
            self._set(np.maximum(self.ink, covered))

    def clear(self) -> None:
        """Blank the canvas, as a stroke that can be undone."""
        self.begin()
        self._set(np.zeros_like(self.ink))

    def undo(self) -> None:
        """Take the last stroke back that changed anything."""
        while self._before:
            before = self._before.pop()
            if before is not self.ink:
                self.ink = before
                return

    def _set(self, ink: NDArray[np.uint8]) -> None:
        if not np.array_equal(ink, self.ink):
            self.ink = ink

    def _covered(self, start: Point, end: Point, radius: float) -> NDArray[np.uint8]:
        """(height, width), 0 to 255, by the distance of each pixel's middle to the line."""
        (x, y), (across, down) = start, (end[0] - start[0], end[1] - start[1])
        length = across**2 + down**2
        along = ((self._x - x) * across + (self._y - y) * down) / (length or 1.0)
        nearest = np.clip(along, 0, 1)
        distance = np.hypot(self._x - x - nearest * across, self._y - y - nearest * down)
        share = np.clip((radius - distance / self._pixel) / _EDGE + 0.5, 0, 1)
        return np.rint(255 * share).astype(np.uint8)


def resample(images: NDArray[np.uint8] | Levels, height: int, width: int) -> Levels:
    """The images (n, h, w) at another size, as float32 (n, height, width) in the same range.

    Along an axis that shrinks, each sample is the mean of the area it covers, so no ink is lost;
    along one that grows, samples are interpolated linearly.
    """
    _, old_height, old_width = images.shape
    narrowed: Levels = images.astype(np.float32) @ _weights(old_width, width).T
    levels: Levels = _weights(old_height, height) @ narrowed
    return levels


def _weights(old: int, new: int) -> Levels:
    """(new, old), rows that sum to 1: how much each old sample counts in each new one."""
    old_samples = np.arange(old)
    if new > old:
        centres = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        weights: NDArray[np.float64] = 1 - np.abs(centres[:, None] - old_samples)
        return np.maximum(weights, 0, dtype=np.float32)
    edges = np.arange(new + 1)[:, None] * old / new
    overlap = np.minimum(edges[1:], old_samples + 1) - np.maximum(edges[:-1], old_samples)
    return np.maximum(overlap * new / old, 0, dtype=np.float32)


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
