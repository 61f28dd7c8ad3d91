"""What a chart shows: curves and axes, as plain values, and how far its x axis goes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from typing import Literal

from mnist_tui.charts.axes import SMALLEST_ON_LOG, AxisUnit, Limits, Scale, stepped_limits
from mnist_tui.charts.series import Series
from mnist_tui.charts.view import Extent

_FEWEST_POINTS = 4
"""Of the densest curve, in the smallest window."""


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
    stretches: bool = True
    """Whether limits make room for it, if there is another one that they can follow."""
    right: bool = False
    """Drawn over the axis on the right, which only one kind of value shares."""

    @property
    def drawn(self) -> Series:
        """The series with its smoothing."""
        return self.series.smoothed(self.smoothing)

    @property
    def is_noise(self) -> bool:
        """Whether it is the cloud behind a curve, which limits follow only where it is alone."""
        return self.line is LineStyle.NOISE


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
    cut_start: bool = False
    """Let the limits follow the last four fifths of each curve, and cut off how it began."""


class Ink(IntEnum):
    """What a cell shows; the curve with index i has the ink CURVE + i."""

    PLAIN = 0
    AXIS = 1
    LABEL = 2
    BOUNDARY = 3
    CURSOR = 4
    GAP = 5
    ANNOTATION = 6
    CURVE = 7


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


def x_limits(plot: Plot, current: Limits | None) -> Limits:
    """From 0 to the planned end, or as far as the curves go; `current` while it serves."""
    axis = plot.x
    if axis.window is not None:
        return Limits(*axis.window, axis.scale)
    places = [curve.series.x(axis.column) for curve in plot.curves if len(curve.series)]
    low = min((float(place[0]) for place in places), default=0.0)
    high = max((float(place[-1]) for place in places), default=1.0)
    low = max(low, SMALLEST_ON_LOG) if axis.scale is Scale.LOG else min(low, 0.0)
    if axis.end is not None and low < axis.end >= high:
        return Limits(low, axis.end, axis.scale)
    high = max(high, low + 1e-9)
    if axis.scale is Scale.LINEAR and high < 1:
        # A first moment on the axis of time should not show limits of microseconds.
        high = 1.0
    limits = stepped_limits(current, low, high, axis.scale)
    if current is not None and limits.high > current.high:
        # What has outgrown its axis will go on growing.
        limits = stepped_limits(None, low, low + 1.25 * (high - low), axis.scale)
    return limits


def extent(plot: Plot) -> Extent | None:
    """All that `plot` could show on its x axis, whatever its window; None without points."""
    every = [curve.series.x(plot.x.column) for curve in plot.curves if len(curve.series)]
    if not every:
        return None
    limits = x_limits(replace(plot, x=replace(plot.x, window=None)), None)
    steps = [float(x[-1] - x[0]) / (len(x) - 1) for x in every if len(x) > 1 and x[-1] > x[0]]
    smallest = _FEWEST_POINTS * min(steps, default=limits.high - limits.low)
    return Extent(limits.low, limits.high, smallest)
