"""The numbers behind a curve: values that grow while a run goes on."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_tui.charts.extrema import Extrema, drawable
from mnist_tui.charts.growing import GrowingArray
from mnist_tui.charts.smoothing import Smoother


class Series:
    """Values y, each with its place on every x axis: `Series("step", "epoch", "time")`.

    Values that are not finite are kept, drawn as gaps, and never counted in limits.
    """

    def __init__(self, *axes: str) -> None:
        if not axes:
            raise ValueError("a series needs at least one x axis, such as 'step'")
        self._x = {axis: GrowingArray() for axis in axes}
        self._clear()

    def _clear(self) -> None:
        self._y = GrowingArray()
        self._extrema = Extrema(self._y)
        self._gaps = GrowingArray()
        self._smoother: Smoother | None = None
        self._smoothed: Series | None = None

    def __len__(self) -> int:
        return len(self._y)

    @property
    def y(self) -> NDArray[np.float64]:
        """(points,)"""
        return self._y.values

    def x(self, axis: str) -> NDArray[np.float64]:
        """(points,), never decreasing. Raises KeyError for an axis the series was not made with."""
        return self._x[axis].values

    def extend(self, y: ArrayLike, **x: ArrayLike) -> None:
        """Append values (n,) and their places (n,) on every axis; a single number counts as one.

        Raises ValueError, and appends nothing, when an axis is missing or unknown, when the lengths
        differ, or when an axis would go back.
        """
        values = np.atleast_1d(np.asarray(y, np.float64))
        places = {axis: np.atleast_1d(np.asarray(place, np.float64)) for axis, place in x.items()}
        if places.keys() != self._x.keys():
            raise ValueError(f"the series has the x axes {sorted(self._x)}, not {sorted(places)}")
        for axis, place in places.items():
            if place.shape != values.shape or values.ndim != 1:
                raise ValueError(f"{axis} has shape {place.shape}, the values {values.shape}")
            joined = np.concatenate([self.x(axis)[-1:], place])
            if not (np.isfinite(place).all() and (joined[1:] >= joined[:-1]).all()):
                raise ValueError(f"{axis} must be finite and must not go back")
        for axis, place in places.items():
            self._x[axis].extend(place)
        self._append(values)

    def _append(self, values: NDArray[np.float64]) -> None:
        gaps = len(self._y) + np.flatnonzero(np.isnan(drawable(values)))
        self._gaps.extend(gaps.astype(np.float64))
        self._y.extend(values)

    def extrema(
        self, edges: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Smallest and largest drawable value between successive indices `edges` (n+1,), as (n,).

        Without edges, of all points, as (1,). NaN where nothing can be drawn.
        """
        return self._extrema.between(np.array([0, len(self)]) if edges is None else edges)

    def gaps(self, edges: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) Whether a value that cannot be drawn lies between successive `edges` (n+1,)."""
        return np.diff(np.searchsorted(self._gaps.values, edges)) > 0

    def smoothed(self, factor: float) -> "Series":
        """The same places with smoothed values; 0 is the series itself.

        One factor is kept and brought up to date at each call; another one starts from the
        beginning. Raises ValueError as `Smoother` does.
        """
        if factor == 0:
            return self
        if self._smoother is None or self._smoothed is None or self._smoother.factor != factor:
            self._smoother = Smoother(factor)
            self._smoothed = Series(*self._x)
            self._smoothed._x = self._x
        self._smoothed._append(self._smoother.smooth(self.y[len(self._smoothed) :]))
        return self._smoothed

    def at(self, axis: str, place: float, reach: float = 0.0) -> tuple[float, float] | None:
        """Where on `axis` and how much: the nearest point within `reach`, else the last before.

        None when the series has not begun there.
        """
        places = self.x(axis)
        after = int(np.searchsorted(places, place, side="right"))
        before = after - 1
        nearest = before
        if after < len(places) and places[after] - place <= reach:
            ahead = places[after] - place
            nearest = after if before < 0 or ahead < place - places[before] else before
        return None if nearest < 0 else (float(places[nearest]), float(self.y[nearest]))
