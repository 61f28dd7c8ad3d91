"""A digit drawn by hand: strokes of a soft pen on a canvas, and the way back. NumPy only."""

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
