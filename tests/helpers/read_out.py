"""What charts say, at their cursor and as text."""

from mnist_tui.charts.chart import Chart
from mnist_tui.charts.renderer import Picture


def read_out(chart: Chart) -> dict[str, tuple[float, float] | None]:
    """Label -> (place, value) of each curve with a label, as the legend finds them; None for a
    curve that has not begun there. Empty without a cursor, and while nothing is drawn.
    """
    picture, plot = chart._composed(), chart.plot
    if picture.area is None or plot.cursor is None:
        return {}
    x = picture.area.x
    half_a_cell = (x.high - x.low) / picture.codes.shape[1] / 2
    return {
        curve.label: curve.drawn.at(plot.x.column, plot.cursor, half_a_cell)
        for curve in plot.curves
        if curve.label
    }


def text_of(picture: Picture) -> list[str]:
    """The rows of a picture without colours."""
    header = ["".join(text for text, _ in row) for row in picture.header]
    return header + [row.tobytes().decode("utf-32-le") for row in picture.codes]
