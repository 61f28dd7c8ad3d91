"""What a chart shows: curves and axes, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from mnist_tui.charts.axes import AxisUnit, Scale
from mnist_tui.charts.series import Series


class LineStyle(Enum):
    """How points are joined; the name of each is its picture in the legend."""

    SOLID = "━━"
    DASHED = "╍╍"
    DOTTED = "┈┈"
    NOISE = "░░"
    """Solid on the plot area; for raw values behind their smoothed curve."""
    NONE = ""
    """Markers alone."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve. Later curves lie above earlier ones; a cell belongs to the uppermost in it."""

    series: Series
    color: str
    """`#rrggbb`, a colour name, or a variable of the theme such as `$primary`."""
    label: str = ""
    """What the legend calls it; without one it has no entry there."""
    line: LineStyle = LineStyle.SOLID
    marker: str = ""
    """One character for each point, such as ●; empty for none."""
    dim: bool = False
    beside: bool = False
    """Of another run than the one at hand: in the legend it comes later and gives way first."""
    smoothing: float = 0.0
    """0 <= smoothing < 1."""
    best: Literal["low", "high"] | None = None
    """Which extreme the legend calls the best."""
    right: bool = False
    """Drawn over the axis on the right, which only one kind of value shares."""

    @property
    def drawn(self) -> Series:
        """The series with its smoothing."""
        return self.series.smoothed(self.smoothing)


@dataclass(frozen=True, slots=True)
class XAxis:
    column: str = "step"
    """Which x axis of the series is drawn."""
    unit: AxisUnit = AxisUnit.COUNT
    title: str = "step"
    end: float | None = None
    """Where the run is planned to end. The axis goes there, or farther when the curves do."""
    scale: Scale = Scale.LINEAR
    window: tuple[float, float] | None = None
    """The part to show, low < high, instead of everything."""


@dataclass(frozen=True, slots=True)
class YAxis:
    unit: AxisUnit = AxisUnit.NUMBER
    scale: Scale = Scale.LINEAR
    include: float | None = None
    """A value that is always within the limits, such as 0; not on a log scale."""
    bounds: tuple[float, float] | None = None
    """Limits never go beyond: (0, 1) for an accuracy."""
    ignore_outliers: bool = False
    """Let the limits leave out the lowest and the highest 5 % of the curves' lengths."""
    window: tuple[float, float] | None = None
    """The part to show, low < high, instead of limits that follow the curves."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """Something that happened at a place on the x axis, in a few words."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class Plot:
    curves: Sequence[Curve] = ()
    x: XAxis = XAxis()
    y: YAxis = YAxis()
    right: YAxis | None = None
    """Of the curves that are drawn over the axis on the right, where there are any."""
    boundaries: Sequence[float] = ()
    """Places on the x axis with a vertical line, such as the ends of epochs."""
    annotations: Sequence[Annotation] = ()
    """In the order of their places."""
    cursor: float | None = None
    """The place on the x axis that is read out."""
    empty: str = ""
    """What stands there while no curve has points."""
