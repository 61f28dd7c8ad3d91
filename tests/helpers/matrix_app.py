"""The confusion matrix alone in an app, and counts to show in it."""

import numpy as np
from numpy.typing import NDArray
from textual.app import App, ComposeResult
from textual.strip import Strip

from mnist_tui.mistakes.confusion_matrix import ConfusionMatrix
from mnist_tui.settings.themes import DARK, LIGHT

DIGITS = [str(digit) for digit in range(10)]


class CountingMatrix(ConfusionMatrix):
    """Counts the lines that are drawn."""

    lines_drawn = 0

    def render_line(self, y: int) -> Strip:
        self.lines_drawn += 1
        return super().render_line(y)


class MatrixApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        self.chosen: list[tuple[int | None, int | None]] = []

    def compose(self) -> ComposeResult:
        yield CountingMatrix()

    def on_confusion_matrix_chosen(self, event: ConfusionMatrix.Chosen) -> None:
        self.chosen.append((event.true, event.predicted))

    @property
    def matrix(self) -> CountingMatrix:
        return self.query_one(CountingMatrix)

    @property
    def lines(self) -> list[str]:
        strips = self.screen._compositor.render_strips()
        return [strip.text for strip in strips]

    @property
    def whole(self) -> str:
        return "\n".join(self.lines)


def counts(classes: int, each: int = 1000, wrong: int = 40, seed: int = 0) -> NDArray[np.int64]:
    """`each` samples a class, `wrong` of them taken for random others."""
    random = np.random.default_rng(seed)
    matrix = np.diag(np.full(classes, each - wrong)).astype(np.int64)
    for row in range(classes):
        for other in random.integers(1, classes, wrong):
            matrix[row, (row + other) % classes] += 1
    return matrix


def names(classes: int) -> list[str]:
    return [str(label) for label in range(classes)]
