"""How a canvas of pixels lies on the cells of a terminal."""

from dataclasses import dataclass

from mnist_core.drawing import Point
from mnist_tui.digits import drawn_size


@dataclass(frozen=True, slots=True)
class Measures:
    """A canvas of height x width pixels, spread over rows x columns cells."""

    height: int
    width: int
    rows: int
    columns: int

    @classmethod
    def fitting(cls, height: int, width: int, columns: int, rows: int) -> "Measures":
        """As large as fits into the cells, each pixel as many half-blocks wide as high."""
        across, down = drawn_size(height, width, max(1, columns), max(1, rows), "half-block")
        return cls(height, width, down, across)

    @property
    def pixels_across(self) -> float:
        """In a cell, from left to right."""
        return self.width / self.columns

    @property
    def pixels_down(self) -> float:
        """In a cell, from top to bottom."""
        # An odd number of half-blocks leaves the last half of the last row blank.
        whole = self.columns % self.width == 0
        return 2 * self.pixels_across if whole else self.height / self.rows

    def point(self, x: float, y: float) -> Point:
        """The place on the canvas of a place in cells, from the canvas's upper left corner."""
        return x * self.pixels_across, y * self.pixels_down

    def cell(self, column: int, row: int) -> tuple[int, int]:
        """(x, y) of the cell that shows the middle of a pixel."""
        x, y = int((column + 0.5) / self.pixels_across), int((row + 0.5) / self.pixels_down)
        return min(x, self.columns - 1), min(y, self.rows - 1)
