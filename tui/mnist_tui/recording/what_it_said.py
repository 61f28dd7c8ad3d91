"""What a recorded model said of samples, and recorded pictures, as text."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mnist_core.store.recordings import RecordedImage, RecordedPredictions
from mnist_tui.text.digits import fit, render
from mnist_tui.text.numbers import count, percent
from mnist_tui.text.visible_text import visible

_MOST_CLASSES = 20
"""Rows of a matrix that can be read."""
_MOST_PAIRS = 12
_PICTURE = (56, 14)
"""The most columns and rows of a picture."""


def said_text(
    predictions: RecordedPredictions | None, images: Sequence[RecordedImage], style: str
) -> RenderableType:
    """Accuracy, confusion matrix and the pairs that are confused most; then the last picture of
    each name. `style` is ascii, or another one for braille.
    """
    parts: list[RenderableType] = []
    if predictions is not None:
        parts += _predictions(predictions)
    latest = {image.name: image for image in images}
    for image in latest.values():
        parts += [Text(""), Text(f"{visible(image.name)} · step {count(image.step)}", style="bold")]
        parts.append(_picture(image.pixels, style))
    return Group(*parts)


def confusions(predictions: RecordedPredictions) -> NDArray[np.int64]:
    """(classes, classes): how many samples of the row's class are taken for the column's."""
    classes = predictions.probabilities.shape[1]
    said = predictions.probabilities.argmax(axis=1)
    matrix = np.zeros((classes, classes), np.int64)
    np.add.at(matrix, (predictions.labels, said), 1)
    return matrix


def _predictions(predictions: RecordedPredictions) -> Iterator[RenderableType]:
    matrix = confusions(predictions)
    right, total = int(np.trace(matrix)), int(matrix.sum())
    line = Text(f"{percent(right / total, 2)} right", style="bold")
    line.append(
        f"  {count(right)} of {count(total, 'sample')} · step {count(predictions.step)}",
        style="not bold dim",
    )
    yield line
    yield Text("")
    if len(matrix) <= _MOST_CLASSES:
        yield _matrix(matrix)
        yield Text("")
    wrong = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_MOST_PAIRS]
    pairs = [divmod(int(index), len(matrix)) for index in order if wrong.flat[index]]
    if not pairs:
        yield Text("Nothing is taken for anything else.", style="dim")
        return
    yield Text("Confused most", style="bold")
    for true, taken in pairs:
        times = count(int(wrong[true, taken]), "time")
        yield Text(f"{true} taken for {taken}  ").append(times, style="dim")


def _matrix(matrix: NDArray[np.int64]) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(justify="right")
    for _ in matrix:
        table.add_column(justify="right", no_wrap=True)
    table.add_row(
        Text("true", style="dim"), *(Text(str(k), style="bold") for k in range(len(matrix)))
    )
    for true, row in enumerate(matrix):
        cells = [
            Text(str(number) if number else "·", style=_tone(true == taken, bool(number)))
            for taken, number in enumerate(row)
        ]
        table.add_row(Text(str(true), style="bold"), *cells)
    return table


def _tone(is_right: bool, is_any: bool) -> str:
    if not is_any:
        return "dim"
    return "" if is_right else "bold red"


def _picture(pixels: NDArray[np.uint8], style: str) -> Text:
    grey = pixels if pixels.ndim == 2 else np.rint(pixels.mean(axis=2)).astype(np.uint8)
    height, width = grey.shape
    columns, rows = fit(height, width, *_PICTURE)
    drawn = render(grey[None], columns, rows, "ascii" if style == "ascii" else "braille")
    return Text("\n".join(drawn.lines[0]))
