"""How the curves of a screen are looked at: one value that all its charts share."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace

SMOOTHING = 0.9
SMOOTHINGS = (0.0, 0.5, 0.8, SMOOTHING, 0.95, 0.98, 0.99)
"""What the keys go through."""

KEY_ZOOM = 2.0
"""How many times as long a curve looks after one press of a key."""
WHEEL_ZOOM = 1.25
KEY_PAN = 0.25
"""The part of the window that one press moves it by."""

Window = tuple[float, float]
"""A part of the x axis, low < high."""


@dataclass(frozen=True, slots=True)
class Extent:
    """All there is on the x axis, and the least of it that may fill a chart."""

    low: float
    high: float
    smallest: float

    @property
    def length(self) -> float:
        return self.high - self.low

    def fitted(self, low: float, length: float) -> Window | None:
        """The window nearest to this one that lies within; None for all there is.

        It is no shorter than `smallest`.
        """
        length = max(length, self.smallest)
        if length >= self.length * (1 - 1e-9):
            return None
        low = min(max(low, self.low), self.high - length)
        return low, low + length


@dataclass(frozen=True, slots=True)
class View:
    axis: str = "step"
    smoothing: float = SMOOTHING
    """Of curves with a value for each batch: 0 <= smoothing < 1."""
    log: bool | None = None
    """Whether losses, and errors in place of accuracies, are drawn on logarithmic axes; None: the
    loss of a run that has diverged is.
    """
    log_gradients: bool = True
    cut_start: bool = True
    """Whether axes leave out how long curves began, so that what matters now can be told apart."""
    window: Window | None = None
    """The part of the x axis to show; None follows the run."""
    mean_of_seeds: bool = False
    """Whether runs that differ in the seed alone are drawn as their mean and a band."""
    gradients: bool | None = None
    """Whether the third chart is shown; None: where there is plenty of room."""

    def zoomed(self, times: float, about: float | None, extent: Extent) -> "View":
        """With curves `times` as long, where the place `about` stays; without one, the middle."""
        low, high = self.shown(extent)
        about = (low + high) / 2 if about is None or not low <= about <= high else about
        length = max((high - low) / times, extent.smallest)
        share = (about - low) / (high - low)
        return replace(self, window=extent.fitted(about - share * length, length))

    def panned(self, by: float, extent: Extent) -> "View":
        """Moved by so many lengths of its window, as far as there is anything to see."""
        if self.window is None:
            return self
        low, high = self.shown(extent)
        return replace(self, window=extent.fitted(low + by * (high - low), high - low))

    def shown(self, extent: Extent) -> Window:
        """What of `extent` is in view, also where the window was made for another run."""
        return self.within(extent) or (extent.low, extent.high)

    def within(self, extent: Extent) -> Window | None:
        """The window, moved into `extent`; None for all of that."""
        if self.window is None:
            return None
        low, high = self.window
        return extent.fitted(low, high - low)

    def can_zoom(self, extent: Extent) -> bool:
        """Whether less could be shown."""
        low, high = self.shown(extent)
        return high - low > extent.smallest * (1 + 1e-9)

    def resmoothed(self, by: int) -> "View":
        """With the next value of `SMOOTHINGS`, or with `by` = -1 the one before; at its end, as
        it is.
        """
        if by > 0:
            index = bisect_right(SMOOTHINGS, self.smoothing)
        else:
            index = bisect_left(SMOOTHINGS, self.smoothing) - 1
        if not 0 <= index < len(SMOOTHINGS):
            return self
        return replace(self, smoothing=SMOOTHINGS[index])
